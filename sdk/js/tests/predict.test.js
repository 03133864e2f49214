// Prediction and pace over a line that loses packets: whatever happens on the way, both ends come to agree.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AHEAD_HIGH, AHEAD_LOW, BEND, Pace, Predictor } from '../predict.js';
import { dice, Link } from './link.js';

const TICK_MS = 50;
const GRAIN = 1 / 64; // of numbers on the wire
const SIZE = 20;
/** Twice the longest time there and back. */
const TWO_ROUND_TRIPS_MS = 2 * 2 * 130;
/** A mistake that became known at the end of that is drawn for so long. */
const FADE_MS = 100;

// The rule of the game: run in an arena with a swamp in its middle.
function step({ x, y, heading }, { dx, dy }) {
  if (dx === 0 && dy === 0) return { x, y, heading };
  const speed = Math.hypot(x - SIZE / 2, y - SIZE / 2) < 3 ? 0.1 : 0.35;
  const inside = (value) => Math.min(SIZE, Math.max(0, value));
  return { x: inside(x + dx * speed), y: inside(y + dy * speed), heading: Math.atan2(dy, dx) };
}

const onWire = ({ x, y, heading }) => ({ x: Math.round(x / GRAIN) * GRAIN, y: Math.round(y / GRAIN) * GRAIN, heading });

/** Hears what came since the last tick, in turn, as a room does. */
class Server {
  state = { x: 4, y: 4, heading: 0 };
  tick = 100;
  onWire = onWire;
  last = 0; // input that was heard
  #waiting = new Map();

  take(inputs) {
    for (const { number, input } of inputs) if (number > this.last) this.#waiting.set(number, input);
  }

  turn() {
    this.tick += 1;
    let ahead = null;
    for (let left = 8; left > 0 && this.#waiting.has(this.last + 1); left -= 1) {
      this.last += 1;
      const input = this.#waiting.get(this.last);
      this.#waiting.delete(this.last);
      this.state = step(this.state, input);
      ahead = Math.min(127, Math.max(-128, input.meant - this.tick));
    }
    const note = ahead === null ? { input: 0, ahead: 0, tick: null } : { input: this.last, ahead, tick: this.tick };
    return { tick: this.tick, state: this.onWire(this.state), note };
  }
}

/** Both ends, and lines between them. */
class Game {
  now = 0;
  server = new Server();
  predictor;
  pace = new Pace(1000 / TICK_MS);
  aheads = [];
  done = 0;
  #up;
  #down;
  #newest = 0;
  #skew;

  constructor(roll, { line = {}, skew = 1, ...options } = {}) {
    this.#up = new Link(roll, line);
    this.#down = new Link(roll, line);
    this.#skew = skew;
    this.predictor = new Predictor({ step, angles: ['heading'], ...options });
  }

  /** Lets 10 ms go by; `input(number)` says what the player does. */
  turn(input) {
    this.now += 10;
    for (const inputs of this.#up.arrived(this.now)) this.server.take(inputs);
    if (this.now % TICK_MS === 0) this.#down.send(this.now, this.server.turn());
    for (const { tick, state, note } of this.#down.arrived(this.now)) {
      if (tick <= this.#newest) continue;
      this.#newest = tick;
      this.pace.push(this.now, { tick, note });
      if (note.tick !== tick) continue;
      this.predictor.reconcile(this.now, state, note.input);
      this.aheads.push(note.ahead);
    }
    for (const meant of this.pace.due(this.now * this.#skew)) {
      if (this.predictor.apply(this.now, { ...input(), meant }) !== null) this.done += 1;
      this.#up.send(this.now, [...this.predictor.unacknowledged]);
    }
  }

  /** How far the picture and the prediction are from the server. */
  errors() {
    const far = (a, b) => Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y), Math.abs(Math.sin(a.heading - b.heading)));
    return [this.predictor.state, this.predictor.shown(this.now)].map((state) => far(state, this.server.state));
  }
}

const STAND = { dx: 0, dy: 0 };

/**
 * One small game: the player runs, the server pushes him about; then he stops. The largest errors from two round trips after that on;
 * of the picture, from the fading of a mistake later on.
 */
function play(seed) {
  const roll = dice(seed);
  const game = new Game(roll);
  let input = STAND;
  const run_ms = 800 + roll(80) * 10;
  while (game.now < run_ms) {
    if (roll(20) === 0) input = { dx: roll(3) - 1, dy: roll(3) - 1 };
    // What the client cannot know: somebody pushes.
    if (roll(60) === 0) game.server.state = { ...game.server.state, x: roll(SIZE), y: roll(SIZE) };
    game.turn(() => input);
  }
  const worst = [0, 0];
  const from = [run_ms + TWO_ROUND_TRIPS_MS, run_ms + TWO_ROUND_TRIPS_MS + FADE_MS];
  while (game.now < from[1] + 200) {
    game.turn(() => STAND);
    game.errors().forEach((error, at) => (worst[at] = game.now < from[at] ? 0 : Math.max(worst[at], error)));
  }
  return worst;
}

test('10,000 games over a line of 100 ± 30 ms that loses 5 %: two round trips after the input stops, both ends agree', () => {
  for (let seed = 0; seed < 10_000; seed += 1) {
    const [predicted, shown] = play(seed);
    assert.ok(predicted <= GRAIN, `seed ${seed}: the prediction is off by ${predicted}`);
    assert.ok(shown <= 2 * GRAIN, `seed ${seed}: the picture is off by ${shown}`);
  }
});

test('what nobody disturbs is predicted right: the server does later what the client showed', () => {
  let compared = 0;
  for (let seed = 0; seed < 300; seed += 1) {
    const roll = dice(seed);
    const game = new Game(roll);
    game.server.onWire = (state) => state;
    const foreseen = new Map();
    let input = STAND;
    for (let at = 0; at < 300; at += 1) {
      if (roll(20) === 0) input = { dx: roll(3) - 1, dy: roll(3) - 1 };
      game.turn(() => input);
      if (game.predictor.state !== null) foreseen.set(game.done, game.predictor.state);
      const then = foreseen.get(game.server.last);
      if (then === undefined) continue;
      assert.deepEqual(game.server.state, then, `seed ${seed}, input ${game.server.last}`);
      compared += 1;
    }
  }
  assert.ok(compared > 10_000);
});

test('a mistake fades in 100 ms, the short way round, and a large one is set right at once', () => {
  const still = (state) => state;
  for (const [snap, expect] of [[Infinity, [2, 1, 0]], [1.5, [0, 0, 0]]]) {
    const predictor = new Predictor({ step: still, angles: ['heading'], snap });
    predictor.reconcile(1000, { x: 5, heading: 3 }, 0);
    predictor.reconcile(2000, { x: 3, heading: -3 }, 0);
    const shown = [2000, 2050, 2100].map((now) => predictor.shown(now));
    assert.deepEqual(shown.map(({ x }) => x - 3), expect);
    assert.deepEqual(predictor.state, { x: 3, heading: -3 });
    const turns = shown.map(({ heading }) => Math.abs(heading + 3));
    assert.ok(turns.every((turn) => turn < 0.3), `${turns}`);
  }
});

test('packets that say nothing new do not hold a fading mistake up', () => {
  const predictor = new Predictor({ step: (state) => state });
  predictor.reconcile(1000, { x: 5 }, 0);
  for (let now = 2000; now < 2100; now += 10) predictor.reconcile(now, { x: 3 }, 0);
  assert.ok(Math.abs(predictor.shown(2050).x - 3) < 2 && Math.abs(predictor.shown(2100).x - 3) < 1e-9);
});

test('a step is drawn while its time goes by', () => {
  const predictor = new Predictor({ step: ({ x }, input) => ({ x: x + input }), tick_ms: TICK_MS });
  assert.equal(predictor.state, null);
  assert.equal(predictor.apply(0, 1), 1, 'numbered also while nothing is known');
  predictor.reconcile(100, { x: 7 }, 1);
  assert.equal(predictor.apply(100, 10), 2);
  assert.deepEqual([100, 125, 150, 500].map((now) => predictor.shown(now).x), [7, 12, 17, 17]);
  predictor.reconcile(130, { x: 7 }, 1);
  assert.deepEqual([130, 150].map((now) => predictor.shown(now).x), [13, 17], 'nothing jumps when the server agrees');
});

test('what the player is about to do is drawn before its tick is done, without a jump', () => {
  const predictor = new Predictor({ step: ({ x }, input) => ({ x: x + input }), tick_ms: TICK_MS });
  predictor.intend(0, 1); // nothing is known yet
  predictor.reconcile(0, { x: 0 }, 0);
  predictor.apply(0, 10);
  predictor.intend(0, 10);
  assert.deepEqual([0, 25, 50].map((now) => predictor.shown(now).x), [10, 15, 20]);
  predictor.apply(50, 10);
  predictor.intend(50, 0);
  assert.deepEqual([50, 75].map((now) => predictor.shown(now).x), [20, 20], 'it stands');
  // In the middle of the tick it sets off: from where it is drawn, and towards where it is going to be.
  predictor.intend(75, 10);
  assert.equal(predictor.shown(75).x, 20);
  assert.ok(predictor.shown(80).x > 20.5);
  assert.ok(Math.abs(predictor.shown(175).x - 30) < 1e-9);
  predictor.reconcile(80, { x: 10 }, 1);
  assert.equal(predictor.state.x, 20, 'the step to come is not part of the state');
  predictor.reconcile(90, { x: 110 }, 2);
  assert.ok(Math.abs(predictor.shown(190).x - 120) < 1e-9, 'it follows what the server sets right');
});

test('what was foreseen stays when the server tells the same, and a state may have things that are not drawn', () => {
  let steps = 0;
  const step = ({ x, goal }, input) => {
    steps += 1;
    return { x: x + Math.sign((input ?? goal) - x), goal: input ?? goal };
  };
  const same = (foreseen, told) => Math.abs(foreseen.x - told.x) <= 0.5 && foreseen.goal === told.goal;
  const predictor = new Predictor({ step, same, drawn: ['x'] });
  predictor.reconcile(0, { x: 0, goal: null }, 0);
  for (const input of [9, null, null]) predictor.apply(0, input);
  assert.deepEqual([predictor.state, predictor.shown(0), steps], [{ x: 3, goal: 9 }, { x: 3 }, 3]);
  predictor.reconcile(0, { x: 1.25, goal: 9 }, 1);
  assert.deepEqual([predictor.state.x, steps, predictor.unacknowledged.length], [3, 3, 2], 'not a step is done again');
  predictor.reconcile(0, { x: 1, goal: 0 }, 2);
  assert.deepEqual([predictor.state.x, predictor.unacknowledged.length], [0, 1]);
});

test('inputs are kept until the server tells of them, and no more than so many', () => {
  const predictor = new Predictor({ step: (state) => state, inputs: 3 });
  assert.deepEqual([1, 2, 3, 4].map((input) => predictor.apply(0, input)), [1, 2, 3, null]);
  predictor.reconcile(0, { x: 0 }, 2);
  assert.deepEqual(predictor.unacknowledged, [{ number: 3, input: 3 }]);
  predictor.reconcile(0, { x: 0 }, 1);
  assert.deepEqual(predictor.unacknowledged, [{ number: 3, input: 3 }], 'an old word takes nothing back');
  assert.equal(predictor.apply(0, 4), 4);
});

test('the pace keeps inputs one to three ticks early, whatever the clock and the way', () => {
  for (const skew of [0.99, 1, 1.01]) {
    for (const delay_ms of [10, 60, 150, 400]) {
      const line = { loss: 2, delay_ms, jitter_ms: 10 };
      const game = new Game(dice(7), { skew, line });
      while (game.now < 60_000) game.turn(() => STAND);
      const later = game.aheads.slice(game.aheads.length / 3);
      const good = later.filter((ahead) => ahead >= AHEAD_LOW && ahead <= AHEAD_HIGH).length / later.length;
      assert.ok(good > 0.9, `clock ${skew}, way ${delay_ms}: ${good}`);
    }
  }
});

test('the pace never leaves its bounds, and numbers anew when it is far off for longer', () => {
  const pace = new Pace(20);
  const note = (now, ahead) => pace.push(now, { tick: 2, note: { input: 1, ahead, tick: 2 } });
  const ticks = (from, until) => {
    const all = [];
    for (let now = from + 10; now <= until; now += 10) all.push(...pace.due(now));
    return all;
  };
  assert.deepEqual(pace.due(0), []);
  pace.push(0, { tick: 2 ** 32 - 4, note: { input: 0, ahead: 0, tick: null } });
  const first = ticks(0, 1000);
  assert.deepEqual(first.slice(0, 4), [2 ** 32 - 2, 2 ** 32 - 1, 0, 1], 'two ticks early, and ticks go round');
  assert.equal(first.length, 20);
  for (let at = 0; at < 50; at += 1) note(1000, -1);
  assert.ok(pace.rate > 1.04 && pace.rate <= 1 + BEND);
  for (let at = 0; at < 50; at += 1) note(1000, 5);
  assert.ok(pace.rate < 0.96 && pace.rate >= 1 - BEND);
  for (const now of [1000, 1500, 1999]) note(now, -20);
  const before = ticks(1000, 2000);
  assert.equal(before.at(-1) - before[0], before.length - 1, 'a few late packets are no reason');
  assert.equal(pace.rate, 1 + BEND);
  note(2000, -20);
  const after = ticks(2000, 3000);
  assert.equal(after[0] - before.at(-1), 1 + 22);
  assert.equal(after.length, 20, 'and no tick more is done for it');
  assert.equal(pace.due(1e9).length, 8, 'a page that slept makes up for a little');
});
