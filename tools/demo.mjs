// The demo: what design and README claim, shown on a running system. See tools/demo for what it is.
//
// Every step states what each client must see; the exit status says whether it did. "Nothing
// arrived" is proven by fence(), not waited for.

import { existsSync } from 'node:fs';
import path from 'node:path';

import { connect } from '../sidecar/test/ws_client.mjs';
import { cast, setScene } from './demo_scene.mjs';
import { DemoServer } from './demo_server.mjs';
import { Follower, fence, isFence } from './follower.mjs';
import { Lab, top, until } from './lab.mjs';
import { helios, life, northwind, seed, steps } from './demo_data.mjs';
import { bold, dim, good, bad, heading, note, Table } from './terminal.mjs';

const BURST = 1000;
const REVISION = `automation_version:${northwind.revision}`;
const isPageOnly = process.env.DEMO_PAGE === '1'; // to the page at once
const once = process.env.DEMO_ONCE === '1';
const lab = new Lab(process.env.DEMO_DIR ?? 'tmp/demo', { settings: { track_commit_timestamp: 'on' } });
const gatewayOptions = { drain_timeout: 500 }; // who ends the demo does not wait for whoever else is connected
const consoleDir = path.join(top, 'sidecar/console/dist');
let page = null; // the server of the console
let mistakes = 0;
let isOver = false; // everything was shown and judged

// prints a verdict and remembers a bad one
function verdict(isRight, text = isRight ? 'as it should be' : 'WRONG') {
  if (!isRight) mistakes++;
  return isRight ? good(text) : bad(text);
}

// ---------- who takes part ----------

const people = {
  clara: {
    ...northwind.clara,
    tenant: northwind,
    roles: ['client'],
    channels: [`project:${northwind.project}`, REVISION],
  },
  oskar: {
    ...northwind.oskar,
    tenant: northwind,
    roles: ['ops'],
    channels: [`project:${northwind.project}`, REVISION],
  },
  bea: {
    ...helios.bea,
    tenant: helios,
    roles: ['client'],
    channels: [`project:${helios.project}`],
  },
};
const eve = { ...northwind.eve, tenant: northwind, roles: ['client'] };

const tokenOf = ({ id, tenant, roles }, seconds) =>
  lab.issuer.token({ sub: id, tenant_id: tenant.id, roles, sid: `demo-${id.slice(-4)}` }, seconds);

async function join(gateway) {
  const table = new Table(['', 'tenant', 'role', 'follows'], [8, 22, 8, 30]);
  for (const person of Object.values(people)) {
    const { name, tenant, channels, roles } = person;
    person.follower = new Follower({
      name,
      url: gateway.url,
      token: () => tokenOf(person),
      channels,
    });
    await person.follower.start();
    table.row([name, tenant.name, roles[0], `project "${tenant.projectName}", own tenant`]);
  }
  const { code } = await attempt(gateway, tokenOf(eve, -60));
  table.row([
    eve.name,
    eve.tenant.name,
    'client',
    verdict(code === 'token_expired', `refused: ${code}`),
  ]);
  note('');

  const foreign = await attempt(gateway, tokenOf(people.bea), `project:${northwind.project}`);
  const nowhere = await attempt(
    gateway,
    tokenOf(people.bea),
    'project:00000000-0000-4000-8000-000000000000',
  );
  const isSame = foreign.code === 'not_found' && foreign.message === nowhere.message;
  note(
    `${people.bea.name} asks for ${northwind.name}'s project and for one that does not exist:`,
    verdict(isSame, `the same answer (${foreign.code})`),
  );
}

// The refusal that a token, or a token and a channel, meets: { code, message without ids }
async function attempt(gateway, token, channel) {
  const client = await connect(gateway.url);
  try {
    await client.authenticate(token);
    if (channel) await client.subscribe(channel);
    return { code: 'none' };
  } catch ({ code, frame }) {
    return { code, message: frame?.payload.message.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID') };
  } finally {
    client.destroy();
  }
}

// ---------- changes and who sees them ----------

const followers = () => Object.values(people).map(({ follower }) => follower);
const settle = () => fence(lab.sql, followers());

// Runs SQL in one transaction; resolves with the time of its commit, ms since 1970.
async function commit(sql) {
  const xid = await lab.sql.query(`BEGIN; ${sql}; SELECT pg_current_xact_id()::xid; COMMIT`);
  const stamp = `SELECT extract(epoch FROM pg_xact_commit_timestamp('${xid.split('\n').pop()}')) * 1000`;
  return Number(await lab.sql.query(stamp));
}

// What arrived at a person since its first n events. That a message was delivered is told when it has been.
const newsOf = ({ follower }, n) =>
  follower.events.slice(n).filter((event) => !isFence(event) && event.type !== 'message.delivered');

// says: what the last column says, instead of the types of what arrived
async function show(table, { what, sql, sees, rolledBack, says }) {
  const before = followers().map(({ events }) => events.length);
  let at = 0;
  if (rolledBack) await lab.sql.query(`BEGIN; ${sql}; ROLLBACK`);
  else at = await commit(sql);
  await settle();
  const news = Object.values(people).map((person, i) => newsOf(person, before[i]));
  const cells = Object.keys(people).map((key, i) => {
    const [first] = news[i];
    if (sees.includes(key))
      return first ? `${(first.at - at).toFixed(1)} ms` : verdict(false, 'missing');
    return first ? verdict(false, first.type) : dim('–');
  });
  const types = new Set(news.flat().map(({ type }) => type));
  table.row([what, ...cells, dim(says ?? [...types].join(', '))]);
}

// ---------- a life ----------

// The refusal of a step that is asked for over the socket.
async function askFor(gateway, person, to) {
  const client = await connect(gateway.url, { token: tokenOf(person) });
  try {
    await client.call('automation_version.transition', { id: northwind.revision, to });
    return { code: 'none', details: {} };
  } catch ({ code, frame }) {
    return { code, details: frame?.payload.details ?? {} };
  } finally {
    client.destroy();
  }
}

async function live(gateway) {
  const { code, details } = await askFor(gateway, people.clara, 'live');
  const isRefused =
    code === 'invalid_transition' &&
    details.from === 'intake_in_progress' &&
    details.to === 'live' &&
    String(details.allowed) === 'needs_pricing';
  note(
    `${people.clara.name} asks for "live" at once:`,
    verdict(isRefused, `${code}; from ${details.from} only to ${details.allowed}`),
  );
  note('');

  const names = Object.values(people).map((p) => p.name);
  const table = new Table(['', ...names, ''], [38, 10, 10, 10, 0]);
  for (const { what, sql, becomes } of life)
    await show(table, { what, sql, sees: ['clara', 'oskar'], says: becomes });

  // each of them saw each step, once and in order; the other company saw nothing
  const walk = life.map(({ becomes }, i) => `${life[i - 1]?.becomes ?? details.from} ${becomes}`);
  const seen = followers().map(({ events }) =>
    events
      .filter(({ channel, type }) => channel.endsWith(REVISION) && type.endsWith('.status_changed'))
      .map(({ payload: { from, to } }) => `${from} ${to}`),
  );
  const isRight = [walk, walk, []].every((way, i) => String(way) === String(seen[i]));
  note('');
  note(
    `Steps seen, of ${walk.length}: ${names.map((name, i) => `${name} ${seen[i].length}`).join(', ')};`,
    verdict(isRight, isRight ? 'in order' : 'WRONG'),
  );
}

// ---------- two edit at once ----------

// How a browser keeps its copy true: by the diffs that arrive. (As far as this section needs.)
function redraw(nodes, { meta, nodes: { added = [], updated = [] } = {} }) {
  const drawn = meta?.set?.find(([[name]]) => name === 'nodes')?.[1] ?? nodes;
  const change = ({ id, ...node }) => {
    const members = updated.find((u) => u.id === id)?.set ?? [];
    return Object.fromEntries(
      Object.entries({ id, ...node }).concat(members.map(([[name], value]) => [name, value])),
    );
  };
  return [...drawn.map(change), ...added];
}

// One line of the table: what was answered, and that each got the diffs, or nothing.
async function edit(table, what, calls, { versions, loser = null }) {
  const before = followers().map(({ events }) => events.length);
  const answers = await Promise.all(calls.map((call) => call()));
  await settle();
  const cells = Object.entries(people).map(([key, person], i) => {
    const news = newsOf(person, before[i]);
    const got = news
      .filter(({ type }) => type === 'blueprint.updated')
      .map((e) => e.payload.version);
    const isTold = news.some(({ type }) => type === 'conflict.detected');
    const expected = key === 'bea' ? [] : versions;
    const isRight = String(got) === String(expected) && isTold === (key === loser);
    const text = got.map((v) => `v${v}`).join(' ') + (isTold ? ', told' : '');
    return verdict(isRight, text || '–');
  });
  const conflicts = answers.flatMap(({ payload }) => payload.conflicts);
  const of = conflicts.map(({ path, ours, theirs }) => `${path.join('/')}: ${ours} → ${theirs}`);
  table.row([what, ...cells, dim(of.join('; '))]);
}

async function design(gateway) {
  const { clara, oskar } = people;
  const browsers = new Map();
  for (const person of [clara, oskar])
    browsers.set(person, await connect(gateway.url, { token: tokenOf(person) }));
  const call = (person, method, params) => () =>
    browsers.get(person).call(`blueprint.${method}`, { id: northwind.revision, ...params });
  const label = (person, version, id, text) =>
    call(person, 'apply', {
      version,
      diff: { nodes: { updated: [{ id, set: [[['label'], text]] }] } },
    });
  const nodes = ['Mail arrives', 'Read it'].map((text, i) => ({ id: `n${i + 1}`, label: text }));
  const names = Object.values(people).map((p) => p.name);
  const table = new Table(['', ...names, ''], [42, 12, 10, 8, 0]);

  const draw = call(clara, 'replace', { version: 1, document: { nodes } });
  await edit(table, 'Clara draws two nodes', [draw], { versions: [2] });
  const both = [label(clara, 2, 'n1', 'Fax arrives'), label(oskar, 2, 'n2', 'Scan it')];
  await edit(table, 'both change a node, at once', both, { versions: [3, 4] });
  const first = [label(clara, 4, 'n1', 'Letter arrives')];
  await edit(table, 'Clara renames the first', first, { versions: [5] });
  const last = [label(oskar, 4, 'n1', 'Parcel arrives')];
  await edit(table, 'Oskar does, too, not having seen it', last, { versions: [6], loser: 'clara' });

  const { payload } = await call(clara, 'get')();
  const copies = [clara, oskar].map(({ follower }) =>
    follower.events
      .filter(({ type }) => type === 'blueprint.updated')
      .reduce((copy, event) => redraw(copy, event.payload), []),
  );
  const isSame = copies.every((c) => JSON.stringify(c) === JSON.stringify(payload.document.nodes));
  const text = isSame ? `version ${payload.version}, as stored` : 'WRONG';
  note('');
  note(`What each made of the diffs it got: ${verdict(isSame, text)}`);
  for (const client of browsers.values()) client.destroy();
}

// ---------- the gateway dies ----------

async function crash(gateway) {
  const seen = (person) =>
    person.follower.events.filter(
      (e) => e.type === 'task.created' && e.payload.data.title.startsWith('Burst'),
    );
  const burst = lab.session();
  const sending = burst.query(
    Array.from(
      { length: BURST },
      (_, i) => `INSERT INTO copilot.tasks (tenant_id, project_id, title)
      VALUES ('${northwind.id}', '${northwind.project}', 'Burst ${i}')`,
    ).join('; SELECT pg_sleep(0.001) \\g /dev/null\n;'),
  );
  sending.catch(() => {}); // a failure is met below, if the demo still goes on
  await until('a part of the burst', () => seen(people.clara).length > BURST / 3, { every: 1 });
  const killed = seen(people.clara).length;
  await gateway.stop('SIGKILL');
  await gateway.start();
  note(`killed with -9 when ${people.clara.name} had ${killed} of them, and started again\n`);
  await sending;
  await settle();

  const table = new Table(['', 'expected', 'seen', 'missed', 'twice'], [10, 10, 8, 8, 8]);
  for (const [key, person] of Object.entries(people)) {
    const expected = key === 'bea' ? 0 : BURST;
    const ids = seen(person).map((e) => e.payload.data.title);
    const distinct = new Set(ids).size;
    const [missed, twice] = [expected - distinct, ids.length - distinct];
    const isRight = missed === 0 && twice === 0;
    table.row([
      person.name,
      expected,
      distinct,
      verdict(isRight, String(missed)),
      verdict(isRight, String(twice)),
    ]);
  }
  // whoever plays on wants to see other tasks than these
  await lab.sql.query(`DELETE FROM copilot.tasks WHERE tenant_id = '${northwind.id}' AND title LIKE 'Burst %'`);
  await settle();
  const again = followers().reduce((sum, { duplicates }) => sum + duplicates, 0);
  console.log(dim(`\n  Sent twice around the crash, and dropped by id: ${again}.`));
}

// ---------- playing on ----------

// what of a payload fits into a line: the changed columns, or the beginning
function gist({ data, changed, ...rest }) {
  const shown =
    changed && data
      ? Object.fromEntries(changed.map((column) => [column, data[column]]))
      : (data ?? rest);
  const { tenant_id, id, updated_at, ...interesting } = shown;
  return JSON.stringify(interesting).slice(0, 100);
}

// tasks of bursts that the page orders, which it counts itself
const isOfBurst = ({ id }) => page?.isOfBurst(id);

// where the page is, and who serves the rest of it; null when it was not built
async function openConsole(gateway) {
  if (!existsSync(consoleDir)) return null;
  return new DemoServer({ lab, gateway, people: cast }).start();
}

function invite(gateway, server) {
  heading('Play on');
  const { PGHOST, PGPORT } = lab.env;
  const page = server ? bold(server.url) : dim(`not built; why: ${lab.dir}/console.log`);
  console.log(`  console    ${page}`);
  console.log(`  SQL        psql -h ${PGHOST} -p ${PGPORT} -U postgres ${lab.database}`);
  console.log(`  WebSocket  ${gateway.url}   (sub-protocol wrk.v1)`);
  console.log(`  pages      http://127.0.0.1:${gateway.port}/healthz  /readyz  /metrics`);
  console.log(`  a token    ${tokenOf(people.clara, 12 * 3600)}`);
  console.log(`  logs       ${lab.dir}: gateway.log, cluster/server.log`);
  console.log(
    `\n  For example: UPDATE copilot.projects SET name = 'Renamed' WHERE id = '${northwind.project}';`,
  );
  console.log(
    dim('  What arrives is printed here, bursts apart. Ctrl-C ends the demo and removes the cluster.\n'),
  );
  const table = new Table([], [13, 7, 34, 0]);
  for (const { name, follower } of Object.values(people)) {
    follower.onEvent = ({ type, payload, at }) => {
      if (isOfBurst(payload)) return;
      table.row([new Date(at).toISOString().slice(11, 23), bold(name), type, dim(gist(payload))]);
    };
  }
}

// What ends it before its end: a signal, a reader that has gone, a fault nobody waits for. Whatever
// it is, the way out leads through lab.close().
const interrupted = new Promise((resolve, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => resolve(signal));
  for (const stream of [process.stdout, process.stderr]) stream.on('error', resolve);
  process.on('uncaughtException', reject);
});

async function main() {
  heading('Starting');
  await lab.open();
  const version = await lab.sql.query(`SELECT split_part(version(), ' ', 2)`);
  await lab.sql.query('SELECT copilot.install()');
  await seed(lab.sql);
  await setScene(lab.sql);
  console.log(
    `  PostgreSQL ${version} on port ${lab.env.PGPORT}, extension installed, tenants: ${northwind.name}, ${helios.name}`,
  );
  const gateway = await lab.gateway({ ...gatewayOptions, ...(existsSync(consoleDir) && { static_dir: consoleDir }) }).start();
  console.log(`  gateway on ${gateway.url}, process ${gateway.pid}`);

  heading('Who is there');
  await join(gateway);
  if (!isPageOnly) await tell(gateway);
  isOver = true;
  if (once) return;
  page = await openConsole(gateway);
  invite(gateway, page);
  await interrupted;
}

// what is shown before one may play oneself
async function tell(gateway) {
  heading('Rows change; time from the commit to each client');
  await settle();
  const table = new Table(
    ['', ...Object.values(people).map((p) => p.name), ''],
    [50, 10, 10, 10, 0],
  );
  for (const step of steps) await show(table, step);

  heading('Two edit one blueprint; which versions reach whom, and who is told of a conflict');
  await design(gateway);

  heading('An automation lives; each step in the name of whoever makes it');
  await live(gateway);

  heading(`The gateway dies in the middle of ${BURST} events`);
  await crash(gateway);

  console.log(
    `\n  ${mistakes === 0 ? good('Everything was as it should be.') : bad(`${mistakes} things were not as they should be.`)}`,
  );
}

try {
  await Promise.race([main(), interrupted]);
} catch (error) {
  mistakes++;
  console.error(`\n${bad('The demo broke off:')} ${error.stack}\n\n  Logs: ${lab.dir}/*.log`);
} finally {
  if (!once) console.log('\n  Stopping ...');
  const left = Promise.allSettled(followers().map((follower) => follower?.stop()));
  await page?.close();
  await lab.close();
  await left;
}
process.exit(mistakes === 0 && isOver ? 0 : 1);
