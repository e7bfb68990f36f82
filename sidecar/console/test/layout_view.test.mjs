// What the layout is made by: rooms, views that fit, ways of edges that lead back, what is known of steps.
import assert from 'node:assert/strict';
import test from 'node:test';

import { TokenTrace } from '../src/chaos/token_trace.js';
import { drawnIn, viewOf } from '../src/views/project/fit.js';
import { FlowEdges } from '../src/views/project/flow.js';
import { roomOf, shownIn, toggled, wantedAtFirst } from '../src/views/project/room.js';
import { backWay, laneOf, leadsBack } from '../src/views/project/routes.js';
import { UNKNOWN, knownAfter, whyNot } from '../src/views/project/steps_known.js';

test('where there is no room for all, what was asked for last is shown', () => {
  assert.deepEqual([300, 700, 1440].map(roomOf), ['one', 'two', 'three']);
  assert.deepEqual(shownIn('three', ['list', 'talk']), { list: true, talk: true });
  assert.deepEqual(shownIn('two', ['list', 'talk']), { list: false, talk: true });
  assert.deepEqual(shownIn('one', []), { list: false, talk: false });
  assert.deepEqual(wantedAtFirst(1440), ['list', 'talk']);
  assert.deepEqual(wantedAtFirst(720), []);
});

test('a button shows what is not shown, also where that was wanted already', () => {
  assert.deepEqual(toggled('two', ['list', 'talk'], 'list'), ['talk', 'list']);
  assert.deepEqual(toggled('two', ['talk', 'list'], 'list'), ['talk']);
  assert.deepEqual(toggled('three', ['list', 'talk'], 'list'), ['talk']);
});

const wide = { x: 0, y: 20, width: 1528, height: 264 };

test('all of a drawing is shown, in the middle of what the sheet leaves free', () => {
  const { x, y, zoom } = viewOf(wide, { width: 800, height: 600 });
  assert.ok(Math.abs(zoom - (800 - 56) / 1528) < 1e-9);
  assert.equal(x, 28);
  assert.ok(y + 20 * zoom >= 44 && y + 284 * zoom <= 600 - 180);
  assert.equal(viewOf({ x: 0, y: 0, width: 208, height: 64 }, { width: 800, height: 600 }).zoom, 1);
});

test('what could not be read begins at its beginning, unless all of it is asked for', () => {
  const narrow = viewOf(wide, { width: 320, height: 400 });
  assert.deepEqual([narrow.x, narrow.zoom], [16, 0.4]);
  assert.ok(viewOf(wide, { width: 320, height: 400 }, { isWhole: true }).zoom < 0.2);
  assert.equal(viewOf({ x: 0, y: 0, width: 3000, height: 3000 }, { width: 1200, height: 800 }, { isMany: true }).zoom, 0.4);
});

test('the room of a drawing has the lanes of its edges in it', () => {
  const bounds = drawnIn({ x: 0, y: 0, width: 100, height: 64 }, [{ type: 'back', data: { lane: 98 } }, { type: 'default' }]);
  assert.deepEqual(bounds, { x: 0, y: 0, width: 100, height: 110 });
});

test('a way back is the shortest lane that no node is in', () => {
  const [decide, ask, wait, book] = [{ x: 780, y: 120 }, { x: 1060, y: 220 }, { x: 1320, y: 220 }, { x: 1060, y: 20 }];
  assert.ok(leadsBack(wait, decide) && !leadsBack(decide, ask) && leadsBack(ask, ask));
  assert.equal(laneOf(wait, decide, [decide, ask, wait, book]), 318);
  const under = { x: 1060, y: 300 };
  assert.equal(laneOf(wait, decide, [decide, ask, wait, book, under]), 398);
  const far = { x: 1060, y: 900 };
  assert.equal(laneOf(wait, decide, [decide, ask, wait, book, far]), 318);
});

test('a way with no free lane goes below everything', () => {
  const [a, b] = [{ x: 0, y: 0 }, { x: 260, y: 0 }];
  const walls = [-300, -200, -100, 100, 200, 300].flatMap((y) => [{ x: -120, y }, { x: 400, y }, { x: 130, y }]);
  assert.equal(laneOf(b, a, [a, b, ...walls]), 300 + 64 + 34);
});

test('a way begins and ends at its handles, and its label lies on the lane', () => {
  const { path, labelX, labelY } = backWay({ sourceX: 500, sourceY: 30, targetX: 100, targetY: 30, lane: 130 });
  assert.ok(path.startsWith('M500 30L') && path.endsWith('L100 30'));
  assert.deepEqual([labelX, labelY], [300, 130]);
});

test('an edge is drawn anew when its way is another one, and only then', () => {
  const node = (id, x, y) => ({ id, position: { x, y } });
  const document = { nodes: [node('a', 0, 0), node('b', 260, 0), node('c', 130, 400)], edges: [{ id: 'b-a', source: 'b', target: 'a' }, { id: 'a-b', source: 'a', target: 'b' }] };
  const lines = new FlowEdges();
  const first = lines.of(document);
  assert.deepEqual(first.map(({ type, data }) => [type, data?.lane]), [['back', 98], [undefined, undefined]]);
  assert.deepEqual(lines.of(document, { places: new Map([['c', { x: 130, y: 500 }]]) }).map((line, i) => line === first[i]), [true, true]);
  const moved = lines.of(document, { places: new Map([['c', { x: 130, y: 80 }]]) });
  assert.notEqual(moved[0], first[0]);
  assert.equal(moved[1], first[1]);
  assert.equal(lines.of(document, { isMany: true })[0].type, undefined);
});

test('a step is off only where it is known that there is none', () => {
  const at = { document: {}, canEdit: true };
  const after = (...all) => all.reduce(knownAfter, UNKNOWN);
  const off = (known) => ['undo', 'redo'].filter((step) => whyNot(known, step, at));
  assert.deepEqual(off(UNKNOWN), []);
  assert.deepEqual(off(after('no undo')), ['undo']);
  assert.deepEqual(off(after('no undo', 'edit')), ['redo']);
  assert.deepEqual(off(after('edit', 'undone')), []);
  assert.deepEqual(off(after('edit', 'undone', 'redone', 'no redo')), ['redo']);
  assert.deepEqual(off(after('no undo', 'no redo', 'elsewhere')), []);
  assert.match(whyNot(UNKNOWN, 'undo', { document: {}, canEdit: false }), /status/);
  assert.match(whyNot(UNKNOWN, 'undo', { document: null, canEdit: true }), /loading/);
});

test('a token that runs out is followed to its successor on the same connection, or on another', () => {
  const hello = (session, expiresAt) => ({ type: 'connected', payload: { session, expiresAt } });
  const trace = new TokenTrace(1000);
  const take = (at, direction, json) => trace.take({ at, direction, json });
  assert.equal(take(1010, 'out', { type: 'connect', requestId: '1', payload: {} }), null);
  assert.match(take(1040, 'in', hello('abcdefghij', 6040)), /back 40 ms later with a token for 5 s \(session abcdefgh\)/);
  assert.equal(take(1041, 'in', { type: 'token_expiring', payload: { expiresAt: 6040 } }), null);
  assert.equal(take(1050, 'out', { type: 'auth', requestId: '7', payload: {} }), null);
  assert.equal(take(1055, 'in', { type: 'result', requestId: '8', payload: {} }), null);
  const said = take(1060, 'in', { type: 'result', requestId: '7', payload: { session: 'abcdefghij', expiresAt: 601060 } });
  assert.match(said, /a new token was accepted, 19 ms after the end was announced, on the same connection .* for 600 s/);
  assert.ok(trace.isOver);
  const other = new TokenTrace(0);
  other.take({ at: 5, direction: 'in', json: hello('one', 5000) });
  assert.equal(other.take({ at: 9, direction: 'in', json: hello('one', 5000) }), null);
  assert.match(other.take({ at: 6000, direction: 'in', json: hello('two', 9000) }), /a new connection was made/);
});
