import { quiet } from './cache.js';

/** What a message has that says nothing but its body. */
export const EMPTY = { body: '', attachments: [], tags: [], mentions: [] };

/** Parameters of a message to be sent, and the row that they will be. */
export function draft(about, body, { type, ...options }, now) {
  const params = { ...about, body, ...options, ...(type && { type }) };
  const usual = 'room_id' in about ? 'chat' : 'client';
  return { params, row: { ...EMPTY, anchor: null, edited_at: null, deleted_at: null, type: usual, ...params, created_at: now } };
}

/**
 * Messages that are on their way, or did not get through; each has a key of its own, with which it is tried again, so
 * that it cannot be there twice.
 *
 * What must stay true: one leaves when it has arrived, by the answer or by its event, whichever is first, or when it is
 * given up.
 *
 * Bound: `most`, past it `queue_full`.
 */
export class Outbox {
  all = []; // { key, params, row, state, error, arrived }
  #call;
  #tell;
  #most;

  /** @param call sends one; resolves with the row that it became. @param tell { changed(), arrived(key, row), failed(error) } */
  constructor(call, tell, most = 1000) {
    this.#call = call;
    this.#tell = tell;
    this.#most = most;
  }

  get(id) {
    return this.all.find(({ key }) => key === id);
  }

  get isFull() {
    return this.all.length >= this.#most;
  }

  /** Resolves with the id of what was made of it. */
  add(key, params, row) {
    const one = { key, params, row, state: 'sending', error: null };
    one.done = new Promise((arrived) => (one.arrived = arrived));
    this.all = [...this.all, one];
    return this.#send(one);
  }

  retry(one) {
    return one.state === 'failed' ? this.#send(one) : one.done;
  }

  /** It has arrived, or is given up. */
  remove(key, id) {
    const one = this.get(key);
    if (!one) return false;
    this.all = this.all.filter((other) => other !== one);
    one.arrived(id);
    return true;
  }

  #send(one) {
    const again = { ...one, state: 'sending', error: null };
    this.#put(one, again);
    const sent = this.#call(again.params, again.key).then(
      (row) => {
        this.#tell.arrived(again.key, row);
        return row.id;
      },
      (error) => {
        const now = this.get(again.key);
        // its event has told that it got through
        if (!now) return again.done;
        this.#put(now, { ...now, state: 'failed', error });
        this.#tell.failed(error);
        throw error;
      },
    );
    return quiet(sent);
  }

  // Another object for each state, as whoever shows it compares them.
  #put(one, next) {
    this.all = this.all.map((other) => (other.key === one.key ? next : other));
    this.#tell.changed();
  }
}
