/** Everything. */
import { RealtimeClient as Core } from './client.js';
import { Ladder } from './ladder.js';
import { Presence } from './presence_channel.js';
import { CallStore } from './store.js';

export class RealtimeClient extends Core {
  constructor(options) {
    super(options, { _Ladder: Ladder, _CallStore: CallStore, _Presence: Presence });
  }
}

/** @param {import('../index.d.ts').ClientOptions} options */
export const createRealtimeClient = (options) => new RealtimeClient(options);

export { RealtimeError } from './errors.js';
