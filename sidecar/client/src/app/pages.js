import { later, place } from './rows.js';

const MOST_BEYOND = 2000; // rows that are heard of before they are read; past it they are forgotten

/**
 * How far back a list was read, page by page, newest first.
 *
 * What must stay true: between the oldest row that was read and now there is no gap; a row that is heard of and is older
 * than that waits until its page is read, and the later state of it counts.
 */
export class Pages {
  next = null; // what the call for the page before wants; null: there is none
  #floor = ''; // place of the oldest row that was read; '': all were
  #beyond = new Map(); // id -> row

  /** Anew, from the newest page. */
  begin(rows, next) {
    this.#beyond.clear();
    this.#reach(rows, next);
  }

  /** The page before; returns its rows as they are now. */
  add(rows, next) {
    const now = rows.map((row) => later(this.#beyond.get(row.id), row));
    for (const { id } of rows) this.#beyond.delete(id);
    this.#reach(rows, next);
    return now;
  }

  /** Is this row older than what was read? Then it is kept for its page. */
  keeps(row) {
    if (place(row) >= this.#floor) return false;
    if (this.#beyond.size >= MOST_BEYOND) this.#beyond.clear();
    this.#beyond.set(row.id, row);
    return true;
  }

  #reach(rows, next) {
    this.next = next;
    this.#floor = next ? place(rows.at(-1)) : '';
  }
}
