import { OptimisticManager } from '../optimistic.js';
import { Cache, quiet } from './cache.js';
import { Keys } from './keys.js';
import { later, parts, place } from './rows.js';

const PAGE = 200; // the most that a call answers
const NEW = { status: 'open', kind: 'general_todo', priority: 'normal', description: null, assignee_id: null, due_at: null };

/**
 * Tasks of a project or an automation version, shown as they will be; see app.d.ts.
 *
 * Bound: `most` tasks are read.
 */
export class TaskList extends Cache {
  #resource;
  #about; // { project_id } or { automation_version_id }
  #all;
  #most;
  #isCancelledShown;
  #hasMore = false;
  #keys = new Keys(); // of those that were made here
  #shown = new WeakMap(); // row -> task
  #names = new Map(); // of assignees: a row that is changed here has the name of the one before

  constructor(client, resource, { cancelled = false, most = 1000, ...options } = {}) {
    super(client, options);
    const { kind, id } = parts(resource);
    this.#resource = resource;
    this.#about = { [`${kind}_id`]: id };
    this.#most = most;
    this.#isCancelledShown = cancelled;
    this.#all = new OptimisticManager(client, { ...options, later });
    this.#all.on('change', () => this._changed());
    this.#all.on('error', (error) => this._fail(error));
    this.#all.on('stale', () => this._isOpen && quiet(this.refetch()));
    this.#all.on('id', (temporary, id) => this.#keys.learn(id, temporary));
  }

  create({ status, ...fields }) {
    return this.#do(() => this.#all.create({ ...NEW, ...this.#about, ...fields }, 'task.create', { ...fields, ...this.#about }));
  }

  update(id, fields) {
    return this.#do(() => this.#all.update(id, fields, 'task.update', { id, ...fields }));
  }

  toggle(id) {
    const isOver = ['done', 'cancelled'].includes(this.#all.get(id)?.status);
    return this.update(id, { status: isOver ? 'open' : 'done' });
  }

  remove(id) {
    return this.update(id, { status: 'cancelled' });
  }

  isPending(id) {
    return this.#all.isPending(id);
  }

  _view() {
    const isShown = ({ status }) => this.#isCancelledShown || status !== 'cancelled';
    const isMade = ({ created_at }) => created_at !== undefined;
    const rows = this.#all.items.filter(isShown);
    const known = rows.filter(isMade).map((row) => [place(row), row]);
    known.sort(([a], [b]) => (a < b ? 1 : -1));
    const tasks = [...rows.filter((row) => !isMade(row)).reverse(), ...known.map(([, row]) => row)];
    return {
      tasks: tasks.map((row) => this.#task(row)),
      hasMore: this.#hasMore,
      pending: this.#all.pending,
      isLoaded: this._isLoaded,
      error: this._error,
    };
  }

  _channels() {
    return [[this.#resource, { 'task.*': (event) => this.#take(event) }]];
  }

  async _read() {
    const { answers } = this.#all;
    const tasks = [];
    let after = null;
    do {
      const params = { ...this.#about, limit: PAGE, ...(after && { after }) };
      const page = await this._call('task.list', params);
      tasks.push(...page.tasks);
      after = page.next;
    } while (after && tasks.length < this.#most);
    return { tasks, hasMore: after !== null, answers };
  }

  _fill({ tasks, hasMore, answers }) {
    tasks.forEach((row) => this.#meet(row));
    this.#hasMore = hasMore;
    this.#all.load(tasks, answers);
  }

  #take(event) {
    const { data } = event.payload;
    const [[name, value]] = Object.entries(this.#about);
    if (data) this.#meet(data);
    // what is about something else now is not here any more
    const isGone = data && data[name] !== value;
    this.#all.take(isGone ? { ...event, type: 'task.deleted' } : event);
  }

  #do(begin) {
    this._error = null;
    return quiet(begin().done.then(() => {}));
  }

  #meet({ assignee_id, assignee_name }) {
    if (assignee_id) this.#names.set(assignee_id, assignee_name);
  }

  // The same object for the same row.
  #task(row) {
    const assignee_name = this.#names.get(row.assignee_id) ?? null;
    if (!this.#shown.has(row)) this.#shown.set(row, { ...row, assignee_name, key: this.#keys.of(row.id) });
    return this.#shown.get(row);
  }
}
