import { Marks } from './marks.js';
import { Receipts } from './receipts.js';
import { parts } from './rows.js';

/**
 * What is read in a thread: what this user has not read, and how far others have got with this user's messages. What of
 * that cannot be had is not worth an error: it comes with the next message that is read.
 */
export class Reading {
  #thread;
  #receipts = new Receipts();
  #arrivals = 0; // of others' messages
  #marks;
  isCounted = false; // has the server said how many are unread, or that it will not?

  /**
   * @param thread { resource, about: parameters that name it, timers, call(method, params, options), failed(error),
   *   me(): id of this user, rows(): oldest first, placeOf(row) }
   */
  constructor(thread) {
    this.#thread = thread;
    this.#marks = new Marks(thread.timers, (id) => this.#tell(id));
  }

  isOwn({ author_id }) {
    return author_id !== null && author_id === this.#thread.me();
  }

  stateOf(row) {
    return this.#receipts.stateOf(this.isOwn(row), this.#thread.placeOf(row));
  }

  /** Of these rows; isAll: they are all that are there. */
  unread(rows, isAll) {
    return this.#receipts.unread(this.#othersIn(rows), isAll);
  }

  /** A message has come. */
  came(row) {
    if (!this.isOwn(row)) this.#arrivals++;
  }

  /** Somebody has got as far as a row; undefined: as one that is not there. */
  reached(what, userId, row) {
    if (row) this.#receipts.take(what, userId === this.#thread.me(), this.#thread.placeOf(row));
  }

  /** This user has read up to a row; false if that is nothing new. */
  mark(row) {
    if (!this.#receipts.mark(this.#thread.placeOf(row))) return false;
    this.#marks.mark(row.id);
    return true;
  }

  /** Tells now what is to be told. */
  flush() {
    this.#marks.flush();
  }

  /** Asks the server how many are unread. */
  count() {
    return this.#count().finally(() => (this.isCounted = true));
  }

  async #count() {
    const { resource, about, rows, call } = this.#thread;
    const [began, { own }] = [this.#arrivals, this.#receipts];
    const { kind, id } = parts(resource);
    const { threads } = await call('message.unread');
    const unread = threads.find((thread) => thread.kind === kind && thread.id === id)?.unread ?? 0;
    // those that came while it was counted may be in it or not: rather one too many
    if (own === this.#receipts.own) this.#receipts.count(unread + this.#arrivals - began, this.#othersIn(rows()));
    // of what comes as an event the gateway says that it has arrived, of what was read from here nobody else does
    if (unread > 0) await call('message.mark_delivered', about);
  }

  /** Asks the server how far others have got. */
  async ask() {
    const { rows, placeOf, call, me } = this.#thread;
    const own = rows().filter((row) => this.isOwn(row) && !row.deleted_at);
    const statesOf = async (id) => {
      const { receipts } = await call('message.receipts', { id });
      return receipts.filter(({ user_id }) => user_id !== me()).map(({ state }) => state);
    };
    await this.#receipts.ask(own.map((row) => ({ id: row.id, at: placeOf(row) })), statesOf);
  }

  #othersIn(rows) {
    return rows.filter((row) => !row.deleted_at && !this.isOwn(row)).map((row) => this.#thread.placeOf(row));
  }

  #tell(id) {
    const { call, failed, resource } = this.#thread;
    const refused = (error) => error.code !== 'closed' && failed(error);
    call('message.mark_read', { id }, { order: `read ${resource}` }).catch(refused);
  }
}
