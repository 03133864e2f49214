// Sequencing at its edges.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACK_DELAY_MAX_MS, ACK_EVERY_MESSAGES, Stream, StreamError, UNACKED_BYTES_MAX, UNACKED_MESSAGES_MAX } from '../stream.js';

test('each number counts once; none may be left out', () => {
  const stream = new Stream();
  const cases = [[1, true], [1, false], [2, true], [1, false], [2, false], [3, true]];
  for (const [seq, isNew] of cases) assert.equal(stream.handleSequenced(0, seq), isNew, `${seq}`);
  for (const seq of [0, 5]) assert.throws(() => stream.handleSequenced(0, seq), StreamError);
  assert.equal(stream.received, 3);
});

test('an acknowledgement is due after 500 ms or 32 messages, and owed once', () => {
  const stream = new Stream();
  assert.equal(stream.ackDueAt, Infinity);
  assert.equal(stream.takeAck(), 0);
  stream.handleSequenced(100, 1);
  stream.handleSequenced(300, 2);
  assert.equal(stream.ackDueAt, 100 + ACK_DELAY_MAX_MS);
  assert.equal(stream.takeAck(), 2);
  assert.equal(stream.ackDueAt, Infinity);
  assert.equal(stream.takeAck(), 0);
  for (let i = 1; i <= ACK_EVERY_MESSAGES; i += 1) stream.handleSequenced(400, 2 + i);
  assert.equal(stream.ackDueAt, 400);
});

test('what is sent is kept until it is acknowledged', () => {
  const stream = new Stream();
  for (let i = 1; i <= 3; i += 1) assert.equal(stream.push('input', { i }, 10).seq, i);
  stream.handleAck(2);
  stream.handleAck(1);
  assert.deepEqual(stream.unacked.map(({ seq }) => seq), [3]);
  assert.throws(() => stream.handleAck(4), StreamError);
  assert.throws(() => stream.handleResumed(1), StreamError, 'it had acknowledged 2');
  stream.handleResumed(3);
  assert.deepEqual(stream.unacked, []);
});

test('takes 256 messages or 256 KiB, and goes on after an acknowledgement', () => {
  for (const [bytes, most] of [[1, UNACKED_MESSAGES_MAX], [UNACKED_BYTES_MAX / 4, 4]]) {
    const stream = new Stream();
    for (let i = 0; i < most; i += 1) assert.notEqual(stream.push('input', {}, bytes), null);
    assert.equal(stream.push('input', {}, bytes), null);
    stream.handleAck(1);
    assert.equal(stream.push('input', {}, bytes).seq, most + 1);
    assert.equal(stream.push('input', {}, bytes), null);
  }
});

test('goes on from what was saved', () => {
  const stream = new Stream();
  stream.push('input', { a: 1 }, 5);
  stream.push('input', { a: 2 }, 5);
  stream.handleAck(1);
  stream.handleSequenced(0, 1);
  const next = new Stream(JSON.parse(JSON.stringify(stream.save())));
  assert.equal(next.received, 1);
  assert.deepEqual(next.unacked, [{ seq: 2, kind: 'input', body: { a: 2 }, bytes: 5 }]);
  assert.equal(next.push('input', {}, 5).seq, 3);
});
