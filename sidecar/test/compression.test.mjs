// permessage-deflate: for those who offer it, and no way to make the gateway unpack without bounds.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { Gateway, stand } from './harness.mjs';
import { connect } from './ws_client.mjs';

const alice = 't1:alice:client';

let cluster;
let gateway;

stand({}, (made) => ({ cluster, gateway } = made));

describe('compression', () => {
  let packing;
  const offer = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }, token: alice };
  const text = 'again and '.repeat(4000);

  before(async () => {
    packing = await Gateway.start(cluster, { compression: 1 });
  });
  after(() => packing.stop());

  const deflated = (message) => {
    const bytes = zlib.deflateRawSync(message, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
    return bytes.subarray(0, bytes.length - 4);
  };

  test('is spoken with whom offers it, and with nobody else', async () => {
    const packed = await connect(packing.url, offer);
    const plain = await connect(packing.url, { token: alice });
    assert.match(packed.extensions, /^permessage-deflate; server_no_context_takeover; client_no_context_takeover$/);
    assert.equal(plain.extensions, '');
    for (const client of [packed, plain]) await client.subscribe('project:9');
    const sent = await packing.metric('bytes_out_total');
    cluster.emit('long', ['tenant:t1:project:9'], { payload: { text } });
    for (const client of [packed, plain]) assert.equal((await client.waitFor((f) => f.type === 'long')).payload.text, text);
    assert.ok(packed.compressed > 0);
    assert.equal(plain.compressed, undefined);
    assert.ok((await packing.metric('bytes_out_total')) - sent < 2 * text.length);
    const off = await connect(gateway.url, offer);
    assert.equal(off.extensions, '');
    for (const client of [packed, plain, off]) client.destroy();
  });

  test('a client may compress, whole messages and fragments', async () => {
    const client = await connect(packing.url, offer);
    const frame = deflated(JSON.stringify({ type: 'call', requestId: 'c1', payload: { method: 'echo', params: { text } } }));
    client.sendFrame(frame, { rsv: 4 });
    assert.equal((await client.waitFor((f) => f.requestId === 'c1')).payload.text, text);
    const other = deflated(JSON.stringify({ type: 'call', requestId: 'c2', payload: { method: 'echo', params: { text } } }));
    client.sendFrame(other.subarray(0, 9), { rsv: 4, fin: false });
    client.sendFrame(other.subarray(9), { opcode: 0 });
    assert.equal((await client.waitFor((f) => f.requestId === 'c2')).payload.text, text);
    client.destroy();
  });

  for (const [what, send, code] of [
    ['that becomes larger than a message may be', (c) => c.sendFrame(deflated('x'.repeat(70000)), { rsv: 4 }), 1009],
    ['of 50 MB in 50 KB', (c) => c.sendFrame(deflated(Buffer.alloc(50000000, 'x')), { rsv: 4 }), 1009],
    ['that is none', (c) => c.sendFrame(Buffer.from([0xff, 0xff, 0xff, 0xff]), { rsv: 4 }), 1002],
    ['that is not UTF-8 inside', (c) => c.sendFrame(deflated(Buffer.from([0xff, 0xfe])), { rsv: 4 }), 4400],
    ['whose second fragment says so, too', (c) => (c.sendFrame('x', { rsv: 4, fin: false }), c.sendFrame('y', { opcode: 0, rsv: 4 })), 1002],
    ['that is a ping', (c) => c.sendFrame('x', { opcode: 9, rsv: 4 }), 1002],
  ]) {
    test(`a compressed message ${what} ends the connection with ${code}`, async () => {
      const memory = await packing.metric('process_resident_memory_bytes');
      const client = await connect(packing.url, offer);
      send(client);
      assert.equal((await client.waitClosed()).code, code);
      assert.ok((await packing.metric('process_resident_memory_bytes')) - memory < 2e6);
    });
  }

  test('a compressed message that was not agreed upon ends the connection', async () => {
    const client = await connect(packing.url, { token: alice });
    client.sendFrame(deflated('{}'), { rsv: 4 });
    assert.equal((await client.waitClosed()).code, 1002);
  });
});
