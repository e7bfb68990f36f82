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
  #emitter;
  #report;

  /** @param {string} name of the resource's channel, such as project:42 */
  constructor(client, name) {
    this.#report = client._core._report;
    this.#channel = client.channel(`presence:${name.replace(/^tenant:[^:]+:/, '').replace(':', '/')}`);
    this.#emitter = new Emitter(this.#report);
    this.#channel.on('presence:*', ({ type, payload }) => this.#take(type.slice(9), payload.users));
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  join(me) {
    const channel = this.#channel;
    const { _me, state } = channel;
    channel._me = { status: 'active', ..._me, ...me };
    if (_me) return void channel._ask('presence:update', channel._me);
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

  // Returns what takes it back.
  #subscribe() {
    let isIn = true;
    this.#channel.subscribe().catch((error) => {
      isIn = false;
      if (error.code !== 'closed') this.#report(error, this.#channel.name);
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
