// The land from its seed: the same for everybody, dry where the game is played, higher where the hills are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Relief } from '../relief.js';
import { paintTerrain } from '../terrain.js';

const map = (seed) => ({
  width: 160, height: 100, seed,
  bases: [{ x: 14, y: 50 }, { x: 146, y: 50 }],
  hills: [[52, 22, 7], [80, 50, 9], [108, 78, 7]].map(([x, y, radius]) => ({ x, y, radius })),
});

test('a seed gives one land, another seed another', () => {
  const [one, same, other] = [7, 7, 8].map((seed) => new Relief(map(seed)));
  assert.deepEqual(one.heights, same.heights);
  assert.notDeepEqual(one.heights, other.heights);
  const paint = (seed, relief) => paintTerrain(map(seed), relief, 1).pixels;
  assert.deepEqual(paint(7, one), paint(7, same));
  assert.notDeepEqual(paint(7, one), paint(8, other));
});

test('camps and hills lie on dry land, hills above their surroundings, and the sea is all around', () => {
  for (const seed of [0, 1, 20, 0xffffffff, 123456789]) {
    const { hills, bases, width, height } = map(seed);
    const relief = new Relief(map(seed));
    const at = (x, y) => relief.sample(x, y, {});
    for (const { x, y } of [...hills, ...bases]) assert.ok(at(x, y).shore > 3, `seed ${seed}: water at ${x}, ${y}`);
    for (const { x, y, radius } of hills) {
      for (const [dx, dy] of [[2, 0], [-2, 0], [0, 2], [0, -2]]) {
        assert.ok(at(x, y).height > at(x + dx * radius, y + dy * radius).height, `seed ${seed}: no hill at ${x}, ${y}`);
      }
    }
    for (const [x, y] of [[-22, 50], [width + 22, 50], [80, -22], [80, height + 22]]) assert.ok(at(x, y).shore < 0, `seed ${seed}`);
  }
});

test('what a worker sends is a relief again', () => {
  const relief = new Relief(map(3));
  const copy = Relief.revive(structuredClone({ ...relief }));
  assert.deepEqual(copy.sample(33.3, 44.4, {}), relief.sample(33.3, 44.4, {}));
});
