// What a pane heard of the bursts that were ordered: each burst says which tasks it makes, and every event of one is
// counted.
//
// What must stay true: a burst counts as a whole or not at all, so one that had begun before the pane listened does not;
// what was heard before it was known to be of a burst is counted as well.

const HEARD_MAX = 20000;

export class Tally {
  #heard = new Map(); // id of a task -> how often
  #bursts = new Map(); // n -> { ids, written }
  #from = null; // the first burst that counts

  // bursts: [{ n, project, total, written }] as the demo counts them. Returns the numbers of those whose ids are wanted.
  learn(bursts, project) {
    this.#from ??= Math.max(0, ...bursts.map(({ n }) => n)) + 1;
    const unknown = [];
    for (const { n, project: where, written } of bursts) {
      if (n < this.#from || where !== project) continue;
      const burst = this.#bursts.get(n);
      if (burst) burst.written = written;
      else unknown.push(n);
    }
    return unknown;
  }

  begin(n, ids) {
    if (!this.#bursts.has(n)) this.#bursts.set(n, { ids, written: 0 });
  }

  hear(id) {
    if (this.#heard.size >= HEARD_MAX) this.#heard.delete(this.#heard.keys().next().value);
    this.#heard.set(id, (this.#heard.get(id) ?? 0) + 1);
  }

  // missing: committed and not heard, so far; isOver: nothing more is written
  get figures() {
    const sum = { expected: 0, seen: 0, twice: 0, isOver: true };
    for (const { ids, written } of this.#bursts.values()) {
      sum.expected += written;
      sum.isOver &&= written === ids.length;
      for (const id of ids) {
        const times = this.#heard.get(id) ?? 0;
        sum.seen += times > 0 ? 1 : 0;
        sum.twice += Math.max(times - 1, 0);
      }
    }
    // an event may be here before the demo has said that its row was written
    return { ...sum, expected: Math.max(sum.expected, sum.seen), missing: Math.max(sum.expected - sum.seen, 0) };
  }
}
