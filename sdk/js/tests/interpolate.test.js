// The picture of others over uneven lines: smooth, right for its moment, never backwards, and it stands when packets stay away.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DELAY_MAX_MS, Interpolation, shortTurn } from '../interpolate.js';
import { dice, Link } from './link.js';
import { schema } from './siege.schema.js';

const HZ = 20;
const TICK_MS = 1000 / HZ;
const FIRST = 2 ** 32 - 40; // ticks go round in the middle

/** A gate on wheels: where it is at a tick, and a squad beside it that moves by itself. */
const gateAt = (tick) => ({ x: 3 + tick * 0.3, y: 40 - tick * 0.1 });
const squadAt = (tick) => ({ x: 5 + tick * 0.25, y: 9, heading: (3 + tick * 0.02) % (2 * Math.PI) });

/** What a mirror shows, without its bytes. */
class Shown {
  left = [];
  tick = null;
  gate = { kind: 'gate', valueAt: (name) => this.gate[name] };
  squad = { kind: 'squad', valueAt: (name, tick) => squadAt(tick - FIRST)[name] };
  entities = new Map([[1, this.gate], [2, this.squad]]);

  take(tick) {
    this.tick = (FIRST + tick) >>> 0;
    Object.assign(this.gate, gateAt(tick));
    Object.assign(this.squad, squadAt(tick));
  }
}

function run({ seconds = 10, silentFrom = Infinity, options = {}, ...line }, look) {
  const roll = dice(3);
  const link = new Link(roll, line);
  const mirror = new Shown();
  const picture = new Interpolation(schema, { hz: HZ, ...options });
  let newest = -1;
  for (let now = 0; now < seconds * 1000; now += 5) {
    if (now % TICK_MS === 0 && now < silentFrom) link.send(now, now / TICK_MS);
    for (const tick of link.arrived(now)) {
      if (tick <= newest) continue;
      newest = tick;
      mirror.take(tick);
      picture.push(now, mirror);
    }
    const shown = picture.show(now);
    if (shown !== null) look({ now, tick: shown - FIRST, newest, picture, mirror });
  }
  return picture;
}

test('what is drawn is where it was at the tick in the picture, on an uneven line that loses packets', () => {
  let [before, looks, beyond] = [-Infinity, 0, 0];
  run({ loss: 5, delay_ms: 100, jitter_ms: 30, seconds: 30 }, ({ now, tick, newest, picture, mirror }) => {
    assert.ok(tick >= before, 'never backwards');
    if (now > 3000) assert.ok(tick - before <= 0.125, 'nor by leaps');
    before = tick;
    if (now < 3000) return;
    looks += 1;
    beyond += Number(tick > newest);
    const [gate, squad] = [picture.read(mirror.gate), picture.read(mirror.squad, {})];
    assert.ok(Math.abs(gate.x - gateAt(tick).x) < 1e-6 && Math.abs(gate.y - gateAt(tick).y) < 1e-6, `${tick}`);
    assert.ok(Math.abs(squad.x - squadAt(tick).x) < 1e-6);
    assert.ok(Math.abs(shortTurn(squad.heading - squadAt(tick).heading)) < 1e-6, `${tick}: ${squad.heading}`);
    assert.equal(gate.open, undefined, 'what has no way between is read from the entity');
  });
  assert.ok(beyond < looks * 0.02, `${beyond} of ${looks} pictures had no packet on either side`);
});

test('the delay follows the line', () => {
  const delay = (line) => run({ seconds: 20, ...line }, () => undefined).delay_ms;
  const even = delay({ loss: 0, jitter_ms: 0 });
  const uneven = delay({ loss: 0, jitter_ms: 30 });
  const wild = delay({ loss: 20, jitter_ms: 100 });
  assert.ok(even <= 2 * TICK_MS && even < uneven && uneven < wild && wild <= DELAY_MAX_MS, `${even} ${uneven} ${wild}`);
});

test('when packets stay away everybody goes on for a little, then stands', () => {
  const last = { gate: 0, squad: 0 };
  const options = { beyond: 3 };
  run({ loss: 0, jitter_ms: 0, silentFrom: 5000, seconds: 8, options }, ({ picture, mirror }) => {
    last.gate = picture.read(mirror.gate).x;
    last.squad = picture.read(mirror.squad).x;
  });
  const newest = 5000 / TICK_MS - 1;
  assert.ok(Math.abs(last.gate - gateAt(newest + 3).x) < 1e-6);
  assert.ok(Math.abs(last.squad - squadAt(newest + 3).x) < 1e-6);
});

test('who was put elsewhere is not seen on the way', () => {
  for (const snap of [Infinity, 5]) {
    const picture = new Interpolation(schema, { hz: HZ, snap });
    const mirror = new Shown();
    const seen = new Set();
    for (let now = 0; now < 2000; now += 5) {
      if (now % TICK_MS === 0) {
        mirror.take(now / TICK_MS);
        mirror.gate.x = now < 1000 ? 10 : 90;
        picture.push(now, mirror);
      }
      picture.show(now);
      seen.add(picture.read(mirror.gate).x);
    }
    assert.equal(seen.size === 2, snap === 5);
  }
});

test('who left is forgotten, and who is new stands where it came', () => {
  const picture = new Interpolation(schema, { hz: HZ });
  const mirror = new Shown();
  assert.equal(picture.show(0), null);
  mirror.take(0);
  picture.push(0, mirror);
  picture.show(0);
  assert.deepEqual(picture.read(mirror.gate), gateAt(0));
  mirror.entities.delete(1);
  mirror.left = [mirror.gate];
  mirror.gate.x = 77;
  mirror.take(1);
  picture.push(50, mirror);
  assert.deepEqual(picture.read(mirror.gate), gateAt(1), 'as the entity itself says');
});
