// A strict reader of the Prometheus text format 0.0.4: what it accepts, a server of Prometheus does.
import assert from 'node:assert/strict';

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/;
const SUFFIXES = { histogram: ['_bucket', '_sum', '_count'] };

function readLabels(text, line) {
  const labels = {};
  while (text !== '') {
    const match = LABEL.exec(text);
    assert.ok(match, `labels: ${line}`);
    assert.ok(!(match[1] in labels), `label twice: ${line}`);
    labels[match[1]] = match[2];
    text = text.slice(match[0].length);
  }
  return labels;
}

// { family: { type, help, samples: [{ name, labels, value }] } }; throws at the first thing that is wrong.
export function parse(text) {
  assert.ok(text.endsWith('\n'), 'the last line ends, too');
  assert.ok(!text.includes('\r') && !text.includes('\n\n'), 'nothing but lines');
  const families = {};
  const seen = new Set();
  let family;
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line);
    if (comment?.[1] === 'HELP') {
      assert.ok(!(comment[2] in families), `family twice: ${line}`);
      family = comment[2];
      families[family] = { help: comment[3], samples: [] };
      continue;
    }
    if (comment) {
      assert.equal(comment[2], family, `TYPE follows its HELP: ${line}`);
      assert.match(comment[3], /^(counter|gauge|histogram)$/);
      families[family].type = comment[3];
      continue;
    }
    const sample = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)$`).exec(line);
    assert.ok(sample, `no sample: ${line}`);
    const [, name, labels = '', value] = sample;
    const { type, samples } = families[family];
    assert.ok(type, `TYPE before samples: ${line}`);
    assert.ok((SUFFIXES[type] ?? ['']).some((suffix) => name === family + suffix), `${name} is not of ${family}`);
    assert.equal(type === 'counter', family.endsWith('_total'), `counters are called _total: ${family}`);
    const key = `${name}{${labels}}`;
    assert.ok(!seen.has(key), `series twice: ${line}`);
    seen.add(key);
    samples.push({ name, labels: readLabels(labels, line), value: Number(value) });
  }
  for (const [name, { type, samples }] of Object.entries(families)) if (type === 'histogram') checkHistogram(name, samples);
  return families;
}

function checkHistogram(family, samples) {
  const buckets = samples.filter(({ name }) => name === `${family}_bucket`);
  const count = samples.find(({ name }) => name === `${family}_count`).value;
  const sum = samples.find(({ name }) => name === `${family}_sum`).value;
  const bounds = buckets.map(({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le)));
  assert.deepEqual(bounds, [...bounds].sort((a, b) => a - b), 'bounds rise');
  assert.equal(bounds.at(-1), Infinity);
  for (let i = 1; i < buckets.length; i++) assert.ok(buckets[i].value >= buckets[i - 1].value, 'buckets add up');
  assert.equal(buckets.at(-1).value, count, 'the last bucket has all');
  assert.ok(sum >= 0 && (count > 0 || sum === 0));
}

// The value of one series, undefined when it is not there.
export function value(families, family, labels = {}) {
  return families[family]?.samples.find((sample) =>
    Object.entries(labels).every(([name, wanted]) => sample.labels[name] === wanted))?.value;
}
