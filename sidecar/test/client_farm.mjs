// Many tireless clients in a process of their own, which can be stopped (SIGSTOP) and then is as deaf
// as a machine that went to sleep.
//
// The parent uses class Farm. The child is this file again; it ends with its parent.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Tireless } from './tireless.mjs';

const file = fileURLToPath(import.meta.url);
const farms = new Set();
process.once('exit', () => farms.forEach((farm) => farm.child.kill('SIGKILL')));

export class Farm {
  #waiting = new Map();
  #asked = 0;
  isStopped = false;

  constructor(name) {
    this.name = name;
    this.child = fork(file, ['farm'], { serialization: 'advanced' });
    farms.add(this);
    this.ended = new Promise((resolve) => this.child.once('exit', resolve)).then(() => {
      farms.delete(this);
      for (const { reject } of this.#waiting.values()) reject(new Error(`farm ${name} ended`));
    });
    this.child.on('message', ({ n, answer, error }) => {
      const { resolve, reject } = this.#waiting.get(n);
      this.#waiting.delete(n);
      if (error) reject(new Error(`farm ${name}: ${error}`));
      else resolve(answer);
    });
  }

  // Asks the child; resolves with its answer.
  ask(what, ...values) {
    return new Promise((resolve, reject) => {
      this.#waiting.set(++this.#asked, { resolve, reject });
      this.child.send({ n: this.#asked, what, values });
    });
  }

  // Lets all its clients fall silent, and wakes them.
  freeze() {
    this.isStopped = this.child.kill('SIGSTOP');
  }

  thaw() {
    this.child.kill('SIGCONT');
    this.isStopped = false;
  }

  async close() {
    this.thaw();
    if (this.child.connected) this.child.disconnect();
    const late = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await this.ended;
    clearTimeout(late);
  }
}

// ---------- the child ----------

let clients = [];

const orders = {
  // specs: of constructor Tireless
  start(specs) {
    clients = specs.map((spec) => new Tireless(spec).start());
  },

  // Has each of these clients do something that class Tireless can.
  each(which, what, ...values) {
    for (const n of which) clients[n]?.[what](...values);
  },

  resume() {
    for (const client of clients) client.resume();
  },

  // what each client may follow, by short names
  expect(names) {
    clients.forEach((client, n) => client.expect(names[n]));
  },

  // stories of the clients that lack the fence
  lacking(fence) {
    return clients.flatMap((client) => {
      const names = client.lacks(fence);
      return names.length > 0 ? [`${client.story}; lacks ${names.join(' ')}`] : [];
    });
  },

  // Ends all clients; what they lived through.
  async stop() {
    const reports = clients.map((client) => client.report());
    await Promise.all(clients.map((client) => client.stop()));
    clients = [];
    return reports;
  },
};

if (process.argv[2] === 'farm' && process.send) {
  // a Ctrl-C is the parent's business
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(0));
  process.on('message', async ({ n, what, values }) => {
    try {
      process.send({ n, answer: await orders[what](...values) });
    } catch (error) {
      process.send({ n, error: error.stack });
    }
  });
}
