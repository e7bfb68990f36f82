// Verifies proofs about the audit log: no database, no dependency, nothing believed
// but the key (and the head) that you bring along.
//
//   tools/audit-check --key FILE [--head FILE] [--quiet] < PROOFS
//
//   --key FILE   public keys of seals: a JWK, a JWKS, or an array of either
//   --head FILE  a signed head that you kept, as of wrk.audit_head(): what is proven
//                must hold in the log that it is the head of, or in one that grew
//                out of that and is linked to it by a consistency proof
//   --quiet      does not print the rows
//
// PROOFS is JSON: one of wrk.audit_head(), wrk.audit_proof(), wrk.audit_consistency(),
// or an array of them.  The exit status is 0 if all of it is proven, 1 if something
// is not, 2 if the arguments make no sense.
//
// Formats: extension/seal_encode.c (rows), extension/seal_store.c (heads).  Trees and
// paths: RFC 6962 section 2.1, verified as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say.
import { createHash, createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';

class Unproven extends Error {}

function demand(condition, message) {
  if (!condition) throw new Unproven(message);
}

// ---------- values of a document ----------

function hash(text, what) {
  demand(typeof text === 'string' && /^[0-9a-f]{64}$/.test(text), `${what} is no hash`);
  return Buffer.from(text, 'hex');
}

function bytes(text, what) {
  demand(typeof text === 'string' && /^[A-Za-z0-9_-]*$/.test(text), `${what} is not base64url`);
  return Buffer.from(text, 'base64url');
}

function integer(value, what) {
  demand(Number.isSafeInteger(value), `${what} is no integer`);
  return value;
}

function size(value, what) {
  demand(integer(value, what) > 0, `${what} is not positive`);
  return value;
}

function string(value, what) {
  demand(typeof value === 'string', `${what} is no text`);
  return value;
}

function path(value) {
  demand(Array.isArray(value) && value.length <= 64, 'path is no array of hashes');
  return value.map((node) => hash(node, 'a node of the path'));
}

// ---------- trees ----------

const sha256 = (...parts) => parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest();
const leafHash = (leaf) => sha256(Buffer.of(0), leaf);
const nodeHash = (left, right) => sha256(Buffer.of(1), left, right);
const half = (n) => Math.floor(n / 2);
const isOdd = (n) => n % 2 === 1;
const isPowerOfTwo = (n) => n === 1 || (!isOdd(n) && isPowerOfTwo(half(n)));

function checkInclusion(leaf, index, size, nodes, root) {
  let fn = index, sn = size - 1, r = leaf;

  demand(index >= 0 && index < size, `there is no leaf ${index} of ${size}`);
  for (const node of nodes) {
    demand(sn !== 0, 'the path is too long');
    if (isOdd(fn) || fn === sn) {
      r = nodeHash(node, r);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      r = nodeHash(r, node);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  demand(sn === 0, 'the path is too short');
  demand(r.equals(root), 'the path does not lead to the root');
}

function checkConsistency(size1, size2, nodes, root1, root2) {
  demand(size1 <= size2, 'the sizes are in the wrong order');
  if (size1 === size2) {
    demand(nodes.length === 0 && root1.equals(root2), 'two roots of one size');
    return;
  }
  const [first, ...rest] = isPowerOfTwo(size1) ? [root1, ...nodes] : nodes;
  let fn = size1 - 1, sn = size2 - 1, fr = first, sr = first;

  demand(nodes.length > 0, 'the path is empty');
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  for (const node of rest) {
    demand(sn !== 0, 'the path is too long');
    if (isOdd(fn) || fn === sn) {
      fr = nodeHash(node, fr);
      sr = nodeHash(node, sr);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      sr = nodeHash(sr, node);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  demand(sn === 0, 'the path is too short');
  demand(fr.equals(root1), 'the path does not lead to the first root');
  demand(sr.equals(root2), 'the path does not lead to the second root');
}

// ---------- heads ----------

function lengthPrefixed(part) {
  const length = Buffer.alloc(4);

  length.writeUInt32BE(part.length);
  return Buffer.concat([length, part]);
}

function int64(value) {
  const buffer = Buffer.alloc(8);

  buffer.writeBigInt64BE(BigInt(value));
  return buffer;
}

function headBytes(head) {
  return Buffer.concat([
    Buffer.from('wrk-seal-v1'), Buffer.from(string(head.tenant, 'tenant')), int64(size(head.seq, 'seq')),
    int64(size(head.size, 'size')), hash(head.root, 'root'), hash(head.prev, 'prev'), hash(head.rows, 'rows'),
    int64(integer(head.sealed_at, 'sealed_at')), Buffer.from(string(head.kid, 'kid')),
  ].map(lengthPrefixed));
}

// RFC 7638
function thumbprint(jwk) {
  const member = (name) => `"${name}":"${jwk[name]}"`;

  return jwk.kty === 'OKP' ? sha256(`{${['crv', 'kty', 'x'].map(member).join()}}`).toString('base64url') : undefined;
}

function isSigned(jwk, data, signature) {
  if (jwk.kty === 'oct') {
    const mac = createHmac('sha256', Buffer.from(jwk.k, 'base64url')).update(data).digest();

    return mac.length === signature.length && timingSafeEqual(mac, signature);
  }
  demand(jwk.kty === 'OKP' && jwk.crv === 'Ed25519', `keys of type ${jwk.kty} sign no seals`);
  return verify(null, data, createPublicKey({ key: jwk, format: 'jwk' }), signature);
}

function checkHead(head, keys) {
  demand(head !== null && typeof head === 'object' && head.format === 'wrk-seal-v1', 'there is no signed head');
  const data = headBytes(head);
  const signature = bytes(head.signature, 'signature');
  const key = keys.find((jwk) => (jwk.kid ?? thumbprint(jwk)) === head.kid || thumbprint(jwk) === head.kid);

  demand(key, `seal ${head.seq} is signed with key "${head.kid}", which is not among yours`);
  demand(isSigned(key, data, signature), `the signature of seal ${head.seq} is wrong`);
  return sha256(data).toString('hex');
}

// ---------- rows ----------

const columns = ['id', 'created_at', 'tenant_id', 'user_id', 'op', 'action', 'resource_type', 'resource_id', 'changes',
  'metadata', 'roles', 'session_id', 'via', 'actor', 'db_user', 'request_id'];

// Reads a leaf from its beginning to its end; values come out as JSON text, so that numbers stay exact.
class LeafReader {
  constructor(leaf) {
    this.leaf = leaf;
    this.at = 0;
  }

  take(n) {
    demand(this.at + n <= this.leaf.length, 'the leaf ends too early');
    this.at += n;
    return this.leaf.subarray(this.at - n, this.at);
  }

  byte() { return this.take(1)[0]; }
  count() { return this.take(4).readUInt32BE(); }
  text() {
    const text = this.take(this.count());

    // bytes that the database took for text, in an encoding where they are none
    if (text[0] === 0xff) return JSON.stringify(`\\x${text.subarray(1).toString('hex')}`);
    return JSON.stringify(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text));
  }
  int64() { return this.take(8).readBigInt64BE(); }

  list(item) {
    const n = this.count();

    demand(n <= this.leaf.length, 'the leaf counts more than it holds');
    return Array.from({ length: n }, item).join();
  }

  time() {
    const us = this.int64() + 946684800000000n;
    const ms = us >= 0n ? us / 1000n : (us - 999n) / 1000n;

    demand(!Number.isNaN(new Date(Number(ms)).getTime()), 'a time of the leaf is none');
    return `"${new Date(Number(ms)).toISOString().slice(0, -1)}${String(us - ms * 1000n).padStart(3, '0')}Z"`;
  }

  document() {
    const kind = String.fromCharCode(this.byte());

    switch (kind) {
      case 'n': return 'null';
      case 't': return 'true';
      case 'f': return 'false';
      case 'd': {
        const number = this.take(this.count()).toString('latin1');

        demand(/^-?\d+(\.\d+)?$/.test(number), 'a number of the leaf is none');
        return number;
      }
      case 's': return this.text();
      case 'a': return `[${this.list(() => this.document())}]`;
      case 'o': return `{${this.list(() => `${this.text()}:${this.document()}`)}}`;
      default: throw new Unproven('the leaf has a value of an unknown kind');
    }
  }

  column() {
    switch (this.byte()) {
      case 0: return 'null';
      case 1: return String(this.int64());
      case 2: return this.time();
      case 3: return this.text();
      case 4: return JSON.stringify(String.fromCharCode(this.byte()));
      case 5: return this.document();
      case 6: return `[${this.list(() => this.column())}]`;
      default: throw new Unproven('the leaf has a column of an unknown kind');
    }
  }

  row() {
    demand(this.byte() === 1, 'the leaf is of another version');
    const values = columns.map(() => this.column());

    demand(this.at === this.leaf.length, 'the leaf goes on after its last column');
    return Object.fromEntries(columns.map((name, i) => [name, values[i]]));
  }
}

// ---------- proofs ----------

const sealedAt = (head) => new Date(head.sealed_at / 1000 + 946684800000).toISOString();
const headName = (head) => `seal ${head.seq} of ${head.tenant === '' ? 'no tenant' : `"${head.tenant}"`}`;

function checkRow(proof, check) {
  const leaf = bytes(proof.leaf, 'leaf');
  const row = new LeafReader(leaf).row();

  const head = proof.seal;
  check.trusted(head);
  checkInclusion(leafHash(leaf), integer(proof.index, 'index'), head.size, path(proof.path), hash(head.root, 'root'));
  demand(row.id === String(proof.id), `the leaf is that of row ${row.id}`);
  demand((row.tenant_id === 'null' ? '""' : row.tenant_id) === JSON.stringify(head.tenant), 'the row is of another tenant');
  const text = `{${columns.map((name) => `"${name}": ${row[name]}`).join(', ')}}`;
  return [`row ${row.id} is leaf ${proof.index} of ${head.size}, ${headName(head)}, ${sealedAt(head)}`, ...(check.quiet ? [] : [text])];
}

function checkGrowth(proof, check) {
  const { seal1, seal2 } = proof;

  check.signed(seal1);
  check.signed(seal2);
  demand(seal1.tenant === seal2.tenant, 'the heads are of two tenants');
  demand(seal1.size === proof.size1 && seal2.size === proof.size2, 'the heads are of other sizes');
  checkConsistency(size(seal1.size, 'size1'), size(seal2.size, 'size2'), path(proof.path), hash(seal1.root, 'root'), hash(seal2.root, 'root'));
  check.link(seal1, seal2);
  return [`${headName(seal1)} with ${seal1.size} rows is how ${headName(seal2)} with ${seal2.size} begins`];
}

function checkOnlyHead(head, check) {
  check.trusted(head);
  return [`${headName(head)} is signed by "${head.kid}": ${head.size} rows, ${sealedAt(head)}`];
}

const kinds = new Map([
  ['wrk-audit-consistency-v1', checkGrowth], // first: they say which heads are trusted
  ['wrk-seal-v1', checkOnlyHead],
  ['wrk-audit-proof-v1', checkRow],
]);

// What is known while the proofs of one run are checked.  A head is named by the hash of what is signed.
//
// Two logs that fork begin alike.  So what the kept head grew out of is in its log, but what else grew out of that
// need not be: only from heads that have grown out of the kept one does trust go on to larger ones.
class Check {
  constructor(keys, kept, quiet) {
    this.keys = keys;
    this.quiet = quiet;
    this.links = [];
    this.kept = kept;
    this.grown = new Set(); // the kept head, and what grew out of it
    this.within = new Set(); // what one of these begins with
    if (kept !== undefined) this.grown.add(checkHead(kept, keys));
  }

  signed(head) { return checkHead(head, this.keys); }

  isKnown(name) { return this.grown.has(name) || this.within.has(name); }

  link(head1, head2) {
    this.links.push([this.signed(head1), this.signed(head2), head1.size]);
    for (let before = -1; before !== this.grown.size + this.within.size;) {
      before = this.grown.size + this.within.size;
      for (const [smaller, larger, smallerSize] of this.links) {
        if (this.grown.has(smaller)) this.grown.add(larger);
        if (this.isKnown(larger)) (smallerSize >= this.kept.size ? this.grown : this.within).add(smaller);
      }
    }
  }

  trusted(head) {
    const name = this.signed(head);

    demand(this.kept === undefined || this.isKnown(name), `no consistency proof links seal ${head.seq} to the head you kept`);
  }
}

// ---------- command line ----------

function usage(message) {
  console.error(`audit-check: ${message}`);
  console.error('usage: tools/audit-check --key FILE [--head FILE] [--quiet] < PROOFS');
  process.exit(2);
}

function readJson(file, what) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return usage(`${what}: ${error.message}`);
  }
}

const toArray = (value) => [value].flat(Infinity).flatMap((one) => one?.keys ?? one).filter((one) => one !== null && typeof one === 'object');

// What a proof says is shown, but ends no line of ours and moves no cursor.
const plain = (text) => text.replace(/\p{Cc}/gu, (c) => `\\u${c.codePointAt(0).toString(16).padStart(4, '0')}`);

function main(args) {
  const options = { key: [], head: undefined, quiet: false };

  while (args.length > 0) {
    const option = args.shift();

    if (option === '--quiet') options.quiet = true;
    else if (option === '--key' && args.length > 0) options.key.push(...toArray(readJson(args.shift(), 'key')));
    else if (option === '--head' && args.length > 0) options.head = readJson(args.shift(), 'head');
    else if (['--key', '--head'].includes(option)) usage(`which file? ${option} needs one`);
    else usage(`cannot make sense of "${option}"`);
  }
  if (options.key.length === 0) usage('which keys are to be believed? --key is missing');

  const proofs = [readJson(0, 'proofs')].flat();
  const rank = (proof) => [...kinds.keys()].indexOf(proof?.format);
  let failed = 0;
  const attempt = (action) => {
    try {
      console.log(`ok ${action().map(plain).join('\n   ')}`);
    } catch (error) {
      // not only what we demand: what is nested too deeply, or no key, is not proven either
      console.log(`NOT PROVEN ${plain(error.message)}`);
      failed++;
    }
  };
  let check;

  attempt(() => {
    check = new Check(options.key, options.head, options.quiet);
    return [options.head === undefined ? `${options.key.length} keys` : `${headName(options.head)}, the head you kept`];
  });
  for (const proof of check ? proofs.sort((a, b) => rank(a) - rank(b)) : [])
    attempt(() => {
      demand(proof?.format !== undefined, 'a proof has a "format"; this has none');
      demand(kinds.has(proof.format), `"${proof.format}" is no proof of ours`);
      return kinds.get(proof.format)(proof, check);
    });
  if (proofs.length === 0) attempt(() => demand(false, 'nothing was given to prove'));
  process.exit(failed > 0 ? 1 : 0);
}

main(process.argv.slice(2));
