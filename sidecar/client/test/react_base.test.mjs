// The hooks that everything else stands on, in StrictMode: connection, channels, events, calls.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { ReactWorld, hooks, pause, until } from './react_world.mjs';

const { useCall, useChannel, useConnectionStatus, useEvent, useRealtime } = hooks;

const LINGER = 700; // ms, more than a store is kept for

describe('hooks', { timeout: 60000 }, () => {
  let world, client, gateway;
  beforeEach(() => {
    world = new ReactWorld();
    client = world.client();
    ({ gateway } = world);
  });
  afterEach(() => {
    const { errors } = world;
    world.close();
    assert.deepEqual(errors, []);
  });

  test('useRealtime gives the client of its provider', async () => {
    const probe = world.mount(client, useRealtime);
    await until('the client', () => probe.now === client);
  });

  test('useConnectionStatus says what the client says, as one object while that is the same', async () => {
    const probe = world.mount(client, useConnectionStatus);
    await until('the beginning', () => probe.now);
    assert.deepEqual(probe.now, { state: 'idle', transport: null, sync: { pending: 0, oldest: null }, latency: null, database: true });
    const before = probe.now;
    probe.render();
    await pause(20);
    assert.equal(probe.now, before);
    await client.connect();
    await until('the round trip', () => probe.now.latency !== null);
    assert.deepEqual([probe.now.state, probe.now.transport], ['connected', 'websocket']);
    gateway.isDown = true;
    for (const conn of gateway.conns) conn.send({ type: 'status', payload: { database: 'down' } });
    await until('the database down', () => !probe.now.database);
    gateway.methods.go = () => ({});
    client.call('go').catch(() => {});
    await until('one call waits', () => probe.now.sync.pending === 1);
    gateway.isDown = false;
    await until('none waits', () => probe.now.sync.pending === 0);
    gateway.cut();
    await until('back', () => probe.now.state === 'connected' && probe.now.database);
    assert.ok(probe.seen.some(({ state }) => state === 'reconnecting'));
  });

  test('useChannel subscribes once however often it is mounted, and leaves after the last one', async () => {
    const one = world.mount(client, useChannel, 'project:1');
    const two = world.mount(client, useChannel, 'project:1');
    await until('both', () => one.now?.state === 'subscribed' && two.now?.state === 'subscribed');
    assert.equal(one.now.channel, client.channel('project:1'));
    one.unmount();
    await pause(LINGER);
    assert.equal(two.now.state, 'subscribed');
    two.unmount();
    const again = world.mount(client, useChannel, 'project:1');
    await pause(LINGER);
    assert.equal(again.now.state, 'subscribed');
    assert.deepEqual([world.sent('subscribe').length, world.sent('unsubscribe').length], [1, 0]);
    again.unmount();
    await pause(LINGER);
    assert.deepEqual([world.sent('subscribe').length, world.sent('unsubscribe').length], [1, 1]);
  });

  test('of no channel there is nothing, and another name is another channel', async () => {
    const probe = world.mount(client, useChannel, null);
    await pause(20);
    assert.deepEqual([probe.now, world.sent('subscribe').length], [{ channel: null, state: 'idle', error: null }, 0]);
    probe.render('project:1');
    await until('the first', () => probe.now.state === 'subscribed');
    probe.render('project:2');
    await until('the second', () => probe.now.state === 'subscribed' && probe.now.channel.name === 'project:2');
    await pause(LINGER);
    assert.equal(client.channel('project:1').state, 'idle');
  });

  test('a refusal is an error, and a new connection asks again', async () => {
    gateway.revoke('project:1');
    const probe = world.mount(client, useChannel, 'project:1');
    await until('the refusal', () => probe.now?.error?.code === 'not_found');
    assert.equal(probe.now.state, 'refused');
    gateway.refused.clear();
    gateway.cut();
    await until('let in', () => probe.now.state === 'subscribed' && probe.now.error === null);
    gateway.revoke('project:1');
    await until('taken away', () => probe.now.state === 'refused' && probe.now.error.code === 'forbidden');
  });

  test('useEvent tells the handler of this moment, once for each event, and none that is unmounted', async () => {
    const heard = [];
    const handler = (name) => ({ payload }) => heard.push(`${name} ${payload.n}`);
    const probe = world.mount(client, useEvent, 'project:1', 'task.*', handler('a'));
    await until('subscribed', () => client.channel('project:1').state === 'subscribed');
    gateway.emit('project:1', 'task.created', { n: 1 });
    gateway.emit('project:1', 'message.created', { n: 0 });
    await until('the first', () => heard.length === 1);
    probe.render('project:1', 'task.*', handler('b'));
    await pause(20);
    gateway.emit('project:1', 'task.updated', { n: 2 });
    await until('the second', () => heard.length === 2);
    probe.unmount();
    gateway.emit('project:1', 'task.updated', { n: 3 });
    await pause(50);
    assert.deepEqual(heard, ['a 1', 'b 2']);
  });

  test('useCall: the payload, what is under way, the refusal; nothing after unmounting', async () => {
    let refused = null;
    gateway.methods['task.make'] = ({ n }) => {
      if (refused) throw refused;
      return { n };
    };
    const probe = world.mount(client, useCall, 'task.make');
    await until('mounted', () => probe.now);
    const { call } = probe.now;
    const answer = call({ n: 1 });
    await until('under way', () => probe.now.isPending);
    assert.deepEqual(await answer, { n: 1 });
    await until('over', () => !probe.now.isPending);
    refused = { code: 'forbidden', status: 403, message: 'no', retry: 'no' };
    call({ n: 2 }); // nobody waits
    await until('the refusal', () => probe.now.error?.code === 'forbidden' && !probe.now.isPending);
    assert.equal(probe.now.call, call);
    probe.now.reset();
    await until('no error', () => probe.now.error === null);
    const last = call({ n: 3 });
    probe.unmount();
    await assert.rejects(last, { code: 'forbidden' });
  });

  test('two calls at once: under way until both are over', async () => {
    gateway.latency = () => 20;
    gateway.methods.go = () => ({});
    const probe = world.mount(client, useCall, 'go');
    await until('mounted', () => probe.now);
    const both = [probe.now.call({}), probe.now.call({}, { order: 'x' })];
    await Promise.race(both);
    await Promise.all(both);
    await until('over', () => !probe.now.isPending);
    assert.equal(probe.now.error, null);
  });
});
