/**
 * How far a thread was read: by this user, and by anybody else. Places are those of messages (rows.js); a place
 * only goes forward.
 */
export class Receipts {
  own = ''; // everything up to here was read by this user
  #older = 0; // unread ones that are older than those that are there
  #others = { delivered: '', read: '' };

  /** An event message.read or message.delivered; the place is that of its message, undefined if that is not there. */
  take(what, isMe, at) {
    if (!at) return;
    if (isMe && what === 'read') this.mark(at);
    else if (!isMe) this.reach(what, at);
  }

  /** Somebody else has got as far. */
  reach(what, at) {
    const others = this.#others;
    if (at > others[what]) others[what] = at;
    // what is read was delivered
    if (what === 'read' && at > others.delivered) others.delivered = at;
  }

  /** This user has read up to here; false if that is nothing new. */
  mark(at) {
    if (at <= this.own) return false;
    this.own = at;
    this.#older = 0;
    return true;
  }

  /** So many are unread, says the server; places are those of others' messages that are there, oldest first. */
  count(unread, places) {
    const first = places.length - unread;
    this.#older = Math.max(0, -first);
    if (unread > 0 && first > 0 && places[first - 1] > this.own) this.own = places[first - 1];
    if (unread === 0 && places.length > 0 && places.at(-1) > this.own) this.own = places.at(-1);
  }

  /** isAll: are these the places of all that are there? Only then it is known what is older. */
  unread(places, isAll) {
    return (isAll ? this.#older : 0) + places.filter((at) => at > this.own).length;
  }

  stateOf(isOwn, at) {
    if (!isOwn) return at <= this.own ? 'read' : 'delivered';
    return at <= this.#others.read ? 'read' : at <= this.#others.delivered ? 'delivered' : 'sent';
  }

  /** Finds out who has got how far: what was read is a beginning of the places, so few have to be asked for. */
  async ask(messages, receiptsOf) {
    let from = messages.findIndex(({ at }) => at > this.#others.read);
    let to = messages.length;
    if (from < 0) return;
    for (let i = to - 1; from < to; i = (from + to) >> 1) {
      const { at, id } = messages[i];
      const states = await receiptsOf(id);
      for (const state of states) this.reach(state, at);
      if (states.includes('read')) from = i + 1;
      else to = i;
    }
  }
}
