// What the inspector measures, keeps, hides and reads.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pathOf, roundUp } from '../src/parts/curve.js';
import { ClockOffset } from '../src/views/inspector/clock.js';
import { exported, filterFrames, gist } from '../src/views/inspector/frame_filter.js';
import { maskFrame } from '../src/views/inspector/mask.js';
import { MetricsPoll, charts, pointOf } from '../src/views/inspector/metrics.js';
import { parseMetrics, quantileSince, total } from '../src/views/inspector/prometheus.js';
import { FRAMES_MAX, Recorder } from '../src/views/inspector/recorder.js';
import { Samples, inMs, percentile } from '../src/views/inspector/samples.js';
import { SPAN_MS, spansOf } from '../src/views/inspector/spans.js';

const token = `eyJhbGciOiJIUzI1NiJ9.${'a'.repeat(40)}.${'b'.repeat(43)}`;

// ---------- figures ----------

test('a percentile is the smallest value that so many do not exceed', () => {
  const values = Array.from({ length: 100 }, (_, i) => i + 1);
  assert.equal(percentile(values, 50), 50);
  assert.equal(percentile(values, 95), 95);
  assert.equal(percentile([7], 95), 7);
  assert.equal(percentile([], 50), null);
});

test('only the last values count, and they are bounded', () => {
  const samples = new Samples(10);
  for (let i = 1; i <= 1000; i++) samples.add(i);
  assert.equal(samples.values.length, 10);
  assert.deepEqual(samples.summary(), { n: 10, last: 1000, p50: 995, p95: 1000, max: 1000 });
  assert.deepEqual(new Samples().summary(), { n: 0, last: null, p50: null, p95: null, max: null });
});

test('milliseconds are written as people say them', () => {
  assert.deepEqual([0, 3.14, 123.4, 1500, 61000, null].map(inMs), ['0 ms', '3.1 ms', '123 ms', '1.5 s', '61 s', '–']);
});

test('the clock of the database is bounded by events of own calls', () => {
  const clock = new ClockOffset();
  clock.take(10500, 10510); // somebody else's: at least -10
  assert.equal(clock.isBounded, false);
  clock.take(20504, 20010, 20000); // sent 20000, written 20504 there, came 20010
  assert.deepEqual([clock.low, clock.high, clock.value], [494, 504, 494]);
});

test('no difference is assumed between clocks that may agree', () => {
  const clock = new ClockOffset();
  clock.take(1005, 1010, 1000);
  assert.equal(clock.value, 0);
  assert.equal(clock.isBounded, true);
});

test('a clock that is set meanwhile begins anew', () => {
  const clock = new ClockOffset();
  clock.take(1005, 1010, 1000);
  clock.take(50000, 1020, 1015);
  assert.ok(clock.value >= 48980);
});

// ---------- secrets ----------

test('no token, secret or key of a connection is shown', () => {
  const frames = [
    { type: 'connect', payload: { token, resume: { session: 's', key: 'resume-key-0123456789' } } },
    { type: 'auth', payload: { token } },
    { type: 'connected', payload: { session: 's', key: 'connection-key-0123456789' } },
    { type: 'result', payload: { secret: 'whsec-0123456789', note: `see ${token} there` } },
    { type: 'result', payload: { key: 'wrk_live_abcdefgh_0123456789abcdef' } },
    { type: 'call', payload: { method: 'password.change', params: { old: 'old password', new: 'new password' } } },
  ];
  const shown = JSON.stringify(frames.map(maskFrame));
  for (const secret of [token, 'resume-key-0123', 'connection-key-0123', 'whsec-0123456789', 'wrk_live_abcdefgh', 'old password', 'new password'])
    assert.ok(!shown.includes(secret), secret);
});

test('what is no secret stays as it is', () => {
  const frame = { type: 'call', payload: { method: 'task.update', key: 'q_0123456789', params: { id: '1', old: 'x', n: 3, list: [null, true] } } };
  assert.deepEqual(maskFrame(frame), frame);
});

// ---------- the recorder ----------

class FakeClient {
  state = 'idle';
  listeners = {};
  on(event, listener) {
    (this.listeners[event] ??= []).push(listener);
  }
  tell(event, ...values) {
    for (const listener of this.listeners[event] ?? []) listener(...values);
  }
  frame(direction, at, json) {
    this.tell('frame', { direction, at, json });
  }
}

function recorded(paint = () => {}) {
  const client = new FakeClient();
  return { client, recorder: new Recorder(client, paint) };
}

test('frames are bounded by number', () => {
  const { client, recorder } = recorded();
  for (let i = 0; i < FRAMES_MAX + 500; i++) client.frame('in', i, { type: 'ping' });
  assert.equal(recorder.frames.length, FRAMES_MAX);
  assert.equal(recorder.frames.at(-1).n, FRAMES_MAX + 500);
});

test('frames are bounded by size', () => {
  const { client, recorder } = recorded();
  for (let i = 0; i < 200; i++) client.frame('in', i, { type: 'big', payload: 'x'.repeat(60000) });
  assert.ok(recorder.frames.length < 80);
  assert.equal(recorder.frames.at(-1).n, 200);
});

test('a round trip is from a ping to its own pong, a call from its call to its result', () => {
  const { client, recorder } = recorded();
  client.frame('out', 100, { type: 'ping', requestId: '1' });
  client.frame('out', 101, { type: 'call', requestId: '2', payload: { method: 'task.list' } });
  client.frame('in', 109, { type: 'result', requestId: '2', payload: {} });
  client.frame('in', 130, { type: 'pong', requestId: '1' });
  client.frame('in', 131, { type: 'pong' });
  assert.deepEqual(recorder.trips.values, [30]);
  assert.deepEqual(recorder.calls.values, [8]);
  assert.equal(recorder.frames[2].method, 'task.list');
});

test('events are measured until they are painted, those of one frame together', () => {
  let painted;
  const { client, recorder } = recorded((done) => (painted = done));
  client.frame('in', 1010, { type: 'task.updated', channel: 'c', id: '1', timestamp: 1000 });
  client.frame('in', 1011, { type: 'task.updated', channel: 'c', id: '2', timestamp: 1005 });
  client.frame('in', 1011, { type: 'cursor', channel: 'c', ephemeral: true });
  painted(1020);
  assert.deepEqual(recorder.toScreen.values, [20, 15]);
});

test('what nobody sees painted is not measured', () => {
  let painted;
  const { client, recorder } = recorded((done) => (painted = done));
  client.frame('in', 1010, { type: 'task.updated', channel: 'c', id: '1', timestamp: 1000 });
  painted(null);
  client.frame('in', 2010, { type: 'task.updated', channel: 'c', id: '2', timestamp: 2000 });
  painted(2020);
  assert.deepEqual(recorder.toScreen.values, [20]);
});

test('a channel is counted from its subscription, with its gaps', () => {
  const { client, recorder } = recorded();
  client.frame('out', 1, { type: 'subscribe', requestId: '1', channel: 'project:1' });
  client.frame('in', 2, { type: 'subscribed', requestId: '1', channel: 'tenant:t:project:1', payload: { recovered: true, events: [{}, {}] } });
  client.frame('in', 3, { type: 'task.updated', channel: 'tenant:t:project:1', id: '1' });
  client.frame('in', 4, { type: 'gap', channel: 'tenant:t:project:1', payload: {} });
  client.frame('in', 5, { type: 'flow', payload: { level: 1, dropped: { ephemeral: 17, state: 2 } } });
  const [{ asked, events, gaps, replayed }] = recorder.channels.values();
  assert.deepEqual({ asked, events, gaps, replayed }, { asked: 'project:1', events: 1, gaps: 1, replayed: 2 });
  assert.equal(recorder.counts.ephemeral + recorder.counts.state, 19);
});

// ---------- frames ----------

const frames = [
  { n: 1, at: 0, direction: 'out', type: 'call', method: 'task.list', channel: null, text: '{"type":"call"}' },
  { n: 2, at: 1, direction: 'in', type: 'error', method: 'task.list', channel: null, text: '{"type":"error","payload":{"code":"forbidden"}}' },
  { n: 3, at: 2, direction: 'in', type: 'x', method: null, channel: 'tenant:t:project:1', text: '{"type":"x","Wörter":1}' },
];

test('frames are found by text, type and direction together', () => {
  const found = (filter) => filterFrames(frames, filter).map(({ n }) => n);
  assert.deepEqual(found({}), [1, 2, 3]);
  assert.deepEqual(found({ text: 'WÖRTER' }), [3]);
  assert.deepEqual(found({ direction: 'in', type: 'error' }), [2]);
  assert.deepEqual(found({ text: 'type', direction: 'out' }), [1]);
});

test('a line says what its frame is about', () => {
  assert.deepEqual(frames.map(gist), ['task.list', 'task.list: forbidden', 'project:1']);
});

test('an export has the frames as they are shown', () => {
  const made = JSON.parse(exported(frames.slice(1, 2), { person: 'Ann' }));
  assert.deepEqual(made, { person: 'Ann', frames: [{ n: 2, at: 1, direction: 'in', frame: { type: 'error', payload: { code: 'forbidden' } } }] });
});

// ---------- metrics ----------

const metrics = (events, b1, b2, all) => `# HELP wrk_gateway_events_total Events read
# TYPE wrk_gateway_events_total counter
wrk_gateway_events_total ${events}
wrk_gateway_drops_total{reason="slow_gap"} 2
wrk_gateway_drops_total{reason="a \\"b\\" \\\\ c"} 3 1700000000000
wrk_gateway_delivery_seconds_bucket{le="0.01"} ${b1}
wrk_gateway_delivery_seconds_bucket{le="0.1"} ${b2}
wrk_gateway_delivery_seconds_bucket{le="+Inf"} ${all}

# a remark
nonsense
wrk_gateway_nan NaN
`;

test('Prometheus text is read with types, labels, escapes and timestamps', () => {
  const families = parseMetrics(metrics(5, 1, 2, 3));
  assert.equal(families.get('wrk_gateway_events_total').type, 'counter');
  assert.equal(total(families, 'wrk_gateway_events_total'), 5);
  assert.equal(total(families, 'wrk_gateway_drops_total'), 5);
  assert.equal(total(families, 'wrk_gateway_drops_total', { reason: 'a "b" \\ c' }), 3);
  assert.equal(total(families, 'wrk_gateway_nan'), null);
  assert.equal(total(families, 'nothing'), null);
});

test('a quantile is of what was counted since, not of all', () => {
  const before = parseMetrics(metrics(0, 100, 100, 100));
  const name = 'wrk_gateway_delivery_seconds';
  assert.ok(Math.abs(quantileSince(before, parseMetrics(metrics(0, 100, 200, 200)), name, 0.5) - 0.055) < 1e-9);
  assert.ok(Math.abs(quantileSince(before, parseMetrics(metrics(0, 110, 110, 110)), name, 0.5) - 0.005) < 1e-9);
  assert.equal(quantileSince(before, parseMetrics(metrics(0, 100, 100, 110)), name, 0.5), 0.1);
  assert.equal(quantileSince(before, before, name, 0.5), null);
  assert.equal(quantileSince(before, parseMetrics(metrics(0, 1, 2, 3)), name, 0.5), null);
});

test('a counter gives a rate, and none across a restart', () => {
  const at = (events) => parseMetrics(metrics(events, 0, 0, 0));
  const rateOf = (now, before) => pointOf(0, now, before, 2).values['events read'];
  assert.equal(rateOf(at(30), at(10)), 10);
  assert.equal(rateOf(at(3), at(10)), null);
  assert.equal(rateOf(at(3), null), null);
});

test('curves are bounded to five minutes', () => {
  const poll = new MetricsPoll(async () => '');
  for (let i = 0; i < 400; i++) poll.take(i * 2000, parseMetrics(metrics(i, i, i, i)));
  assert.equal(poll.points.length, 150);
  assert.equal(poll.points.at(-1).values['events read'], 0.5);
});

test('every chart has a title, a unit and at least one line', () => {
  for (const { title, unit, lines } of charts) assert.ok(title && unit(0) && lines.length > 0);
});

// ---------- drawing ----------

test('scales end at round numbers', () => {
  assert.deepEqual([1, 3, 7, 10, 11, 450, 0.03].map(roundUp), [1, 5, 10, 10, 20, 500, 0.05]);
});

test('a curve has a hole where nothing is known', () => {
  const points = [null, 1, 2, null, 1].map((value, i) => ({ at: i * 25, value }));
  const { line, area } = pathOf(points, { from: 0, to: 100, top: 2, width: 100, height: 10 });
  assert.equal(line, 'M25.0 5.0L50.0 0.0M100.0 5.0');
  assert.equal(area.split('Z').length - 1, 2);
});

test('states become a band that ends now', () => {
  const now = SPAN_MS * 2;
  const spans = spansOf([{ at: 0, state: 'idle' }, { at: now - 1000, state: 'connecting' }, { at: now - 400, state: 'connected' }], now);
  assert.deepEqual(spans, [
    { from: 0, to: SPAN_MS - 1000, state: 'idle' },
    { from: SPAN_MS - 1000, to: SPAN_MS - 400, state: 'connecting' },
    { from: SPAN_MS - 400, to: SPAN_MS, state: 'connected' },
  ]);
});
