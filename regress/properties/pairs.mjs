// Random documents and changes of them, for the laws of laws.sql.
//
//   node pairs.mjs COUNT SEED >FILE     rows for COPY: number, a, b, c
//
// b and c are what two people made of a, now and then something else altogether.  Documents have
// what is easily got wrong: keyed arrays in keyed arrays, ids twice, "1" beside 1 and 1.0, numbers
// that are equal but not the same, empty keys, keys with dots, slashes, quotes and beyond ASCII,
// nulls, empty containers, members that change their type, elements that change places, and what
// editors leave behind.  Numbers are kept as text, because JavaScript's cannot say 1.00.

const [count, seed] = process.argv.slice(2).map(Number);

// mulberry32, of a seed for each row, so that a row can be made again by itself
function random(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

let next;
const below = (n) => Math.floor(next() * n);
const chance = (p) => next() < p;
const pick = (list) => list[below(list.length)];
const times = (n, make) => Array.from({ length: n }, make);

class Num {
  constructor(text) {
    this.text = text;
  }
}

// ---------- values: null, boolean, string, Num, array, Map ----------

const NUMBERS = ['0', '1', '1.0', '1.00', '-1', '10', '1e2', '100', '0.1', '0.10', '1e-7', '12345678901234567890',
  '123456789012345678901234567890.1234567890', '1e300', '-0.000', '9007199254740993', '99999', '100000000'];
const KEYS = ['', 'a', 'b', 'c', 'x.y', 'x/y', '~', '~1', '"', '\\', "'", 'ä', '😀', '\u{1F468}\u200d\u{1F469}', 'e\u0301', ' ', '-', '0',
  '01', 'meta', 'path', 'set', 'id', '__proto__', 'a key that is longer than the others', '\t', '\u0001', '\uffff'];
const TEXTS = [...KEYS, 'text', 'line\nbreak', '\u2028', 'x'.repeat(60), '1', 'null'];
const IDS = ['a', 'b', 'c', 'd', 'e', 'f', '1', '', 'ä😀', 'x/y', new Num('1'), new Num('1.0'), new Num('2'), new Num('3'),
  new Num('12345678901234567890')];
const SHOWN = ['selected', 'dragging', 'resizing', 'measured', 'positionAbsolute'];

function scalar() {
  switch (below(8)) {
    case 0: return null;
    case 1: return chance(0.5);
    case 2: case 3: case 4: return new Num(pick(NUMBERS));
    default: return pick(TEXTS);
  }
}

function object(depth, max = 4) {
  return new Map(times(below(max + 1), () => [pick(KEYS), value(depth - 1)]).filter(([key]) => key !== 'id' || chance(0.3)));
}

function element(depth, id = pick(IDS)) {
  const made = object(depth, 3);
  made.set('id', id);
  if (chance(0.3)) made.set('data', object(depth - 1));
  if (depth > 0 && chance(0.3)) made.set('k', keyed(depth - 1, 4));
  if (chance(0.2)) show(made);
  return made;
}

function shuffle(list) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}

// nearly always keyed
function keyed(depth, max = 5) {
  const made = shuffle([...IDS]).slice(0, below(max + 1)).map((id) => element(depth, id));
  if (made.length > 0 && chance(0.04)) made.push(element(depth, made[0].get('id')));
  if (chance(0.02)) made.push(chance(0.5) ? scalar() : new Map());
  return made;
}

function value(depth) {
  if (depth <= 0 || chance(0.35)) return chance(0.15) ? pick([[], new Map()]) : scalar();
  switch (below(4)) {
    case 0: return times(below(5), () => value(depth - 1));
    case 1: return keyed(depth - 1, 4);
    default: return object(depth);
  }
}

// what editors leave behind
function show(made) {
  if (chance(0.7)) made.set(pick(SHOWN), chance(0.7) ? chance(0.5) : value(1));
  const data = made.get('data');
  if (data instanceof Map && chance(0.5)) data.set('selected', chance(0.5));
}

function nested(depth) {
  let made = value(1);
  for (let i = 0; i < depth; i++) made = chance(0.5) ? [made] : new Map([[pick(KEYS), made]]);
  return made;
}

function doc() {
  if (chance(0.03)) return value(3);
  const made = new Map();
  if (chance(0.9)) made.set('nodes', keyed(3, 8));
  if (chance(0.7)) made.set('edges', shuffle([...IDS]).slice(0, below(6)).map((id) => new Map([['id', id], ['source', pick(IDS)], ['target', pick(IDS)]])));
  if (chance(0.2)) made.set('meta', value(3));
  if (chance(0.3)) made.set('viewport', object(1));
  if (chance(0.05)) made.set('deep', nested(below(100)));
  for (let i = below(3); i > 0; i--) made.set(pick(KEYS), value(3));
  return made;
}

// ---------- changes ----------

function copy(v) {
  if (Array.isArray(v)) return v.map(copy);
  if (v instanceof Map) return new Map([...v].map(([key, item]) => [key, copy(item)]));
  return v;
}

function changeArray(list) {
  const i = below(list.length + 1);
  const j = below(list.length + 1);
  const fresh = () => (list.some((e) => e instanceof Map && e.has('id')) ? element(2) : value(2));
  switch (below(8)) {
    case 0: return void list.splice(i, 0, fresh());
    case 1: return void list.push(fresh());
    case 2: return void list.splice(i, 1);
    case 3: return void list.splice(j, 0, ...list.splice(i, 1));
    case 4: return chance(0.3) ? void list.reverse() : void shuffle(list);
    case 5: return void list.splice(i, below(3), ...times(below(3), fresh));
    default: return void (list.length > 0 && (list[i % list.length] = change(list[i % list.length])));
  }
}

function changeObject(made) {
  if (made.get('k') instanceof Array && chance(0.6)) return void changeArray(made.get('k'));
  const key = made.size > 0 && chance(0.8) ? pick([...made.keys()]) : pick(KEYS);
  switch (below(10)) {
    case 0: return void made.set(key === 'id' ? 'x' : key, value(2));
    case 1: return void (key !== 'id' && made.delete(key));
    case 2: return show(made);
    case 3: return void made.set(pick(KEYS.filter((k) => k !== 'id' || chance(0.1))), value(2));
    default: return void (key !== 'id' && made.has(key) && made.set(key, change(made.get(key))));
  }
}

function change(v) {
  if (chance(0.05)) return value(2);
  if (Array.isArray(v)) changeArray(v);
  else if (v instanceof Map) changeObject(v);
  else return chance(0.8) ? scalar() : value(2);
  return v;
}

function revision(a) {
  if (chance(0.02)) return doc();
  if (chance(0.02)) return copy(a);
  let made = copy(a);
  for (let i = 1 + below(chance(0.2) ? 20 : 4); i > 0; i--) {
    const part = made instanceof Map && pick(['nodes', 'nodes', 'nodes', 'edges', 'meta', '']);
    if (part && made.get(part) instanceof Array) changeArray(made.get(part));
    else if (part !== false && !chance(0.01)) changeObject(made);
    else made = change(made);
  }
  return made;
}

// ---------- text ----------

function string(text) {
  const plain = JSON.stringify(text);
  if (!chance(0.1)) return plain;
  return '"' + text.replace(/[^]/g, (unit) => '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0')) + '"';
}

function json(v) {
  if (v instanceof Num) return v.text;
  if (Array.isArray(v)) return '[' + v.map(json).join(',') + ']';
  if (v instanceof Map) return '{' + [...v].map(([key, item]) => string(key) + ':' + json(item)).join(',') + '}';
  return typeof v === 'string' ? string(v) : String(v);
}

const field = (v) => json(v).replace(/\\/g, '\\\\').replace(/\t/g, '\\t').replace(/\n/g, '\\n').replace(/\r/g, '\\r');

function row(i) {
  next = random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(i, 0x85ebca6b));
  const a = doc();
  return [i, ...[a, revision(a), revision(a)].map(field)].join('\t') + '\n';
}

let i = 0;
function pump() {
  while (i < count) {
    let text = '';
    for (const end = Math.min(i + 1000, count); i < end; i++) text += row(i);
    if (!process.stdout.write(text)) return void process.stdout.once('drain', pump);
  }
}
pump();
