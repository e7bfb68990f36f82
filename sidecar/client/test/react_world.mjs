// What the tests of the hooks stand on: a page (happy-dom), a gateway in memory with the clock of the wall, and
// components that are mounted in StrictMode.

import { Window } from 'happy-dom';

const page = new Window({ url: 'https://example.com/' });
// (newer versions of Node have a navigator, which cannot be assigned)
for (const [name, value] of Object.entries({ window: page, document: page.document, navigator: page.navigator }))
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

// after the page: React looks for it when it is loaded
const { StrictMode, createElement } = await import('react');
const { createRoot } = await import('react-dom/client');
// the sources, or what is built of them
const isBuilt = Boolean(process.env.WRK_DIST);
export const hooks = await import(isBuilt ? '@wrk-copilot/realtime/react' : '../react/index.js');
const { RealtimeProvider } = hooks;
const { createRealtimeClient } = await import(isBuilt ? '@wrk-copilot/realtime' : '../src/index.js');
const { FakeGateway } = await import('./fake_gateway.mjs');

const clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (id) => clearTimeout(id),
};

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what, isSo, timeout = 3000) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = isSo();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await pause(5);
  }
}

// until nothing is said for a while, by the client or by the hook
export async function calm(world, probe) {
  for (let before = [], now = null; now === null || now.some((value, i) => value !== before[i]); await pause(80)) {
    before = now ?? [];
    now = [probe.now, world.gateway.received.length];
  }
}

export class ReactWorld {
  gateway = new FakeGateway(clock);
  errors = []; // what React and listeners complain about
  #clients = [];
  #roots = [];
  #console = console.error;

  constructor() {
    console.error = (...all) => this.errors.push(all.map(String).join(' '));
  }

  client(user = 'U') {
    const client = createRealtimeClient({
      url: 'ws://gateway',
      getToken: () => this.gateway.token(user),
      backoff: { base: 5, stable: 50 },
      env: this.gateway.env(),
    });
    this.#clients.push(client);
    return client;
  }

  // Renders a component that calls a hook with `args`; `now` is what it gave last, `seen` all of it.
  mount(client, hook, ...args) {
    const root = createRoot(document.body.appendChild(document.createElement('div')));
    const probe = { seen: [], isMounted: true };
    const Probe = ({ given }) => {
      const value = hook(...given);
      probe.now = value;
      if (probe.seen.at(-1) !== value) probe.seen.push(value);
      if (!probe.isMounted) this.errors.push('rendered after it was unmounted');
      return null;
    };
    probe.render = (...given) => {
      const inner = createElement(RealtimeProvider, { client: probe.client }, createElement(Probe, { given }));
      root.render(createElement(StrictMode, null, inner));
    };
    probe.client = client;
    probe.unmount = () => {
      root.unmount();
      probe.isMounted = false;
    };
    this.#roots.push(probe);
    probe.render(...args);
    return probe;
  }

  // frames of a type that the gateway got
  sent(type) {
    return this.gateway.received.filter((frame) => frame.type === type);
  }

  close() {
    for (const probe of this.#roots.splice(0)) if (probe.isMounted) probe.unmount();
    for (const client of this.#clients.splice(0)) client.close();
    console.error = this.#console;
  }
}
