// Bytes written by hand after FORMAT.md, and what they mean.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, moveOrder, readEvent, readState, slotOf, stopOrder } from '../format.js';

const bytes = (hex) => Uint8Array.from(hex.replace(/\s|\/\/.*$/gm, '').match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));

const STATE = bytes(`
  01 00 2c01             // version 1, play, 300 seconds left
  0a00 0401              // Amber 10, Teal 260
  03                     // three hills
  c8 02                  // 200, held by Amber
  32 05                  // 50, contested, held by Teal
  64 00                  // 100, nobody's
  02                     // two players
  00 00 0700             // slot 0, Amber, 7 points
  05 03 2c01             // slot 5, Teal, away, 300 points
  02                     // two squads
  00 0080 0040 40 64 0b 11   // id 0 at (128, 64), a quarter turn, strength 100, moving, firing, on a hill, at squad 17
  11 ff01 0000 80 00 04 ff   // id 17 at (1.996, 0), half a turn, down, no target
`);

test('a state', () => {
  assert.deepEqual(readState(STATE), {
    phase: 0,
    secondsLeft: 300,
    points: [10, 260],
    hills: [
      { control: 200, contested: false, holder: 0 },
      { control: 50, contested: true, holder: 1 },
      { control: 100, contested: false, holder: 255 },
    ],
    players: [
      { slot: 0, team: 0, away: false, score: 7 },
      { slot: 5, team: 1, away: true, score: 300 },
    ],
    squads: [
      { id: 0, x: 128, y: 64, heading: Math.PI / 2, strength: 100, moving: true, firing: true, down: false, onHill: true, target: 17 },
      { id: 17, x: 511 / 256, y: 0, heading: Math.PI, strength: 0, moving: false, firing: false, down: true, onHill: false, target: 255 },
    ],
  });
});

test('a state inside a larger buffer is read at its place', () => {
  const larger = new Uint8Array(STATE.length + 20);
  larger.set(STATE, 10);
  assert.deepEqual(readState(larger.subarray(10, 10 + STATE.length)), readState(STATE));
});

test('a state that is cut short, too long or of another version is refused', () => {
  for (let length = 0; length < STATE.length; length += 1) assert.throws(() => readState(STATE.subarray(0, length)), FormatError, `${length} bytes`);
  assert.throws(() => readState(Uint8Array.of(...STATE, 0)), FormatError);
  assert.throws(() => readState(Uint8Array.of(2, ...STATE.subarray(1))), FormatError);
});

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
    [moveOrder(0b101, 80, 50.5), 1, '05 0050 8032'],
    [moveOrder(1, -3, 300), 1, '01 0000 ffff'],
    [stopOrder(0b010), 2, '02'],
  ];
  for (const [{ op, data }, expectedOp, hex] of cases) {
    assert.equal(op, expectedOp);
    assert.deepEqual(data, bytes(hex));
  }
});

test('slots of squads', () => {
  assert.deepEqual([0, 2, 3, 47].map(slotOf), [0, 0, 1, 15]);
});
