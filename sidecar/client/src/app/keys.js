const REMEMBERED = 1000; // keys, past it the oldest is forgotten

/** Under which key something was first shown that has got an id since: what lists take for its identity. */
export class Keys {
  #keys = new Map(); // id -> key

  learn(id, key) {
    this.#keys.set(id, key);
    if (this.#keys.size > REMEMBERED) this.#keys.delete(this.#keys.keys().next().value);
  }

  of(id) {
    return this.#keys.get(id) ?? id;
  }

  /** The id of a key, or what was given, if that is none. */
  idOf(key) {
    for (const [id, known] of this.#keys) if (known === key) return id;
    return key;
  }
}
