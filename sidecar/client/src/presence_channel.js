import { Emitter } from './emitter.js';

/**
 * Who is there, as the server says it: members of presence:{resource}.
 *
 * What must stay true: while joined, every new connection joins again with what was said last; who only
 * watches is not there.
 */
export class Presence {
  members = new Map();
  #channel;
  #core;
  #emitter;
  #again; // timer

  /** @param {string} name of the resource's channel, such as project:42 */
  constructor(client, name) {
    this.#core = client._core;
    this.#channel = client.channel(`presence:${name.replace(/^tenant:[^:]+:/, '').replace(':', '/')}`);
    this.#emitter = new Emitter(this.#core._report);
    this.#channel.on('presence:*', ({ type, payload }) => this.#take(type.slice(9), payload.users));
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  join(me) {
    const channel = this.#channel;
    const { _me, state } = channel;
    channel._me = { status: 'active', ..._me, ...me };
    if (_me) return this.#say(channel._me);
    this.#subscribe();
    if (state !== 'idle') channel._lost();
  }

  update(me) {
    if (this.#channel._me) this.join(me);
  }

  leave() {
    const channel = this.#channel;
    if (!channel._me) return;
    channel._me = null;
    channel.unsubscribe();
    if (!channel._isWanted) return;
    // who goes on watching has to say so
    channel._ask('presence:leave');
    channel._lost();
  }

  watch() {
    let stop = this.#subscribe();
    return () => {
      stop();
      stop = () => {};
    };
  }

  // Refused for the moment, it is said again, unless something else was said since; a new connection says it anyway.
  #say(me) {
    const { _timers, _env } = this.#core;
    const failed = ({ status, retryAfter }) => {
      if (status === 429) this.#again = _timers._set(retryAfter + 500 * _env.random(), () => me === this.#channel._me && this.#say(me));
    };
    _timers._clear(this.#again);
    this.#channel._ask('presence:update', me, () => {}, failed);
  }

  // Returns what takes it back.
  #subscribe() {
    let isIn = true;
    this.#channel.subscribe().catch((error) => {
      isIn = false;
      if (error.code !== 'closed') this.#core._report(error, this.#channel.name);
    });
    return () => isIn && this.#channel.unsubscribe();
  }

  #take(event, users) {
    if (event === 'sync') this.members.clear();
    for (const user of users) {
      if (event === 'leave') this.members.delete(user.id);
      else this.members.set(user.id, user);
    }
    this.#emitter.emit(event, users);
  }
}
