// Says what was wrong with what a client was given, by the table of events alone.
//
// Of every stretch (see tireless.mjs) it is asked: was each event one of its channel, for somebody
// with the client's rights, not from before the start, and only once? Was everything there that the
// positions claimed? Was it in order? And of all stretches of a channel together: is the set of ids
// what the database says the client may see, from its first position to the last?
//
// Order is that of ids within a fetch. Where an id comes before a smaller one, some position must lie
// between the two: one that sees the first and not the second. Witnesses are all positions that any client
// was given, and what else is known of where fetches began.

import { comparePositions, sees, snapshotOf } from './snapshots.mjs';

const MOST = 10; // complaints of a kind that are spelt out

export const isFor = (audience, { id, roles }) =>
  audience.length === 0 ||
  audience.includes(`user:${id}`) ||
  roles.some((role) => audience.includes(`role:${role}`));

// the first index of a sorted list at which is(list[index]) holds
function firstWhere(list, is) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(list[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}

// Rights that never change: what somebody may see is what they must be given. Others (rights.mjs) are
// asked about an event of a stretch that arrived `at`, or was claimed `at` after the claim `since`.
const constant = {
  may: (person, event) => isFor(event.audience, person),
  must: (person, event) => isFor(event.audience, person),
};

export class Judge {
  complaints = [];
  counts = {}; // of complaints, by kind
  figures = { arrived: 0, replayed: 0, expected: 0, again: 0, inversions: 0, stretches: 0, unrecovered: 0 };
  #channels = new Map(); // name -> its events by xid
  #byId = new Map();
  #positions = [];

  // events: of allEvents(); reports: of all clients; rights: may(), must(); witnesses: positions
  constructor(events, reports, { rights = constant, witnesses = [] } = {}) {
    this.rights = rights;
    for (const event of events) {
      this.#byId.set(event.id, event);
      for (const channel of event.channels) {
        if (!this.#channels.has(channel)) this.#channels.set(channel, []);
        this.#channels.get(channel).push(event);
      }
    }
    const positions = new Set(witnesses);
    for (const { stretches } of reports)
      for (const { start, claims } of stretches) {
        positions.add(start);
        for (const { position } of claims) positions.add(position);
      }
    this.#positions = [...positions].sort(comparePositions).map(snapshotOf);
  }

  #complain(kind, report, text) {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    if (this.counts[kind] <= MOST) this.complaints.push(`${kind}: ${report.name}: ${text}`);
  }

  // channels: canonical names of those the person may join in the end; null: rights change, so what a
  // channel must have brought altogether is left to its stretches
  check(report, person, channels = null) {
    // one whose rights change under every replay is told to read anew, now and then
    const kinds = this.rights === constant ? ['strays', 'late', 'unrecovered'] : ['strays', 'late'];
    for (const kind of kinds) for (const what of report[kind]) this.#complain(kind, report, JSON.stringify(what));
    this.figures.unrecovered += report.unrecovered.length;
    for (const stretch of report.stretches) this.#checkStretch(report, person, stretch);
    this.#checkChain(report);
    for (const channel of channels ?? []) this.#checkChannel(report, person, channel);
  }

  #where({ channel, transport, gateway, start, why }) {
    return `on ${channel} over ${transport} at gateway ${gateway}, subscribed at ${start}, ended: ${why}`;
  }

  #checkStretch(report, person, stretch) {
    const { channel, start, ids, times, replayed } = stretch;
    const index = new Map();
    const from = snapshotOf(start);
    ids.forEach((id, i) => {
      const event = this.#byId.get(id);
      const say = (kind) => this.#complain(kind, report, `${id} ${event?.type} ${this.#where(stretch)}`);
      if (!event?.channels.includes(channel)) say('foreign: no such event on this channel');
      else if (!this.rights.may(person, event, stretch, { at: times[i], isReplayed: i < replayed }))
        say('foreign: not for this client');
      else if (sees(from, event.xid)) say('from before the position');
      if (index.has(id)) say('twice in a subscription');
      else index.set(id, i);
    });
    this.figures.arrived += ids.length;
    this.figures.replayed += replayed;
    this.figures.stretches++;
    this.#checkOrder(report, stretch);
    this.#checkClaims(report, person, stretch, index);
  }

  // A subscription goes on where the one before it on the channel left off: no client's mistake may hide
  // a gateway's. Unless it was told that what was between cannot be had.
  #checkChain(report) {
    const last = new Map();
    const isTold = ({ channel, start }) => report.unrecovered.some((told) => told.channel === channel && told.position === start);
    for (const stretch of report.stretches) {
      const { channel, start, claims } = stretch;
      if (claims.length === 0) continue;
      if (last.has(channel) && comparePositions(start, last.get(channel)) > 0 && !isTold(stretch))
        this.#complain('a hole between subscriptions', report, `after ${last.get(channel)} ${this.#where(stretch)}`);
      last.set(channel, claims.at(-1).position);
    }
  }

  // Everything that a position claims came before it.
  #checkClaims(report, person, stretch, index) {
    const { channel, start, claims } = stretch;
    if (claims.length === 0) return;
    [start, ...claims.map(({ position }) => position)].reduce((before, position) => {
      if (comparePositions(before, position) > 0)
        this.#complain('position went back', report, `${before} to ${position} ${this.#where(stretch)}`);
      return position;
    });
    const from = snapshotOf(start);
    const upto = snapshotOf(claims.at(-1).position);
    const events = this.#channels.get(channel) ?? [];
    for (let i = firstWhere(events, ({ xid }) => xid >= from.xmin); i < events.length; i++) {
      const event = events[i];
      if (event.xid >= upto.xmax) break;
      if (event.class !== 'c' || sees(from, event.xid) || !sees(upto, event.xid)) continue;
      const n = firstWhere(claims, ({ position }) => sees(snapshotOf(position), event.xid));
      const claim = claims[n];
      if ((index.get(event.id) ?? Infinity) < claim.count) continue;
      const since = claims[n - 1]?.at ?? stretch.asked;
      if (!this.rights.must(person, event, stretch, { since, at: claim.at })) continue;
      this.#complain('missing', report, `${event.id} ${event.type}, claimed by ${claim.position} ${this.#where(stretch)}`);
    }
  }

  #checkOrder(report, stretch) {
    const { ids, replayed } = stretch;
    for (let i = 1; i < ids.length; i++) {
      if (ids[i] > ids[i - 1]) continue;
      this.figures.inversions++;
      if (i >= replayed && this.#liesBetween(ids[i - 1], ids[i])) continue;
      this.#complain('out of order', report, `${ids[i - 1]} before ${ids[i]} ${this.#where(stretch)}`);
    }
  }

  // Does a position see the one and not the other?
  #liesBetween(id, other) {
    const [event, later] = [this.#byId.get(id), this.#byId.get(other)];
    if (!event || !later) return false;
    const positions = this.#positions;
    const first = firstWhere(positions, (snapshot) => sees(snapshot, event.xid));
    return first < positions.length && !sees(positions[first], later.xid);
  }

  // The union of a channel's stretches, from the first position on.
  #checkChannel(report, person, channel) {
    const stretches = report.stretches.filter((stretch) => stretch.channel === channel);
    if (stretches.length === 0) return this.#complain('never subscribed', report, channel);
    const from = snapshotOf(stretches[0].start);
    const seen = new Set(stretches.flatMap(({ ids }) => ids));
    const events = (this.#channels.get(channel) ?? []).filter(
      (event) => !sees(from, event.xid) && isFor(event.audience, person),
    );
    const states = events.filter((event) => event.class === 's' && seen.has(event.id));
    for (const event of events) {
      if (event.class === 'e' || seen.has(event.id)) continue;
      // of a state the last must come, by ids or by fetches
      const isLater = ({ id, state_key: key }) =>
        key === event.state_key && (id > event.id || this.#liesBetween(event.id, id));
      if (event.class === 's' && states.some(isLater)) continue;
      this.#complain('missing', report, `${event.id} ${event.type} on ${channel}, in the end; ${report.story}`);
    }
    this.figures.expected += events.length;
    this.figures.again += stretches.reduce((n, { ids }) => n + ids.length, 0) - seen.size;
  }
}
