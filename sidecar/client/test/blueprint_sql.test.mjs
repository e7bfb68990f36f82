// The same as the extension says: random documents and what two people made of them (regress/properties/pairs.mjs),
// and real ones from the folder that WRK_VECTORS names, through diff, patch and merge on both sides.
//
// A run is reproduced by its seed: WRK_SEED=n; WRK_PAIRS sets how many random documents there are.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Lab, quote, top } from '../../../tools/lab.mjs';
import { checkDiff, diff, merge, patch, strip } from '../src/documents.js';
import { dice } from './fake.mjs';

const SEED = Number(process.env.WRK_SEED ?? Math.floor(Math.random() * 2 ** 31));
const PAIRS = Number(process.env.WRK_PAIRS ?? 400);
const EXACT = { ui: [] };

// what JavaScript's numbers cannot say is not to be compared
const plain = (value) => JSON.parse(JSON.stringify(value));
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

// with members in an order, whatever they are called
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.sort()}}`;
}

const outcome = (run) => {
  try {
    return { result: run() };
  } catch (error) {
    if (!error.status) throw error;
    return { error: `WK${error.status}` };
  }
};

const checked = (document, changes) => {
  checkDiff(changes);
  return patch(document, changes);
};

// What both sides are asked of three documents. `wrong` is a diff of other documents.
function ours([a, b, c]) {
  const changes = diff(a, b);
  return {
    diff: changes,
    exact: diff(a, b, EXACT),
    patch: patch(a, changes),
    strip: strip(c),
    wrong: outcome(() => checked(a, diff(b, c, EXACT))),
    merge: merge(a, b, c),
    report: merge(a, b, c, { policy: 'report', ui: ['selected', ['data', 'a']] }),
    whole: merge(a, b, c, { policy: 'ours', ui: [] }),
  };
}

const FUNCTIONS = `
CREATE FUNCTION try_patch(doc jsonb, diff jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN jsonb_build_object('result', wrk.blueprint_patch(doc, diff));
EXCEPTION WHEN OTHERS THEN
	RETURN jsonb_build_object('error', SQLSTATE);
END $$;
CREATE FUNCTION theirs(a jsonb, b jsonb, c jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('diff', d, 'exact', wrk.blueprint_diff(a, b, '{"ui": []}'), 'patch', wrk.blueprint_patch(a, d),
		'strip', wrk.blueprint_strip(c), 'wrong', try_patch(a, wrk.blueprint_diff(b, c, '{"ui": []}')),
		'merge', wrk.blueprint_merge(a, b, c), 'report', wrk.blueprint_merge(a, b, c, '{"policy": "report", "ui": ["selected", ["data", "a"]]}'),
		'whole', wrk.blueprint_merge(a, b, c, '{"policy": "ours", "ui": []}'))
	FROM wrk.blueprint_diff(a, b) d
$$`;

// ---------- documents ----------

function randomTriples() {
  const script = path.join(top, 'regress/properties/pairs.mjs');
  const text = execFileSync(process.execPath, [script, String(PAIRS), String(SEED)], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  const unescape = (field) => field.replace(/\\(.)/g, (_, c) => ({ t: '\t', n: '\n', r: '\r' })[c] ?? c);
  const rows = text.trimEnd().split('\n').map((line) => line.split('\t').slice(1).map((field) => JSON.parse(unescape(field))));
  return rows.filter((row) => row.every(isObject)).map((row) => plain(row));
}

// what somebody at an editor does to a real document
function edited(document, d) {
  const made = structuredClone(document);
  for (let i = 1 + d.below(6); i > 0; i--) {
    const list = made[d.pick(['nodes', 'nodes', 'edges'])];
    const at = d.below(list.length);
    const element = list[at];
    const members = element ? Object.keys(element).filter((name) => name !== 'id') : [];
    const deeds = [
      () => list.splice(at, 1),
      () => list.splice(d.below(list.length), 0, { ...structuredClone(element), id: `new${d.below(1e6)}` }),
      () => list.splice(d.below(list.length), 0, ...list.splice(at, 1)),
      () => (element.position = { x: d.below(500), y: d.below(500) }),
      () => (element.selected = d.chance(0.5)),
      () => (element[d.pick(members)] = d.pick(['text', 1, null, [], { a: { b: [{ id: 1 }] } }])),
      () => delete element[d.pick(members)],
      () => isObject(element.data) && (element.data[d.pick([...Object.keys(element.data), 'label'])] = `text ${d.below(9)}`),
      () => (made.name = `name ${d.below(9)}`),
    ];
    if (element && members.length > 0) d.pick(deeds)();
  }
  return made;
}

const FORMATS = { asl: 'step_functions', flowise: 'react_flow', n8n: 'n8n', nodered: 'node_red' };

async function realTriples(sql, folder) {
  const d = dice(SEED);
  const triples = [];
  for (const [name, format] of Object.entries(FORMATS)) {
    const files = readdirSync(path.join(folder, name)).filter((file) => file.endsWith('.json'));
    for (const file of files) {
      const text = readFileSync(path.join(folder, name, file), 'utf8');
      const document = await sql.json(`SELECT wrk.blueprint_import(${quote(text)}::jsonb, '${format}')`);
      for (let i = 0; i < 20; i++) triples.push(plain([document, edited(document, d), edited(document, d)]));
    }
  }
  for (const chain of readdirSync(path.join(folder, 'chains'))) {
    const files = readdirSync(path.join(folder, 'chains', chain)).filter((file) => /^r.*\.json$/.test(file)).sort();
    const revisions = files.map((file) => JSON.parse(readFileSync(path.join(folder, 'chains', chain, file), 'utf8')));
    for (let i = 2; i < revisions.length; i++) triples.push(plain(revisions.slice(i - 2, i + 1)));
  }
  return triples;
}

// ---------- both sides ----------

describe('the extension and the client', { timeout: 600000 }, () => {
  const lab = new Lab('tmp/client/blueprint_sql', { settings: { fsync: 'off' } });

  before(async () => {
    await lab.open();
    await lab.sql.query(FUNCTIONS);
  });
  after(() => lab.close());

  const differences = async (triples) => {
    const different = [];
    for (let i = 0; i < triples.length; i += 50) {
      const part = triples.slice(i, i + 50);
      const rows = part.map((triple, k) => `(${k}, ${triple.map((document) => `${quote(JSON.stringify(document))}::jsonb`).join(', ')})`);
      const answers = await lab.sql.json(`SELECT json_agg(theirs(a, b, c) ORDER BY k) FROM (VALUES ${rows.join(', ')}) t (k, a, b, c)`);
      part.forEach((triple, k) => {
        const mine = ours(triple);
        for (const [name, answer] of Object.entries(answers[k]))
          if (canonical(answer) !== canonical(plain(mine[name]))) different.push({ name, triple, answer, mine: mine[name] });
      });
    }
    const smallest = different.sort((x, y) => JSON.stringify(x).length - JSON.stringify(y).length).slice(0, 3);
    return { count: different.length, smallest: smallest.map((one) => JSON.stringify(one)) };
  };

  test(`seed ${SEED}: say the same of random documents`, async (t) => {
    const triples = randomTriples();
    const all = triples.map(ours);
    const share = (is) => all.filter(is).length / all.length;
    // so that there is something to be different in
    assert.ok(share(({ wrong }) => wrong.error) > 0.2 && share(({ wrong }) => wrong.result) > 0.02);
    assert.ok(share(({ merge: { conflicts } }) => conflicts.length > 0) > 0.2);
    for (const kind of ['edit_edit', 'edit_delete', 'delete_edit', 'add_add', 'order', 'dangling_edge'])
      assert.ok(share(({ whole }) => whole.conflicts.some((conflict) => conflict.kind === kind)) > 0.002, kind);
    const { count, smallest } = await differences(triples);
    assert.equal(count, 0, smallest.join('\n'));
    t.diagnostic(`${triples.length} documents, ${triples.length * Object.keys(all[0]).length} answers`);
  });

  const folder = process.env.WRK_VECTORS && path.join(process.env.WRK_VECTORS, 'blueprints');
  console.log(folder ? `with the documents of ${folder}` : 'with our own documents: WRK_VECTORS names no folder');
  if (folder)
    test('and of real ones', async (t) => {
      const triples = await realTriples(lab.sql, folder);
      const { count, smallest } = await differences(triples);
      assert.equal(count, 0, smallest.map((text) => text.slice(0, 2000)).join('\n'));
      t.diagnostic(`${triples.length} revisions`);
    });
});
