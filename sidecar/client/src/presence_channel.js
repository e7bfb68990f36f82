import { Emitter } from './emitter.js';

/**
 * Who is there, as the server says it: members of presence:{resource}.
 *
 * What must stay true: while joined, every new connection joins again with what was said last; who only
 * watches is not there.
 */
export class Presence {
  members = new Map();
  #client;
  #channel;
  #emitter;

  /** @param {string} name of the resource's channel, such as project:42 */
  constructor(client, name) {
    this.#client = client;
    this.#channel = client.channel(`presence:${name.replace(/^tenant:[^:]+:/, '').replace(':', '/')}`);
    this.#emitter = new Emitter(client._report);
    this.#channel.on('presence:*', ({ type, payload }) => this.#take(type.slice(9), payload.users));
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  join(me = {}) {
    const isIn = this.#channel._me;
    this.#channel._me = { status: 'active', ...isIn, ...me };
    if (isIn) this.#say('update', this.#channel._me);
    else this.#channel.subscribe(true).catch((error) => this.#refused(error));
  }

  update(me) {
    if (this.#channel._me) this.join(me);
  }

  leave() {
    if (!this.#channel._me) return;
    this.#channel._me = null;
    this.#say('leave');
    this.#channel.unsubscribe();
  }

  watch() {
    let isWatching = true;
    const stop = () => {
      if (isWatching) this.#channel.unsubscribe();
      isWatching = false;
    };
    this.#channel.subscribe().catch((error) => {
      isWatching = false;
      this.#refused(error);
    });
    return stop;
  }

  #say(what, payload = {}) {
    const { connection } = this.#client._core;
    connection.post({ type: `presence:${what}`, channel: this.#channel.name, payload });
  }

  #refused(error) {
    if (error.code !== 'closed') this.#client._report(error, this.#channel.name);
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
