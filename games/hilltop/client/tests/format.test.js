// Bytes written by hand after FORMAT.md, and what they mean.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, beat, moveOrder, readEvent, slotOf, stopOrder } from '../format.js';

const bytes = (hex) => Uint8Array.from(hex.replace(/\s|\/\/.*$/gm, '').match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));

test('events', () => {
  const cases = [
    [1, `02 a000 6400 78563412 01 0050 0032 09 05 4869676865 000e 0032 0092 0032`, {
      kind: 'map', slot: 2, width: 160, height: 100, seed: 0x12345678,
      hills: [{ x: 80, y: 50, radius: 9, name: 'Highe' }],
      bases: [{ x: 14, y: 50 }, { x: 146, y: 50 }],
    }],
    [2, `02 00 00 03 416461 0f 01 05 5a6fc3ab21`, {
      kind: 'roster', players: [{ slot: 0, team: 0, name: 'Ada' }, { slot: 15, team: 1, name: 'Zoë!' }],
    }],
    [3, `04 ff`, { kind: 'hill', hill: 4, holder: 255 }],
    [4, `11 02`, { kind: 'down', squad: 17, by: 2 }],
    [5, `01 2c01 0a00`, { kind: 'round', winner: 1, points: [300, 10] }],
  ];
  for (const [op, hex, expected] of cases) {
    const data = bytes(hex);
    assert.deepEqual(readEvent(op, data), expected);
    for (let length = 0; length < data.length; length += 1) assert.throws(() => readEvent(op, data.subarray(0, length)), FormatError);
    assert.throws(() => readEvent(op, Uint8Array.of(...data, 0)), FormatError);
  }
  assert.equal(readEvent(99, Uint8Array.of(1)), null, 'an op from a newer server');
});

test('orders', () => {
  const cases = [
    [moveOrder(0b101, 80, 50.5, { number: 7, tick: 0x1234 }), 1, '05 0050 8032 07000000 34120000'],
    [moveOrder(1, -3, 300, { number: 2 ** 32 - 1, tick: 0 }), 1, '01 0000 ffff ffffffff 00000000'],
    [stopOrder(0b010, { number: 1, tick: 2 }), 2, '02 01000000 02000000'],
    [beat({ number: 1, tick: 2 }), 3, '01000000 02000000'],
  ];
  for (const [{ op, data }, expectedOp, hex] of cases) {
    assert.equal(op, expectedOp);
    assert.deepEqual(data, bytes(hex));
  }
});

test('slots of squads', () => {
  assert.deepEqual([0, 2, 3, 47].map(slotOf), [0, 0, 1, 15]);
});
