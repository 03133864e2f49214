// What is known of the room and what is drawn of it; how packets are decoded and blended is tested in the client library.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Interpolation } from '../../../../sdk/js/interpolate.js';
import { Mirror, MirrorError } from '../../../../sdk/js/sync.js';
import { schema } from '../sync.schema.js';
import { Timeline } from '../timeline.js';
import { hill, player, round, squad, timeline } from './room.js';

const TICK_MS = 50;
const near = (actual, expected, within = 1e-6) => assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`);

test('nothing before the first packet', () => {
  const line = timeline();
  assert.equal(line.at(1000), null);
  assert.deepEqual([line.tick, line.newest, line.silence_ms(5)], [null, null, Infinity]);
});

test('the newest state in the words of the game', () => {
  const line = timeline();
  const entities = [
    round({ phase: 1, seconds: 9, amber: 10, teal: 260 }),
    hill(1, { control: 50, contested: 1, holder: 1 }), hill(0, { control: 200, holder: 0 }), hill(2),
    player(5, { team: 1, away: 1, score: 300 }),
    squad(17, { x: 128.5, heading: Math.PI, firing: 1, on_hill: 1, target: 3 }), squad(0, { down: 1, moving: 0 }),
  ];
  assert.equal(line.take(1000, { tick: 7, entities }), true);
  assert.equal(line.tick, 7);
  assert.equal(line.silence_ms(1200), 200);
  assert.deepEqual(line.newest, {
    phase: 1, secondsLeft: 9, points: [10, 260],
    hills: [{ control: 200, contested: false, holder: 0 }, { control: 50, contested: true, holder: 1 }, { control: 100, contested: false, holder: 255 }],
    players: [{ slot: 5, team: 1, away: true, score: 300 }],
    squads: [
      { id: 17, x: 128.5, y: 10, heading: Math.PI, strength: 100, moving: true, firing: true, down: false, onHill: true, target: 3 },
      { id: 0, x: 10, y: 10, heading: 0, strength: 100, moving: false, firing: false, down: true, onHill: false, target: 255 },
    ],
  });
  assert.equal(line.take(1300, { tick: 7, entities: [] }), false);
  assert.equal(line.newest.squads.length, 2);
});

test('squads are drawn between two packets, a little behind', () => {
  const line = timeline();
  for (let tick = 0; tick <= 40; tick += 1) line.take(1000 + tick * TICK_MS, { tick, entities: [squad(1, { x: tick * 0.35, strength: 100 - tick })] });
  const [shown] = line.at(1000 + 40 * TICK_MS + 10).squads;
  near(shown.x, (40 - 1.5 + 0.2) * 0.35, 0.01);
  near(shown.strength, 60 + 1.3, 0.05);
  assert.equal(shown.id, 1);
});

test('a squad that was set elsewhere is not drawn on its way, and one that is gone is not drawn', () => {
  const line = timeline();
  line.take(1000, { tick: 0, entities: [squad(1, { x: 100 }), squad(2)] });
  line.take(1050, { tick: 1, entities: [squad(1, { x: 10 })] });
  assert.deepEqual(line.at(1100).squads.map(({ id, x }) => [id, x]), [[1, 10]]);
});

test('when packets stay away nobody gets stronger than whole or weaker than down', () => {
  const line = timeline();
  line.take(1000, { tick: 0, entities: [squad(1, { strength: 98 }), squad(2, { strength: 2 })] });
  line.take(1050, { tick: 1, entities: [squad(1, { strength: 100 }), squad(2, { strength: 0 })] });
  for (let now = 1050; now < 2000; now += 10) {
    for (const { strength } of line.at(now).squads) assert.ok(strength >= 0 && strength <= 100, `${strength} at ${now}`);
  }
});

test('a packet that does not fit is refused by the library, and changes nothing', () => {
  const line = new Timeline(new Mirror(schema), new Interpolation(schema, { hz: 20 }));
  for (const bytes of [[], [0x10, 1, 0, 0, 0, 0], [0x20, 1, 0, 0, 0, 0, 0]]) {
    assert.throws(() => line.take(0, Uint8Array.from(bytes)), MirrorError);
    assert.deepEqual([line.tick, line.newest, line.at(1)], [null, null, null]);
  }
});
