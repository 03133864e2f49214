// Own squads ahead of the server: a small room that obeys server/main.luau's rule for orders and walking, and a line to it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace, Predictor } from '../../../../sdk/js/predict.js';
import { dice, Link } from '../../../../sdk/js/tests/link.js';
import { beat, moveOrder, stopOrder } from '../format.js';
import { OwnSquads } from '../own.js';

const TICK_MS = 50;
const FRAME_MS = 1000 / 60;
const SLOT = 1;
const STEP = 0.35;
const MAP = { slot: SLOT, width: 160, height: 100 };

class Room {
  tick = 40;
  squads = [0, 1, 2].map((index) => ({ x: 14 + index * 2.4, y: 50, heading: 0, goal: null, down: false }));
  note = { input: 0, ahead: 0, tick: null };
  #held = [];
  #heard = [];

  push(input) {
    this.#heard.push(input);
  }

  turn() {
    this.tick += 1;
    for (const { op, data } of this.#heard.splice(0)) this.#hear(op, data);
    while (this.#held.length > 0 && this.#held[0].tick <= this.tick) this.#obey(this.#held.shift());
    for (const squad of this.squads) if (squad.goal !== null && !squad.down) this.#walk(squad);
    for (const [one, other] of [[0, 1], [1, 2], [0, 2]]) this.#part(this.squads[one], this.squads[other]);
  }

  #hear(op, data) {
    const view = new DataView(data.buffer);
    const bytes = { 1: 5, 2: 1, 3: 0 }[op];
    const [number, meant] = [view.getUint32(bytes, true), view.getUint32(bytes + 4, true)];
    this.note = { input: number, ahead: meant - this.tick, tick: this.tick };
    if (op === 3) return;
    const tick = meant > this.tick && meant <= this.tick + 10 ? meant : this.tick;
    const goal = op === 1 ? { x: view.getUint16(1, true) / 256, y: view.getUint16(3, true) / 256 } : null;
    this.#held.push({ tick: Math.max(tick, this.#held.at(-1)?.tick ?? 0), mask: data[0], goal });
  }

  #obey({ mask, goal }) {
    const many = [0, 1, 2].filter((index) => mask & (1 << index)).length > 1;
    this.squads.forEach((squad, index) => {
      if (!(mask & (1 << index)) || (goal !== null && squad.down)) return;
      const angle = ((index + 1) * 2 * Math.PI) / 3;
      squad.goal = goal && { x: goal.x + (many ? 1.2 * Math.cos(angle) : 0), y: goal.y + (many ? 1.2 * Math.sin(angle) : 0) };
    });
  }

  #walk(squad) {
    const [dx, dy] = [squad.goal.x - squad.x, squad.goal.y - squad.y];
    const distance = Math.sqrt(dx * dx + dy * dy);
    if (distance > 0) squad.heading = (Math.floor((Math.atan2(dy, dx) * 128) / Math.PI + 0.5) * Math.PI) / 128;
    if (distance <= STEP) {
      [squad.x, squad.y, squad.goal] = [squad.goal.x, squad.goal.y, null];
    } else {
      squad.x += (dx / distance) * STEP;
      squad.y += (dy / distance) * STEP;
    }
  }

  #part(one, other) {
    if (one.goal !== null || other.goal !== null) return;
    const [dx, dy] = [other.x - one.x, other.y - one.y];
    const distance = Math.sqrt(dx * dx + dy * dy);
    if (distance >= 1.5) return;
    const step = Math.min((1.5 - distance) / 2, STEP) / distance;
    one.x -= dx * step;
    one.y -= dy * step;
    other.x += dx * step;
    other.y += dy * step;
  }
}

class Game {
  now = 0;
  room = new Room();
  own = new OwnSquads(MAP, { Pace, Predictor });
  #roll;
  #up;
  #down;
  #squads = [];
  #newest = 0;

  constructor(roll, { way_ms = 50, jitter_ms = 0 } = {}) {
    this.#roll = roll;
    const line = { loss: 0, delay_ms: way_ms, jitter_ms };
    this.#up = new Link(roll, line);
    this.#down = new Link(roll, line);
  }

  /** What the picture shows of the own squads now. */
  drawn() {
    const squads = this.#squads.map((squad) => ({ ...squad }));
    this.own.draw(this.now, squads);
    return squads;
  }

  /** The player orders. */
  order(mask, x, y) {
    const ticket = this.own.ticket();
    this.own.order(this.now, ticket, mask, x, y);
    this.#up.send(this.now, moveOrder(mask, x, y, ticket));
  }

  stop(mask) {
    const ticket = this.own.ticket();
    this.own.stop(this.now, ticket, mask);
    this.#up.send(this.now, stopOrder(mask, ticket));
  }

  /** The page is loaded again. */
  reload() {
    this.own = new OwnSquads(MAP, { Pace, Predictor });
  }

  /** A frame later. */
  frame() {
    const before = Math.floor(this.now / TICK_MS);
    this.now += FRAME_MS;
    for (const input of this.#up.arrived(this.now)) this.room.push(input);
    if (Math.floor(this.now / TICK_MS) > before) {
      this.room.turn();
      this.#down.send(this.now, { tick: this.room.tick, note: this.room.note, squads: this.room.squads.map((squad) => this.#told(squad)) });
    }
    for (const { tick, note, squads } of this.#down.arrived(this.now)) {
      // On a stream nothing overtakes; what comes twice says nothing.
      if (tick <= this.#newest) continue;
      this.#newest = tick;
      this.#squads = squads.map((squad, index) => ({ id: SLOT * 3 + index, ...squad }));
      this.own.heard(this.now, { tick, note }, { phase: 0, squads: this.#squads });
    }
    const ticket = this.own.turn(this.now);
    if (ticket !== null) this.#up.send(this.now, beat(ticket));
  }

  run(ms) {
    for (const end = this.now + ms; this.now < end; ) this.frame();
  }

  // Right to two steps of 1/64, as sync.toml says.
  #told({ x, y, heading, goal, down }) {
    const grain = () => (goal === null ? 0 : this.#roll(5) - 2);
    const wire = (value) => (Math.round(value * 64) + grain()) / 64;
    return { x: wire(x), y: wire(y), heading, moving: goal !== null, down };
  }
}

const far = (game) => Math.max(...game.drawn().map(({ x, y }, at) => Math.hypot(x - game.room.squads[at].x, y - game.room.squads[at].y)));

test('100 ms away: squads move in the frame after the order, and what the server says of it is what was shown', () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const roll = dice(seed);
    const game = new Game(roll);
    game.run(3000 + roll(1000));
    for (let n = 0; n < 6; n += 1) {
      const mask = 1 + roll(7);
      const before = game.drawn();
      game.order(mask, 30 + roll(100), 20 + roll(60));
      game.frame();
      game.drawn().forEach(({ x, y, moving }, at) => {
        if (!(mask & (1 << at))) return;
        assert.ok(moving, `seed ${seed}: squad ${at} does not go`);
        // One that walked may be turning round.
        assert.ok(before[at].moving || Math.hypot(x - before[at].x, y - before[at].y) > 0.01, `seed ${seed}: squad ${at} stands`);
      });
      game.run(roll(2500));
      if (roll(4) === 0) game.stop(1 + roll(7));
    }
    game.run(30_000);
    assert.deepEqual([game.own.corrections, game.own.late], [0, 0], `seed ${seed}`);
    assert.ok(game.own.inTime >= 6);
    // Those that were never ordered are known as the wire has it.
    assert.ok(far(game) <= 1 / 64, `seed ${seed}: they stand ${far(game)} apart`);
  }
});

test('where the squad is going to be is known: no step is drawn twice, back or too long', () => {
  const game = new Game(dice(3));
  game.run(3000);
  game.order(1, 100, 50);
  game.run(300);
  let [x, shortest, longest] = [game.drawn()[0].x, Infinity, 0];
  for (let frame = 0; frame < 300; frame += 1) {
    game.frame();
    const next = game.drawn()[0].x;
    shortest = Math.min(shortest, next - x);
    longest = Math.max(longest, next - x);
    x = next;
  }
  const even = STEP / (TICK_MS / FRAME_MS);
  assert.ok(shortest >= 0 && longest <= 2.2 * even, `a frame moves it by ${shortest} to ${longest}, evenly by ${even}`);
});

test('an order that comes too late is made up for within a round trip and a tenth of a second', () => {
  let late = 0;
  for (let seed = 0; seed < 100; seed += 1) {
    const game = new Game(dice(seed), { jitter_ms: 120 });
    game.run(2000);
    game.order(0b111, 40, 60);
    game.run(1000);
    game.stop(0b111);
    game.run(2000);
    late += game.own.late;
    assert.ok(far(game) <= 5 / 64, `seed ${seed}: drawn ${far(game)} away`);
  }
  assert.ok(late > 10, `${late} came too late: or nothing is tested`);
});

test('squads that fall, are put elsewhere, or walk when the page is loaded anew are where the server says', () => {
  const game = new Game(dice(5));
  game.run(3000);
  game.order(0b111, 80, 50);
  game.run(1000);
  game.room.squads[1].down = true;
  game.room.squads[1].goal = null;
  Object.assign(game.room.squads[2], { x: 146, y: 50, goal: null });
  game.run(1500);
  assert.equal(game.drawn()[2].x, 146);
  assert.ok(game.own.corrections >= 1);
  game.reload();
  game.run(500);
  assert.ok(game.drawn()[0].moving);
  game.run(20_000);
  game.room.squads[1].down = false;
  game.run(1000);
  assert.ok(far(game) < 1 / 16, `${far(game)}`);
});
