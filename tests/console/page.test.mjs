// The console page's arithmetic: numbers as text, curves, axes. Needs no browser.

import assert from 'node:assert/strict';
import test from 'node:test';

import { curve } from '../../console/curve.js';
import { calmLatency, height, outcome, stages } from '../../console/flow.js';
import { bytes, compact, duration, kept, ms, percent } from '../../console/format.js';
import { KINDS } from '../../console/kinds.js';
import { Reasons, setTheme } from '../../console/palette.js';
import { fieldText, savedEntries, sceneEntries, tabled } from '../../console/branches.js';
import { said } from '../../console/dialog.js';
import { dump, others } from '../../console/room.js';
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

/** A sample of the wall; refusals by label. */
const REJECTS = [[100, 'banned', 'connect'], [101, 'connect_rate', 'connect'], [150, 'tls', 'transport'], [202, 'hello_key', 'hello'], [401, 'login_slow', 'session'], [412, 'goodbye', 'session'], [500, 'input_rate', 'rate']];
const wallSample = ({ accepted = 0, proven = 0, logins = 0, frames = 0, refused = {}, kernel = null, named = [], p99 = 1 }) => ({
  accepted, proven, frames: [frames, 0], latency: [p99 / 2, p99],
  refused: REJECTS.filter(([, label]) => refused[label]).map(([code, label]) => [code, refused[label]]),
  wall: { logins, kernel, named },
});
const filter = (syns, packets = {}, rung = 'native') => ({ rung, syns, packets: Object.entries(packets), mode: 'flood' });

test('each stage of the funnel refuses its own, and the rest goes on', () => {
  const reasons = new Reasons(REJECTS);
  const check = (sample, expect) => {
    const found = stages([wallSample(sample)], reasons).map(({ id, in: into, refused, out }) => [id, into, refused, out]);
    assert.deepEqual(found, expect);
  };
  check({}, ['kernel', 'accept', 'tls', 'hello', 'login', 'messages'].map((id) => [id, 0, 0, 0]));
  check({ accepted: 1000, proven: 20, logins: 18, frames: 400, refused: { banned: 600, connect_rate: 100, tls: 50, hello_key: 200, login_slow: 2, goodbye: 9, input_rate: 30 } }, [
    ['kernel', 1000, 0, 1000], ['accept', 1000, 700, 300], ['tls', 300, 50, 250], ['hello', 250, 200, 20], ['login', 20, 2, 18], ['messages', 400, 30, 370],
  ]);
  // Half a second late: more is refused than came.
  check({ accepted: 10, refused: { connect_rate: 30 } }, [
    ['kernel', 10, 0, 10], ['accept', 10, 30, 0], ['tls', 0, 0, 0], ['hello', 0, 0, 0], ['login', 0, 0, 0], ['messages', 0, 0, 0],
  ]);
});

test('the kernel filter is a stage of its own where there is one', () => {
  const reasons = new Reasons(REJECTS);
  const kernel = (sample) => stages([wallSample(sample)], reasons)[0];
  const flood = kernel({ accepted: 100, kernel: filter(900_000, { cookie: 850_000, banned: 40_000, stray: 7_000 }) });
  assert.deepEqual([flood.in, flood.out], [907_000, 100]);
  assert.deepEqual(flood.reasons.map(({ label, rate }) => [label, rate]), [
    ['never answered the cookie', 850_000], ['banned source', 40_000], ['never completed', 9_900], ['belongs to no connection', 7_000],
  ]);
  assert.deepEqual(kernel({ accepted: 50, kernel: filter(50, { cookie: 50 }) }).reasons, [], 'who answers his cookie is not refused');
  for (const rung of ['socket', 'user_space']) assert.equal(kernel({ accepted: 5, kernel: filter(0, {}, rung) }).absent, true, rung);
});

test('the sum counts what wanted in, not what players send', () => {
  const reasons = new Reasons(REJECTS);
  const sum = outcome(stages([wallSample({ accepted: 200, refused: { banned: 150, input_rate: 5_000 }, frames: 6_000 })], reasons));
  assert.deepEqual(sum, { offered: 200, refused: 150, part: 0.75 });
});

table('heights are logarithmic and end at the most', ([rate, most]) => height(rate, most), [[[0, 1e6], 0], [[1e6, 1e6], 1], [[-1, 10], 0]]);

test('the calm round trip is that of samples without a name', () => {
  const calm = Array.from({ length: 6 }, (_, i) => wallSample({ p99: 2 + i }));
  assert.equal(calmLatency(calm.slice(1)), null, 'too few say nothing');
  const attacked = Array.from({ length: 50 }, () => wallSample({ p99: 90, named: ['tls'] }));
  assert.deepEqual(calmLatency([...calm, ...attacked]), [2.5, 5]);
});

test('a room moves to any world thread but its own', () => {
  assert.deepEqual([others(0, 1), others(1, 2), others(1, 4)], [[], [0], [0, 2, 3]]);
});

table('bytes are shown with their places and as text', ([hex]) => dump(hex), [
  [[''], ''],
  [['48690a'], `0000  48 69 0a${' '.repeat(39)}  Hi.`],
  [['61'.repeat(17)], `0000  ${Array(16).fill('61').join(' ')}  ${'a'.repeat(16)}\n0010  61${' '.repeat(45)}  a`],
]);

table('values of a scene are what their schema says', ([field, value]) => fieldText(field, value), [
  [[{ type: 'bool' }, 1], 'yes'], [[{ type: 'bool' }, 0], 'no'], [[{ type: 'int' }, 48], '48'], [[{ type: 'angle' }, Math.PI / 2], '90°'],
  [[{ type: 'fixed', step: 1 }, 99.9], '100'], [[{ type: 'fixed', step: 0.015625 }, 1.5], '1.50'], [[{ type: 'fixed', step: 1e-9 }, 1], '1.0000'],
]);

/** A tree as text, all of it open. */
const opened = (entries, depth = 0) =>
  entries.flatMap(({ label, text, entries: inside }) => [`${'  '.repeat(depth)}${label} ${text}`, ...(inside ? opened(inside(), depth + 1) : [])]);

test('a scene is kinds, entities and fields', () => {
  const kinds = [
    { name: 'squad', count: 3, fields: [{ name: 'x', type: 'fixed', step: 0.1 }, { name: 'down', type: 'bool' }] },
    { name: 'hill', count: 0, fields: [] },
  ];
  const entities = [{ id: 7, kind: 0, owner: 2, team: 1, fields: [3.25, 0] }, { id: 9, kind: 0, owner: null, team: 0, fields: [4, 1] }];
  assert.deepEqual(opened(sceneEntries({ kinds, entities })), [
    'squad 3, 1 of them not shown',
    '  entity 7 seat 2 · team 1 · x 3.3, down no', '    x 3.3', '    down no',
    '  entity 9 x 4.0, down yes', '    x 4.0', '    down yes',
    'hill 0',
  ]);
});

test('a saved table is shown with what is in it', () => {
  const small = { table: [['x', 1.5], ['y', null]], hidden: 0 };
  const table = [['phase', 0], ['name', 'a "b"'], ['taken_up', false], ['at', small], ['map', { bytes: 2000 }], ['none', { table: [], hidden: 0 }], ['more', { table: [['1', true]], hidden: 9 }]];
  assert.deepEqual(opened(savedEntries({ table, hidden: 2 })), [
    'phase 0', 'name "a \\"b\\""', 'taken_up false', 'at x 1.5, y not a number', '  x 1.5', '  y not a number', 'map buffer of 2,000 bytes', 'none 0 entries',
    'more 10 entries', '  1 true', '  … 9 more', '… 2 more',
  ]);
});

test('a state in JSON is shown as a saved table, lists counted from 1', () => {
  const state = { round: 3, scores: [7, { ann: 1 }], none: {}, long: Array.from({ length: 502 }, (_, at) => at) };
  const lines = opened(savedEntries(tabled(state)));
  assert.deepEqual(lines.slice(0, 7), ['round 3', 'scores 2 entries', '  1 7', '  2 ann 1', '    ann 1', 'none 0 entries', 'long 502 entries']);
  assert.equal(lines.at(-1), '  … 2 more');
});

test('a field that nobody touched says what it was made from', () => {
  const field = (value, given, type = 'text') => ({ node: { value, type }, given });
  for (const [asked, before, expect] of [
    [field('a b', ' a\r\nb '), 'a b', ' a\r\nb '], [field(' x '), ' x ', ' x '], [field(' y ', 'x'), 'x', 'y'], [field('', 'x'), 'x', ''], [field(' p ', undefined, 'password'), '', ' p '],
  ]) assert.equal(said(asked, before), expect);
});

test('every attack has its words', () => {
  for (const [kind, words] of Object.entries(KINDS)) {
    for (const key of ['name', 'what', 'icon', 'does', 'sees']) assert.ok(words[key]?.length > 2, `${kind}: ${key}`);
  }
});

test('names of colours follow the theme', () => {
  setTheme(true);
  const light = new Reasons(REJECTS).of(100).colour;
  setTheme(false);
  assert.notEqual(light, new Reasons(REJECTS).of(100).colour);
  assert.match(light, /^#[0-9a-f]{6}$/);
});
