import { failure } from '../tree.js';
import { Cache } from './cache.js';
import { later } from './rows.js';

/** A project's row and members; see app.d.ts. */
export class ProjectStore extends Cache {
  #id;
  #project = null;

  constructor(client, id, options) {
    super(client, options);
    this.#id = id;
  }

  _view() {
    return { project: this.#project, isLoaded: this._isLoaded, error: this._error };
  }

  _channels() {
    return [[`project:${this.#id}`, { 'project.*': (event) => this.#take(event) }]];
  }

  _read() {
    return this._call('project.get', { id: this.#id });
  }

  _fill(project) {
    this.#project = project;
  }

  #take({ type, payload: { id, data, oversize } }) {
    if (id !== this.#id) return;
    if (type === 'project.deleted') {
      this.#project = null;
      return void this._fail(failure('not_found', 404, 'the project was deleted', {}));
    }
    if (oversize) return void this.refetch();
    // events do not carry its members
    if (data && this.#project) this.#project = { ...this.#project, ...later(this.#project, data) };
    this._changed();
  }
}
