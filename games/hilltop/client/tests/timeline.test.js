// Blending between states: what is drawn when states come evenly, late, with gaps, or not at all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DELAY_MAX_MS, DELAY_MIN_MS, EXTRAPOLATE_MAX_MS, shortTurn, Timeline } from '../timeline.js';

const TICK_MS = 50;

function squad(x, more = {}) {
  return { id: 1, x, y: 20, heading: 0, strength: 100, moving: true, firing: false, down: false, onHill: false, target: 255, ...more };
}

const state = (...squads) => ({ phase: 0, squads });
const near = (actual, expected, within = 1e-6) => assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`);

/** A squad that walks 0.35 units a tick, seen from tick 0 to `ticks`, each state `delay(tick)` ms late. */
function walked(ticks, delay = () => 0) {
  const timeline = new Timeline(20);
  for (let tick = 0; tick <= ticks; tick += 1) timeline.push(1000 + tick * TICK_MS + delay(tick), tick, state(squad(tick * 0.35)));
  return timeline;
}

test('nothing before the first state', () => {
  const timeline = new Timeline(20);
  assert.equal(timeline.at(1000), null);
  assert.equal(timeline.tick, null);
  timeline.push(1000, 7, state(squad(3)));
  assert.equal(timeline.at(1000).squads[0].x, 3);
  assert.equal(timeline.tick, 7);
});

test('between two ticks the squad is between its places, a delay behind', () => {
  const timeline = walked(40);
  near(timeline.delay_ms, DELAY_MIN_MS);
  for (const at_ms of [0, 10, 25, 49]) {
    const shown = timeline.at(1000 + 40 * TICK_MS + at_ms).squads[0].x;
    near(shown, ((40 * TICK_MS + at_ms - DELAY_MIN_MS) / TICK_MS) * 0.35);
  }
});

test('a state that is skipped is bridged', () => {
  const timeline = new Timeline(20);
  for (const tick of [0, 1, 5, 6]) timeline.push(1000 + tick * TICK_MS, tick, state(squad(tick * 0.35)));
  near(timeline.at(1000 + 3 * TICK_MS + DELAY_MIN_MS).squads[0].x, 3 * 0.35);
});

test('older and doubled states are ignored', () => {
  const timeline = walked(10);
  assert.equal(timeline.push(1600, 10, state(squad(99))), false);
  assert.equal(timeline.push(1600, 3, state(squad(99))), false);
  assert.equal(timeline.newest.squads[0].x, 3.5);
});

test('when states stay away, squads walk on for a moment and then stand', () => {
  const timeline = walked(40);
  const end = 1000 + 40 * TICK_MS + DELAY_MIN_MS;
  near(timeline.at(end + 100).squads[0].x, 42 * 0.35);
  const most = (40 + EXTRAPOLATE_MAX_MS / TICK_MS) * 0.35;
  near(timeline.at(end + EXTRAPOLATE_MAX_MS).squads[0].x, most);
  near(timeline.at(end + 5000).squads[0].x, most);
});

test('a squad that stands is not pushed on', () => {
  const timeline = new Timeline(20);
  timeline.push(1000, 0, state(squad(1)));
  timeline.push(1050, 1, state(squad(1.35, { moving: false })));
  assert.equal(timeline.at(1300).squads[0].x, 1.35);
});

test('a squad that was set elsewhere is not drawn on its way', () => {
  const timeline = new Timeline(20);
  timeline.push(1000, 0, state(squad(100, { down: true })));
  timeline.push(1050, 1, state(squad(10)));
  timeline.push(1100, 2, state(squad(10.35)));
  assert.equal(timeline.at(1000 + 25 + DELAY_MIN_MS).squads[0].x, 10);
});

test('squads come and go', () => {
  const timeline = new Timeline(20);
  timeline.push(1000, 0, state(squad(1)));
  timeline.push(1050, 1, state(squad(1.2), squad(50, { id: 2 })));
  assert.deepEqual(timeline.at(1000 + 25 + DELAY_MIN_MS).squads.map(({ id }) => id), [1, 2]);
  timeline.push(1100, 2, state(squad(50, { id: 2 })));
  assert.deepEqual(timeline.at(1000 + 75 + DELAY_MIN_MS).squads.map(({ id }) => id), [2]);
});

test('a heading turns the short way round', () => {
  const timeline = new Timeline(20);
  timeline.push(1000, 0, state(squad(1, { heading: 0.1 })));
  timeline.push(1050, 1, state(squad(1, { heading: 2 * Math.PI - 0.1 })));
  near(shortTurn(timeline.at(1000 + 25 + DELAY_MIN_MS).squads[0].heading), 0);
  near(shortTurn(3 * Math.PI + 0.2), -Math.PI + 0.2);
});

test('an uneven line makes the delay longer, within its bounds, and the picture never goes back', () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 48271) % 0x7fffffff;
    return seed / 0x7fffffff;
  };
  const timeline = new Timeline(20);
  let last = -Infinity;
  let clock = 1000;
  for (let tick = 0; tick < 400; tick += 1) {
    const arrives = Math.max(clock, 1000 + tick * TICK_MS + random() * 120);
    for (; clock < arrives; clock += 4) {
      const shown = timeline.at(clock)?.time_ms ?? -Infinity;
      assert.ok(shown >= last, `at ${clock} the picture went back by ${last - shown} ms`);
      last = Math.max(last, shown);
    }
    timeline.push(arrives, tick, state(squad(tick * 0.35)));
  }
  assert.ok(timeline.delay_ms > DELAY_MIN_MS + 30, `delay ${timeline.delay_ms}`);
  assert.ok(timeline.delay_ms <= DELAY_MAX_MS);
});

test('a clock that jumps, as after a sleep or a new match, is taken over at once', () => {
  const timeline = walked(20);
  for (let tick = 21; tick < 30; tick += 1) timeline.push(900_000 + tick * TICK_MS, tick, state(squad(tick * 0.35)));
  near(timeline.at(900_000 + 29 * TICK_MS).squads[0].x, (29 - timeline.delay_ms / TICK_MS) * 0.35, 0.01);
});

test('holds a bounded number of states', () => {
  const timeline = walked(5000);
  near(timeline.at(0).squads[0].x, (5000 - 63) * 0.35);
});
