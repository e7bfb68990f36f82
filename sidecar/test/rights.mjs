// Who might see what, when: the history of rights that change while clients are connected.
//
// One session changes rights, one transaction after another. Of each it keeps two snapshots: one from
// within the transaction, just before its commit, and one from just behind it, and what the database then
// says of those whom it touched. Between two changes rights stand still; that is a state.
//
// What is exact: an event that the first snapshot sees was committed before the change, one that the
// second does not see, after it. What is undefined: events that only the second sees, those of the change
// itself among them. They may be given to who had the right on either side and must be given to nobody.
//
// An event may be given to a client if there was a moment, not before the event's commit and not after its
// arrival, in which the database would have said yes; a replayed one only if that moment was after the
// question. It must be given if the database would have said yes at every moment from the commit, or from
// the question if that was later, to the arrival of the position that claims it.

import { isFor } from './judge.mjs';
import { sees, snapshotOf } from './snapshots.mjs';
import { clock } from './tireless.mjs';

const START = { sent: -Infinity, done: -Infinity, before: null, behind: null };

export class Rights {
  changes = [START]; // change i begins state i
  figures = { changes: 0, undefined: 0, excused: 0 };
  #told = new Map(); // key of somebody with roles -> [{ state, channels }]
  #over = new Map(); // session -> state that it ended with
  #roles = new Map(); // session -> [{ state, roles }]
  #away = new Map(); // person -> [{ state, isAway }]
  #cache = new Map();

  // Carries out a change; resolves when it is committed. No answer, no change: throws.
  async change(sql, statement) {
    const sent = clock();
    const printed = await sql.query(`BEGIN; ${statement} \\g /dev/null
      SELECT 'snapshot' || pg_current_snapshot(); COMMIT; SELECT 'snapshot' || pg_current_snapshot()`);
    const [before, behind] = [...printed.matchAll(/^snapshot(.*)$/gm)].map(([, text]) => snapshotOf(`.${text}`));
    this.changes.push({ sent, done: clock(), before, behind, statement });
    this.figures.changes++;
  }

  // ---------- what the database says since the latest change ----------

  // channels: canonical names that this person may join with these roles
  tell(person, roles, channels) {
    const key = `${person.id} ${roles}`;
    if (!this.#told.has(key)) this.#told.set(key, []);
    this.#told.get(key).push({ state: this.changes.length - 1, channels: new Set(channels) });
  }

  endSession(sid) {
    this.#over.set(sid, this.changes.length - 1);
  }

  // of a credential whose roles are the database's: an API key
  giveRoles(sid, roles) {
    if (!this.#roles.has(sid)) this.#roles.set(sid, []);
    this.#roles.get(sid).push({ state: this.changes.length - 1, roles });
  }

  suspend(person, isAway) {
    if (!this.#away.has(person.id)) this.#away.set(person.id, []);
    this.#away.get(person.id).push({ state: this.changes.length - 1, isAway });
  }

  // ---------- what follows ----------

  // [{ from, upto, is, roles }] of one token on one channel: states from..upto, whether it may be there,
  // and as what
  #periods({ sid, roles: first }, person, channel) {
    const key = `${sid} ${channel}`;
    let periods = this.#cache.get(key);
    if (periods) return periods;
    const at = (list, state) => (list ?? []).filter((item) => item.state <= state).at(-1);
    const [given, away] = [this.#roles.get(sid), this.#away.get(person.id)];
    const over = this.#over.get(sid) ?? Infinity;
    const rolesAt = (state) => at(given, state)?.roles ?? first;
    const borders = [[{ state: 0 }, { state: over }], given, away, ...this.#told.values()].flatMap((list) => list ?? []);
    const states = new Set(borders.map(({ state }) => state).filter(Number.isFinite));
    periods = [];
    for (const state of [...states].sort((a, b) => a - b)) {
      const roles = rolesAt(state);
      const told = at(this.#told.get(`${person.id} ${roles}`), state);
      const is = state < over && !at(away, state)?.isAway && (told?.channels.has(channel) ?? false);
      const last = periods.at(-1);
      if (last?.is === is && `${last.roles}` === `${roles}`) continue;
      if (last) last.upto = state;
      periods.push({ from: state, upto: Infinity, is, roles });
    }
    this.#cache.set(key, periods);
    return periods;
  }

  // The change that ends a period; nothing is behind the end of time.
  #end({ upto }) {
    return this.changes[upto] ?? { sent: Infinity, done: Infinity, before: null, behind: null };
  }

  // tokens of a stretch that may have been in force at some time of a window
  static #inForce({ tokens }, from, upto) {
    return tokens.filter((token) => token.from <= upto && token.until >= from);
  }

  may(person, event, stretch, { at, isReplayed }) {
    const ways = Rights.#inForce(stretch, isReplayed ? stretch.asked : at, at)
      .flatMap(({ token }) => this.#periods(person.tokens[token], person, stretch.channel))
      .filter(({ is, roles }) => is && isFor(event.audience, { id: person.id, roles }))
      .filter(({ from }) => this.changes[from].sent <= at)
      .filter((period) => !isReplayed || this.#end(period).done >= stretch.asked);
    const isBefore = (period, which) => {
      const snapshot = this.#end(period)[which];
      return snapshot === null || sees(snapshot, event.xid);
    };
    if (ways.some((period) => isReplayed || isBefore(period, 'before'))) return true;
    if (!ways.some((period) => isBefore(period, 'behind'))) return false;
    this.figures.undefined++;
    return true;
  }

  must(person, event, stretch, { since, at }) {
    const periods = Rights.#inForce(stretch, since, at)
      .flatMap(({ token }) => this.#periods(person.tokens[token], person, stretch.channel))
      .filter((period) => {
        const { done, behind } = this.#end(period);
        const isOver = done < stretch.asked || (behind !== null && !sees(behind, event.xid));
        return !isOver && this.changes[period.from].sent <= at;
      });
    const isFine = ({ is, roles }) => is && isFor(event.audience, { id: person.id, roles });
    const isCertain = periods.every(isFine);
    if (!isCertain && periods.some(isFine)) this.figures.excused++;
    return isCertain;
  }
}
