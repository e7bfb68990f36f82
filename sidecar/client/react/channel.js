import { useEffect, useMemo, useRef } from 'react';

import { Emitter } from '../src/emitter.js';
import { failure } from '../src/tree.js';
import { useRealtime } from './context.js';
import { useShared } from './shared.js';

const NONE = { state: 'idle', error: null };

// A channel that is subscribed to while this is open.
class ChannelStatus {
  state = NONE;
  #client;
  #channel;
  #types;
  #emitter = new Emitter();
  #stops = [];
  #joined = null;
  #error = null;

  constructor(client, name, types) {
    this.#client = client;
    this.#channel = client.channel(name);
    this.#types = types;
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  async open() {
    const look = () => this.#look();
    this.#stops = [
      this.#channel.on('subscribed', () => this.#fails(null)),
      this.#channel.on('unsubscribed', ({ payload }) => this.#fails(failure(payload.code, 0, payload.reason, {}))),
      this.#client.on('state', (state) => {
        if (state === 'connected' || state === 'polling') this.#join();
        look();
      }),
    ];
    this.#join();
  }

  close() {
    for (const stop of this.#stops.splice(0)) stop();
    // as many leave as came in
    this.#joined?.then((isIn) => isIn && this.#channel.unsubscribe());
    this.#joined = null;
  }

  // A new connection asks again for what was refused.
  #join() {
    const joined = (this.#joined ??= this.#channel.subscribe({ types: this.#types }).then(
      () => true,
      (error) => {
        if (this.#joined === joined) {
          this.#joined = null;
          this.#fails(error);
        }
        return false;
      },
    ));
    this.#look();
  }

  #fails(error) {
    this.#error = error;
    this.#look();
  }

  #look() {
    const next = { state: this.#channel.state, error: this.#error };
    if (next.state === this.state.state && next.error === this.state.error) return;
    this.state = next;
    this.#emitter.emit('change', next);
  }
}


/** See react.d.ts. */
export function useChannel(name, { types } = {}) {
  const client = useRealtime();
  const key = name ? [name, ...(types ? [...types].sort() : [])].join(' ') : null;
  const [{ state, error }] = useShared('channel', key, (one) => new ChannelStatus(one, name, types), NONE);
  const channel = name ? client.channel(name) : null;
  return useMemo(() => ({ channel, state, error }), [channel, state, error]);
}

/** See react.d.ts. */
export function useEvent(name, type, handler) {
  const client = useRealtime();
  const latest = useRef(handler);
  useEffect(() => {
    latest.current = handler;
  });
  useChannel(name);
  useEffect(() => {
    if (!name) return undefined;
    return client.channel(name).on(type, (event) => latest.current?.(event));
  }, [client, name, type]);
}
