// Hello, messages and rejects against what the Rust side says: its vectors, its schema and its table.

import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, signHello, toHex } from '../hello.js';
import { fromWebSocketCode, reject, REJECTS } from '../reject.js';
import { retryDelay_ms } from '../retry.js';
import { hmacSha256, sha256 } from '../sha256.js';
import { ACK_DELAY_MAX_MS, ACK_EVERY_MESSAGES, UNACKED_BYTES_MAX, UNACKED_MESSAGES_MAX } from '../stream.js';
import { decodeClient, decodeServer, encodeClient, encodeServer, SCHEMA, WireError } from '../wire.js';
import { solve } from '../work.js';

const proto = (path) => readFileSync(new URL(`../../../crates/hillfort-proto/${path}`, import.meta.url), 'utf8');
const vectors = (name) => JSON.parse(proto(`vectors/${name}.json`));

test('SHA-256 and HMAC agree with those of Node at every length around a block', () => {
  for (let length = 0; length < 200; length += 1) {
    const data = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 0xff);
    assert.equal(toHex(sha256(data)), createHash('sha256').update(data).digest('hex'));
    assert.equal(toHex(hmacSha256(data, data)), createHmac('sha256', data).update(data).digest('hex'));
  }
});

test('hellos are those of the vectors', () => {
  const { keys, vectors: hellos } = vectors('hello');
  let signed = 0;
  for (const { app, key, nonce, time_ms, hex, name, expect } of hellos) {
    if (expect !== 'ok') continue;
    const { secret } = keys.find((entry) => entry.app === app && entry.key === key);
    assert.equal(toHex(signHello({ time_ms, nonce: fromHex(nonce), app, key, secret: fromHex(secret) })), hex, name);
    signed += 1;
  }
  assert.ok(signed >= 4);
  assert.throws(() => signHello({ time_ms: 1, nonce: new Uint8Array(15), app: 1, key: 1, secret: new Uint8Array(16) }), RangeError);
});

// Vectors have 64-bit numbers as text and bytes as hexadecimal digits.
function bodyOf({ body, fields }, envelope) {
  return fieldsOf(fields, SCHEMA[envelope].oneof[body][1]);
}

function fieldsOf(fields, message) {
  const types = SCHEMA[message].fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const [, type, repeated] = types[name];
      if (repeated !== undefined) return [name, value.map((item) => fieldsOf(item, type))];
      const read = { fixed64: BigInt, uint64: Number, bytes: fromHex }[type] ?? ((plain) => plain);
      return [name, read(value)];
    }),
  );
}

const message = vectors('message');

test('work is that of the vectors', () => {
  for (const { salt, bits, first } of message.work) {
    assert.equal(solve(fromHex(salt), bits, 0, 100_000), Number(first));
    assert.equal(solve(fromHex(salt), bits, 0, Number(first)), null, 'none before the first');
  }
  const salt = fromHex(message.work[0].salt);
  const answer = solve(salt, 10, 2 ** 32 + 5, 100_000);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(answer));
  const hash = createHash('sha256').update(salt).update(bytes).digest();
  assert.ok(answer >= 2 ** 32 && Math.clz32(hash.readUInt32BE(0)) >= 10, 'numbers beyond 32 bits');
});

test('messages of both sides are encoded and decoded as in the vectors', () => {
  const sides = [
    [message.client, 'ClientMessage', encodeClient, decodeClient],
    [message.server, 'ServerMessage', encodeServer, decodeServer],
  ];
  for (const [list, envelope, encode, decode] of sides) {
    const kinds = new Set();
    for (const vector of list) {
      if (!Number.isSafeInteger(Number(vector.seq)) || !Number.isSafeInteger(Number(vector.ack))) {
        assert.throws(() => decode(fromHex(vector.hex)), WireError, `${vector.name}: beyond 2^53, which no session reaches`);
        continue;
      }
      const expected = { seq: Number(vector.seq), ack: Number(vector.ack), kind: vector.body, body: bodyOf(vector, envelope) };
      assert.equal(toHex(encode(expected)), vector.hex, vector.name);
      assert.deepEqual(plain(decode(fromHex(vector.hex))), plain(expected), vector.name);
      kinds.add(vector.body);
    }
    assert.deepEqual([...kinds].sort(), Object.keys(SCHEMA[envelope].oneof).sort(), 'each kind has a vector');
  }
});

test('other encodings of a message mean the same', () => {
  for (const vector of message.same) {
    const expected = { seq: Number(vector.seq), ack: Number(vector.ack), kind: vector.body, body: bodyOf(vector, 'ClientMessage') };
    assert.deepEqual(plain(decodeClient(fromHex(vector.hex))), plain(expected), vector.name);
  }
});

test('what is no message is refused', () => {
  for (const { hex, name, expect } of message.bad) {
    if (expect !== 'message') continue; // a limit of a field, which is the server's business
    assert.throws(() => decodeClient(fromHex(hex)), WireError, name);
  }
  for (const [hex, name] of [['088080808080808010' + '5200', 'number beyond 2^53'], ['08015200', 'an acknowledgement with a number']]) {
    assert.throws(() => decodeServer(fromHex(hex)), WireError, name);
  }
  assert.throws(() => encodeClient({ kind: 'welcome' }), WireError);
  assert.throws(() => encodeClient({ kind: 'input', seq: -1 }), WireError);
});

function plain({ seq, ack, kind, body }) {
  const flat = Object.fromEntries(Object.entries(body).map(([name, value]) => [name, value instanceof Uint8Array ? toHex(value) : value]));
  return { seq, ack, kind, body: flat };
}

test('the tables of fields are those of session.proto', () => {
  const schema = {};
  let current = null;
  let inOneof = false;
  for (const line of proto('schema/session.proto').split('\n')) {
    const text = line.replace(/\/\/.*/, '').trim();
    const opened = text.match(/^message (\w+) \{/);
    if (opened) {
      current = schema[opened[1]] = { fields: {} };
      inOneof = false;
    } else if (/^oneof /.test(text)) {
      inOneof = true;
      current.oneof = {};
    }
    const field = text.match(/^(repeated )?(\w+) (\w+) = (\d+);/);
    if (field && field[2] !== 'syntax') {
      const [, repeated, type, name, number] = field;
      (inOneof ? current.oneof : current.fields)[name] = repeated ? [Number(number), type, 'repeated'] : [Number(number), type];
    }
  }
  assert.deepEqual(SCHEMA, schema);
});

test('the rejects are those of reject.rs, and each says something', () => {
  const rows = [...proto('src/reject.rs').matchAll(/^ {4}\w+ = (\d+), "(\w+)", \w+;/gm)].map(([, code, label]) => [Number(code), label]);
  assert.ok(rows.length > 40);
  assert.deepEqual([...REJECTS.values()].map(({ code, label }) => [code, label]), rows);
  for (const { label, next, sentence } of REJECTS.values()) {
    assert.match(sentence, /^[A-Z].*\.$/, label);
    assert.ok(['retry', 'anew', 'stop', 'go on'].includes(next), label);
  }
  assert.deepEqual([299, 499, 599, 699].map((code) => reject(code).next), ['retry', 'retry', 'go on', 'go on']);
  assert.equal(reject(699).label, 'unknown');
  assert.equal(fromWebSocketCode(4410).label, 'replaced');
  assert.equal(fromWebSocketCode(1006), null);
});

test('the limits of sequencing are those of limits.rs', () => {
  const limits = proto('src/limits.rs');
  const constant = (name) => limits.match(new RegExp(`pub const ${name}: \\w+ = ([^;]+);`))[1];
  const product = (text) => text.split('*').reduce((value, part) => value * Number(part.trim()), 1);
  assert.equal(UNACKED_MESSAGES_MAX, product(constant('UNACKED_MESSAGES_MAX')));
  assert.equal(UNACKED_BYTES_MAX, product(constant('UNACKED_BYTES_MAX')));
  assert.equal(ACK_EVERY_MESSAGES, product(constant('ACK_EVERY_MESSAGES')));
  assert.equal(constant('ACK_DELAY_MAX'), `Duration::from_millis(${ACK_DELAY_MAX_MS})`);
});

test('pauses double, spread by half either way, and stop at eight seconds', () => {
  for (const [attempt, least, most] of [[1, 250, 750], [2, 500, 1500], [5, 4000, 12_000], [50, 4000, 12_000]]) {
    assert.equal(retryDelay_ms(attempt, 0), least);
    assert.equal(retryDelay_ms(attempt, 1), most);
  }
});
