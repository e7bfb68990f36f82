import { Emitter } from './emitter.js';
import { environment, unique } from './env.js';
import { failure } from './tree.js';

const REMEMBERED = 1000; // temporary ids that have become real ones, and that never will

// ids of events are decimal and may exceed 2^53
const isUpTo = (a, b) => (a.length === b.length ? a <= b : a.length < b.length);

const effects = {
  create: (shown, { id, change }) => shown.set(id, { ...change, id }),
  update: (shown, { id, change }) => {
    const before = shown.get(id);
    if (before) shown.set(id, typeof change === 'function' ? change(before) : { ...before, ...change });
  },
  delete: (shown, { id }) => shown.delete(id),
};

/**
 * Entities that are shown as they will be: what the server has confirmed, with the operations that are not confirmed
 * yet made on it, in their order; see documents.d.ts.
 *
 * What must stay true: what is confirmed changes by events and load() only; an operation ends with the event that it
 * led to, or with its refusal, which takes back nothing else but what needs the entity it was to create; a
 * temporary id is never sent: what has it in its parameters waits for the real one.
 *
 * Bound: `limit` operations that are not confirmed, past it `queue_full`.
 */
export class OptimisticManager {
  items = [];
  answers = 0; // that have come
  #client;
  #env;
  #limit;
  #idOf;
  #later;
  #emitter;
  #confirmed = new Map();
  #shown = new Map();
  #operations = [];
  #real = new Map(); // temporary id -> real one
  #refusals = new Map(); // temporary id -> why there is nothing of this id
  #last = ''; // id of the last event

  constructor(client, { limit = 1000, idOf = ({ id }) => id, later = (_, row) => row, env, onError } = {}) {
    this.#client = client;
    this.#env = environment(env);
    this.#limit = limit;
    this.#idOf = idOf;
    this.#later = later;
    this.#emitter = new Emitter(onError);
  }

  get pending() {
    return this.#operations.length;
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  get(id) {
    return this.#shown.get(this.#real.get(id) ?? id);
  }

  isPending(id) {
    const known = this.#real.get(id) ?? id;
    return this.#operations.some((operation) => operation.id === known);
  }

  load(entities, answers = 0) {
    this.#confirmed = new Map();
    // what was answered before it was read is in it: its event may have been missed
    this.#operations = this.#operations.filter(({ answer = Infinity }) => answer > answers);
    this.add(entities);
  }

  add(entities) {
    for (const entity of entities) this.#confirm(entity.id, entity);
    this.#show();
  }

  create(fields, method, params) {
    return this.#add('create', 't_' + unique(this.#env), fields, method, params);
  }

  update(id, change, method, params) {
    return this.#add('update', id, change, method, params);
  }

  delete(id, method, params) {
    return this.#add('delete', id, null, method, params);
  }

  /** Hears what happens to entities of this name: `task` hears task.created and so on. */
  follow(channel, name) {
    const stops = [
      channel.on(`${name}.*`, (event) => this.take(event)),
      channel.on('resync', () => this.#emitter.emit('stale', null)),
    ];
    return () => stops.forEach((stop) => stop());
  }

  take({ type, id: eventId, key, ephemeral, payload }) {
    const { id, data, oversize } = payload;
    if (ephemeral) return;
    if (eventId && isUpTo(this.#last, eventId)) this.#last = eventId;
    if (type.endsWith('.deleted')) this.#confirmed.delete(id);
    else if (data) this.#confirm(id, data);
    else if (oversize) this.#emitter.emit('stale', id);
    const mine = key && this.#operations.find((operation) => operation.key === key);
    if (mine?.kind === 'create' && type.endsWith('.created')) this.#learn(mine, id);
    const isOver = (operation) => (operation === mine && mine.id === id) || this.#isPast(operation);
    this.#operations = this.#operations.filter((operation) => !isOver(operation));
    this.#show();
    this.#send();
  }

  // ---------- ----------

  #confirm(id, entity) {
    this.#confirmed.set(id, this.#later(this.#confirmed.get(id), entity));
  }

  // Has everything that it led to been told?
  #isPast({ eventId }) {
    return eventId && isUpTo(eventId, this.#last);
  }

  #add(kind, given, change, method, params = {}) {
    const id = this.#real.get(given) ?? given;
    const operation = { kind, id, change: this.#known(change), method, params, key: 'o_' + unique(this.#env) };
    const done = new Promise((resolve, reject) => Object.assign(operation, { resolve, reject }));
    // who does not ask hears of it by the event `error`
    done.catch(() => {});
    const isFull = this.pending >= this.#limit && failure('queue_full', 0, 'too many operations wait', {});
    const refusal = isFull || this.#refusalOf(operation);
    if (refusal) this.#end(operation, refusal);
    else {
      this.#operations.push(operation);
      this.#show();
      this.#send();
    }
    return { id, key: operation.key, done };
  }

  // With the real ids that are known by now.
  #known(value) {
    if (!value || typeof value === 'function') return value;
    return JSON.parse(JSON.stringify(value), (_, item) => this.#real.get(item) ?? item);
  }

  #uses({ id, params }, temporary) {
    return id === temporary || JSON.stringify(params).includes(JSON.stringify(temporary));
  }

  // The operations that are to create what this one is about.
  #needs(operation) {
    const isNeeded = (other) => other !== operation && other.kind === 'create' && !other.isReal;
    return this.#operations.filter((other) => isNeeded(other) && this.#uses(operation, other.id));
  }

  #refusalOf(operation) {
    for (const [temporary, error] of this.#refusals) if (this.#uses(operation, temporary)) return error;
    return null;
  }

  #send() {
    for (const operation of this.#operations) {
      if (operation.isSent || this.#needs(operation).length > 0) continue;
      operation.isSent = true;
      this.#call(operation, this.#known(operation.params));
    }
  }

  async #call(operation, params) {
    const { method, key, id } = operation;
    for (;;) {
      try {
        const { payload, eventId } = await this.#client.call(method, params, { key, order: id });
        this.#answered(operation, payload, eventId);
        return;
      } catch (error) {
        // whether it ran is unknown: asked again with its key, it says so
        if (error.code !== 'timeout') return void this.#refused(operation, error);
      }
    }
  }

  #answered(operation, payload, eventId) {
    operation.eventId = eventId;
    operation.answer = ++this.answers;
    if (operation.kind === 'create') this.#learn(operation, this.#idOf(payload));
    // without an event nothing is to come
    if (!eventId || this.#isPast(operation)) this.#drop(operation);
    operation.resolve({ id: operation.id, payload, eventId, key: operation.key });
    this.#show();
    this.#send();
  }

  #refused(operation, error) {
    const dependents = this.#operations.filter((other) => this.#needs(other).includes(operation));
    this.#drop(operation);
    this.#end(operation, error);
    this.#emitter.emit('error', error, { id: operation.id, method: operation.method });
    for (const other of dependents) this.#refused(other, error);
    this.#show();
  }

  #end({ kind, id, reject }, error) {
    if (kind === 'create') this.#remember(this.#refusals, id, error);
    reject(error);
  }

  #remember(map, id, value) {
    map.set(id, value);
    if (map.size > REMEMBERED) map.delete(map.keys().next().value);
  }

  #drop(operation) {
    this.#operations = this.#operations.filter((other) => other !== operation);
  }

  // The temporary id is replaced everywhere.
  #learn(operation, id) {
    const temporary = operation.id;
    if (operation.isReal || !id) return;
    this.#remember(this.#real, temporary, id);
    operation.isReal = true;
    for (const other of this.#operations) {
      if (other.id === temporary) other.id = id;
      other.change = this.#known(other.change);
    }
    this.#emitter.emit('id', temporary, id);
  }

  #show() {
    this.#shown = new Map(this.#confirmed);
    for (const operation of this.#operations) effects[operation.kind](this.#shown, operation);
    this.items = [...this.#shown.values()];
    this.#emitter.emit('change', this.items);
  }
}
