// The console page's arithmetic: numbers as text, curves, axes. Needs no browser.

import assert from 'node:assert/strict';
import test from 'node:test';

import { curve } from '../../console/curve.js';
import { bytes, compact, duration, kept, ms, percent } from '../../console/format.js';
import { Reasons } from '../../console/palette.js';
import { roundUp, runs, ticks } from '../../console/scale.js';
import { refusedOf, views } from '../../console/views.js';

const table = (name, of, rows) => test(name, () => rows.forEach(([input, expect]) => assert.equal(of(input), expect, String(input))));

table('compact', compact, [[0, '0'], [0.4, '0.4'], [999, '999'], [1000, '1.0k'], [9_949, '9.9k'], [9_950, '10k'], [999_499, '999k'], [999_500, '1.0M'], [25e6, '25M']]);
table('milliseconds', ms, [[0, '0'], [0.123, '0.12'], [3.14, '3.1'], [27.6, '28']]);
table('bytes', bytes, [[0, '0 B'], [999, '999 B'], [1000, '1.0 KiB'], [10 * 1024, '10 KiB'], [31.4 * 1024 ** 2, '31 MiB']]);
table('durations', duration, [[-5, '0:00'], [61_000, '1:01'], [3_723_000, '1:02:03'], [90_000_000, '1 d 1 h']]);
table('percent', percent, [[0.0341, '3.4 %'], [0.5, '50 %']]);
table('what was kept is never rounded up to all', kept, [[1, '100 %'], [0.99999, '99.99 %'], [0.5, '50.00 %']]);
table('axes end at round values', roundUp, [[0.9, 1], [1.01, 1.2], [47, 50], [50, 50], [61_000, 80_000]]);

test('an axis has a few round values from zero up', () => {
  assert.deepEqual(ticks(50, 170), [0, 10, 20, 30, 40, 50]);
  assert.deepEqual(ticks(12, 70), [0, 10]);
});

test('a silence breaks the line, a late sample does not', () => {
  const at = (...times) => times.map((at) => ({ at }));
  assert.deepEqual(runs(at(0, 500, 1900, 9000, 9500)).map((run) => run.length), [3, 2]);
  assert.deepEqual(runs(at(0, 9000)), [], 'single points are no line');
});

test('a curve never leaves the box of two neighbours', () => {
  const heights = [0, 0, 100, 3, 3, 50, 49, 51, 0, 0];
  const points = heights.map((y, i) => [i * 10, y]);
  const pieces = [];
  curve({ moveTo() {}, bezierCurveTo: (...piece) => pieces.push(piece) }, points);
  assert.equal(pieces.length, points.length - 1);
  pieces.forEach(([, y1, , y2], i) => {
    const [low, high] = [Math.min(heights[i], heights[i + 1]), Math.max(heights[i], heights[i + 1])];
    for (const y of [y1, y2]) assert.ok(y >= low - 1e-9 && y <= high + 1e-9, `piece ${i}: ${y} is outside ${low}–${high}`);
  });
});

test('the stack shows each refusal once, the rare ones together', () => {
  const reasons = new Reasons(Array.from({ length: 12 }, (_, i) => [200 + i, `hello_${i}`, 'hello']));
  const sample = { refused: Array.from({ length: 12 }, (_, i) => [200 + i, 100 + i]), proven: 3 };
  const lane = views(() => reasons)['Under attack'].at(-1);
  const stack = lane.series([sample]).filter(({ kind }) => kind === 'stack');
  assert.equal(stack.length, 9);
  assert.equal(stack.reduce((sum, one) => sum + one.of(sample), 0), refusedOf(sample));
  assert.equal(stack.at(-1).name, 'other');
  assert.equal(stack.at(-1).of(sample), 100 + 101 + 102 + 103);
});
