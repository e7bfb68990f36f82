import { failure } from '../tree.js';
import { Cache, quiet } from './cache.js';
import { later } from './rows.js';

const stepOf = ({ to_state, state_label, label, needs_reason, returns }) =>
  ({ to: to_state, label, stateLabel: state_label, needsReason: needs_reason, returns });

/**
 * Status of an automation version and the steps from there; see app.d.ts.
 *
 * What must stay true: the steps are those of the status that is shown, or none while they are being asked for; what was
 * asked before a step was heard of does not count.
 */
export class StatusChip extends Cache {
  #id;
  #isOptimistic;
  #version = null;
  #status = null;
  #allowed = [];
  #wanted = null; // { to } of the step under way
  #heard = 0; // steps

  constructor(client, id, { mode = 'pending', ...options } = {}) {
    super(client, options);
    this.#id = id;
    this.#isOptimistic = mode === 'optimistic';
  }

  transition(to, note) {
    return quiet(this.#step(to, note));
  }

  async #step(to, reason) {
    if (this.#wanted) throw failure('conflict', 409, 'another step is under way', {});
    this._error = null;
    this.#wanted = { to };
    this._changed();
    try {
      const params = { id: this.#id, to, ...(reason && { reason }), ...(this.#status && { expected: this.#status }) };
      const answer = await this._call('automation_version.transition', params, { order: this.#id });
      this.#wanted = null;
      this.#entered(answer.to);
    } catch (error) {
      this.#wanted = null;
      this._fail(error);
      // what was shown is not what is there
      if (error.retry === 'refetch' || error.status === 422) this.#ask();
      throw error;
    }
  }

  _view() {
    const { to } = this.#wanted ?? {};
    const isAhead = this.#isOptimistic && to && to !== 'previous';
    return {
      version: this.#version,
      status: isAhead ? to : this.#status,
      allowed: isAhead ? [] : this.#allowed,
      isPending: this.#wanted !== null,
      isLoaded: this._isLoaded,
      error: this._error,
    };
  }

  _channels() {
    return [
      [
        `automation_version:${this.#id}`,
        {
          'automation_version.status_changed': ({ payload }) => this.#entered(payload.to),
          'automation_version.updated': ({ payload }) => this.#take(payload),
        },
      ],
    ];
  }

  async _read() {
    const id = this.#id;
    const [{ blueprint_json, requirements, ...version }, steps] = await Promise.all([
      this._call('automation_version.get', { id }),
      this.#steps(),
    ]);
    return { version, steps };
  }

  _fill({ version, steps }) {
    this.#version = version;
    this.#know(steps);
  }

  #take({ id, data, oversize }) {
    if (id !== this.#id) return;
    if (oversize) return void this.refetch();
    if (data && this.#version) this.#version = { ...this.#version, ...later(this.#version, data) };
    this._changed();
  }

  // The steps from there are not known yet.
  #entered(status) {
    this.#heard++;
    if (status !== this.#status) this.#allowed = [];
    this.#status = status;
    if (this.#version) this.#version = { ...this.#version, status };
    this._changed();
    this.#ask();
  }

  #steps() {
    return this._call('automation_version.available_transitions', { id: this.#id });
  }

  #ask() {
    const heard = this.#heard;
    const known = this._while((steps) => {
      if (heard !== this.#heard) return;
      this.#know(steps);
      this._changed();
    });
    const failed = this._while(() => heard === this.#heard && this.refetch());
    quiet(this.#steps().then(known, failed));
  }

  #know({ status, transitions }) {
    this.#status = status;
    this.#allowed = transitions.map(stepOf);
  }
}
