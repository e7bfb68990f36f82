// The people of the tenant, by id: read once for each client, and once more when somebody is met who came since.
//
// What must stay true: what is told is the same object until it says something else; nobody is asked for twice who is not
// there.
const PAGE = 200;
const PAGES_MAX = 25;
const WAIT_MS = 150; // several unknown people come at once

export class Directory {
  #call;
  #people = new Map();
  #missed = new Set(); // ids that were asked for and are nobody's
  #listeners = new Set();
  #timer = null;
  #isBegun = false;
  #state;

  /** @param call (method, params) -> answer */
  constructor(call) {
    this.#call = call;
    this.#tell();
  }

  get = () => this.#state;

  subscribe = (listener) => {
    this.#listeners.add(listener);
    if (!this.#isBegun) this.#read();
    return () => this.#listeners.delete(listener);
  };

  // Somebody is met of whom nothing is known.
  #miss(id) {
    if (this.#missed.has(id) || !this.#isBegun) return;
    this.#missed.add(id);
    this.#timer ??= setTimeout(() => this.#read(), WAIT_MS);
  }

  async #read() {
    this.#isBegun = true;
    this.#timer = null;
    try {
      const people = new Map();
      let after = null;
      for (let page = 0; page < PAGES_MAX && (page === 0 || after); page++) {
        const { members, next } = await this.#call('member.list', { limit: PAGE, ...(after && { after }) });
        for (const { user_id: id, name, roles, status } of members) people.set(id, { id, name, roles, isActive: status === 'active' });
        after = next;
      }
      this.#people = people;
    } catch {
      // names are not worth a complaint; the next one who is met asks again
      this.#missed.clear();
      return;
    }
    this.#tell();
  }

  #tell() {
    const people = this.#people;
    const byName = (a, b) => a.name.localeCompare(b.name);
    this.#state = {
      list: [...people.values()].sort(byName),
      get: (id) => people.get(id),
      known: (id) => people.get(id)?.name,
      /** said: what somebody is called who is not there; null: the system */
      nameOf: (id, said = null) => {
        if (!id) return 'System';
        if (!people.has(id) && !said) this.#miss(id);
        return people.get(id)?.name ?? said ?? 'Someone';
      },
    };
    for (const listener of this.#listeners) listener();
  }
}
