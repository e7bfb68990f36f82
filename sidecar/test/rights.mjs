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

  suspend(person, isAway) {
    if (!this.#away.has(person.id)) this.#away.set(person.id, []);
    this.#away.get(person.id).push({ state: this.changes.length - 1, isAway });
  }

  // ---------- what follows ----------

  // [{ from, upto, is }] of one token on one channel: states from..upto, whether it may be there
  #periods({ sid, roles }, person, channel) {
    const key = `${sid} ${channel}`;
    let periods = this.#cache.get(key);
    if (periods) return periods;
    const told = this.#told.get(`${person.id} ${roles}`) ?? [];
    const away = this.#away.get(person.id) ?? [];
    const over = this.#over.get(sid) ?? Infinity;
    const borders = [...told, ...away, { state: over }].map(({ state }) => state).filter(Number.isFinite);
    periods = [];
    for (const state of [...new Set([0, ...borders])].sort((a, b) => a - b)) {
      const latest = (list) => list.filter((item) => item.state <= state).at(-1);
      const is = state < over && !latest(away)?.isAway && (latest(told)?.channels.has(channel) ?? false);
      if (periods.at(-1)?.is === is) continue;
      if (periods.length > 0) periods.at(-1).upto = state;
      periods.push({ from: state, upto: Infinity, is });
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
      .map(({ token }) => person.tokens[token])
      .filter(({ roles }) => isFor(event.audience, { id: person.id, roles }))
      .flatMap((token) => this.#periods(token, person, stretch.channel).filter(({ is }) => is))
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
    const inForce = Rights.#inForce(stretch, since, at).map(({ token }) => person.tokens[token]);
    const isFine = inForce.map((token) => isFor(event.audience, { id: person.id, roles: token.roles }));
    if (!isFine.some(Boolean)) return false;
    const isCertain = isFine.every(Boolean) && inForce.every((token) =>
      this.#periods(token, person, stretch.channel).every((period) => {
        const { done, behind } = this.#end(period);
        const isOver = done < stretch.asked || (behind !== null && !sees(behind, event.xid));
        return period.is || isOver || this.changes[period.from].sent > at;
      }),
    );
    if (!isCertain) this.figures.excused++;
    return isCertain;
  }
}
