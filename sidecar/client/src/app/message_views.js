/**
 * Messages as they are shown: a row with what is known of it here. The same object as before for one of which nothing
 * has changed; what is not shown any more is forgotten.
 */
export class MessageViews {
  #before = new Map(); // key -> { row, view }
  #now = new Map();

  begin() {
    this.#before = this.#now;
    this.#now = new Map();
  }

  /** @param about { key, state, isPending, isOwn, ... }; what else it has only changes with the state, or the row */
  view(row, about) {
    const { key, state, isPending } = about;
    const known = this.#before.get(key);
    const isSame = known?.row === row && known.view.state === state && known.view.isPending === isPending;
    const view = isSame ? known.view : { ...row, ...about };
    this.#now.set(key, { row, view });
    return view;
  }
}
