// Knows at which snapshots the gateways began to fetch, from the server's log: what was handed out in one
// order and has its ids in another is right only if a fetch began between the two.

import assert from 'node:assert/strict';

const FETCH = /wrk\.gateway_fetch\(.*\n.*DETAIL: {2}parameters: \$1 = '([0-9:,]+)'/g;

export class Witness {
  #read = 0;

  constructor(lab) {
    this.lab = lab;
  }

  // Has the server log what gateways ask; those that are connected already must connect again.
  async begin() {
    await this.lab.sql.query(`ALTER ROLE gateway SET log_statement = 'all';
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateway' \\g /dev/null`);
    return this;
  }

  // positions, those since the last look
  look() {
    const log = this.lab.serverLog().slice(this.#read);
    this.#read += log.length;
    const snapshots = new Set([...log.matchAll(FETCH)].map(([, snapshot]) => snapshot));
    assert.ok(snapshots.size > 0, 'the log tells of fetches');
    return [...snapshots].map((snapshot) => `.${snapshot}`);
  }
}
