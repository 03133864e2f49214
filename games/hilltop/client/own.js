// The player's own squads, as they will be when the server has all orders: walks them at once by the server's rule, and when the server says where
// they are, begins there unless that is what was foreseen. Owns the numbers and the ticks of orders. Knows nothing of connections and of drawing;
// `now` is an argument, in milliseconds.

import { SQUADS_PER_PLAYER, UNIT, slotOf } from './format.js';

// Of server/main.luau.
const HZ = 20;
const STEP = 7 / HZ;
const ELBOW_ROOM = 1.5;
const FORMATION_RADIUS = 1.2;
/** The server holds an order back for its tick at most so long. */
const HELD_TICKS = HZ / 2;

/** Places on the wire are right to two steps and a half of 1/64; twice that is still less than a pixel. */
const SAME_UNITS = 5 / 64;
/** A mistake larger than this is not smoothed: the squad was put there. */
const SNAP_UNITS = 3;
/** Ticks that are foreseen at most: then the line is down, and squads stand. */
const FORESEEN_TICKS = 2 * HZ;
/** Without orders the server is asked this often how early inputs come. */
const BEAT_MS = 500;
/** Orders that are remembered: of each squad's last one it is known where it walks. */
const ORDERS_KEPT = 64;

const SQUADS = Array.from({ length: SQUADS_PER_PLAYER }, (_, index) => index);
const DRAWN = SQUADS.flatMap((index) => [`x${index}`, `y${index}`, `heading${index}`]);

export class OwnSquads {
  /** How often the server said something else than what was foreseen, and by how much at most, in units. */
  corrections = 0;
  corrected_units = 0;
  /** Orders that came in time for their tick, and too late. */
  inTime = 0;
  late = 0;

  #kit;
  #slot;
  #map;
  #pace;
  #predictor = null; // while all ticks from the newest packet on were foreseen
  #foreseen = 0; // the last of them
  #number = 0;
  #beatAt_ms = -Infinity;
  #acknowledged = 0;
  #orders = []; // oldest first: { number, tick, goals }

  /** `map`: the event; `kit`: the client library's { Pace, Predictor }. */
  constructor({ slot, width, height }, kit) {
    this.#kit = kit;
    this.#slot = slot;
    this.#map = { width, height };
    this.#pace = new kit.Pace(HZ);
  }

  /** A packet was taken: `mirror` has what it says of ticks, `state` (Timeline) of squads. */
  heard(now, mirror, state) {
    const { tick } = mirror;
    // The page slept.
    if (this.#pace.next !== null && tick >= this.#pace.next) this.#pace = new this.#kit.Pace(HZ);
    this.#pace.push(now, mirror);
    this.#acknowledge(tick, mirror.note.tick === tick ? mirror.note.input : 0);
    const told = this.#told(tick, state);
    if (told === null) {
      this.#predictor = null;
    } else if (this.#predictor !== null && this.#foreseen === this.#pace.next - 1) {
      this.#predictor.reconcile(now, told, this.#numberAt(tick));
    } else {
      this.#begin(now, told, tick);
    }
  }

  /** Time goes on: foresees the ticks that are due. Returns a beat to send when it is time for one, else null: { number, tick }. */
  turn(now) {
    for (const tick of this.#pace.due(now)) {
      if (this.#predictor === null) continue;
      const isNext = tick === this.#foreseen + 1 && this.#predictor.apply(now, { tick }) !== null;
      this.#foreseen = tick;
      if (isNext) this.#predictor.intend(now, { tick: tick + 1 });
      else this.#predictor = null;
    }
    if (this.#pace.next === null || now - this.#beatAt_ms < BEAT_MS) return null;
    this.#beatAt_ms = now;
    return this.ticket();
  }

  /** The number and the tick of an order that is given now, to be sent with it; then `order` or `stop` must follow. Not before the first packet. */
  ticket() {
    this.#number += 1;
    return { number: this.#number, tick: this.#pace.next };
  }

  /** The squads of `mask` go to a place in units. */
  order(now, ticket, mask, x, y) {
    const chosen = SQUADS.filter((index) => mask & (1 << index));
    const place = { x: Math.round(x * UNIT) / UNIT, y: Math.round(y * UNIT) / UNIT };
    this.#give(now, ticket, new Map(chosen.map((index) => [index, this.#inFormation(place, index, chosen.length)])));
  }

  /** They stop. */
  stop(now, ticket, mask) {
    this.#give(now, ticket, new Map(SQUADS.filter((index) => mask & (1 << index)).map((index) => [index, null])));
  }

  /** Puts the own squads among `squads` where they are to be drawn at `now`. */
  draw(now, squads) {
    if (this.#predictor === null) return;
    const shown = this.#predictor.shown(now);
    const { goals } = this.#predictor.state;
    for (const squad of squads) {
      if (slotOf(squad.id) !== this.#slot || squad.down) continue;
      const index = squad.id % SQUADS_PER_PLAYER;
      squad.x = shown[`x${index}`];
      squad.y = shown[`y${index}`];
      squad.heading = shown[`heading${index}`];
      squad.moving = (this.#goalsAt(this.#foreseen + 1).get(index) ?? goals[index]) !== null;
    }
  }

  #give(now, { number, tick }, goals) {
    // They do not overtake each other.
    const before = this.#orders.at(-1)?.tick ?? 0;
    this.#orders.push({ number, tick: Math.max(tick, before), goals, isLate: false });
    if (this.#orders.length > ORDERS_KEPT) this.#orders.shift();
    this.#predictor?.intend(now, { tick: this.#foreseen + 1 });
  }

  // Orders up to `number` came by `tick`: later than they were meant for they are carried out then; much earlier, at once. The others will come later.
  #acknowledge(tick, number) {
    let before = 0;
    for (const order of this.#orders) {
      if (order.number > this.#acknowledged) {
        const came = order.number <= number;
        const soonest = came ? tick : tick + 1;
        order.isLate ||= order.tick < soonest;
        if (came && order.isLate) this.late += 1;
        if (came && !order.isLate) this.inTime += 1;
        const isTooEarly = came && order.tick > tick + HELD_TICKS;
        order.tick = Math.max(isTooEarly ? tick : order.tick, soonest, before);
      }
      before = order.tick;
    }
    this.#acknowledged = Math.max(this.#acknowledged, number);
  }

  // What the server says of the own squads; null when they are not all there.
  #told(tick, { squads, phase }) {
    const told = { goals: [null, null, null], down: [false, false, false], plays: phase === 0 };
    let found = 0;
    for (const { id, x, y, heading, moving, down } of squads) {
      if (slotOf(id) !== this.#slot) continue;
      const index = id % SQUADS_PER_PLAYER;
      found += 1;
      [told[`x${index}`], told[`y${index}`], told[`heading${index}`], told.down[index]] = [x, y, heading, down];
      if (moving && !down) told.goals[index] = this.#lastGoal(index, tick) ?? straightOn(x, y, heading);
    }
    return found === SQUADS_PER_PLAYER ? told : null;
  }

  // Where the squad was sent last before the end of `tick`.
  #lastGoal(index, tick) {
    return this.#orders.findLast((order) => order.tick <= tick && order.goals.has(index))?.goals.get(index);
  }

  #goalsAt(tick) {
    const goals = new Map();
    for (const order of this.#orders) if (order.tick === tick) for (const [index, goal] of order.goals) goals.set(index, goal);
    return goals;
  }

  #numberAt(tick) {
    return this.#predictor.unacknowledged.findLast(({ input }) => input.tick <= tick)?.number ?? 0;
  }

  #begin(now, told, tick) {
    this.#predictor = new this.#kit.Predictor({
      step: (state, input) => this.#step(state, input.tick),
      same: (foreseen, told_) => this.#isSame(foreseen, told_),
      drawn: DRAWN,
      angles: SQUADS.map((index) => `heading${index}`),
      inputs: FORESEEN_TICKS,
      tick_ms: 1000 / HZ,
      snap: SNAP_UNITS,
    });
    this.#predictor.reconcile(now, told, 0);
    this.#foreseen = this.#pace.next - 1;
    for (let next = tick + 1; next <= this.#foreseen; next += 1) {
      if (this.#predictor.apply(now, { tick: next }) === null) return (this.#predictor = null);
    }
    return this.#predictor.intend(now, { tick: this.#foreseen + 1 });
  }

  #isSame(foreseen, told) {
    let [far, same] = [0, foreseen.plays === told.plays];
    for (const index of SQUADS) {
      const [x, y] = [foreseen[`x${index}`], foreseen[`y${index}`]];
      far = Math.max(far, Math.hypot(x - told[`x${index}`], y - told[`y${index}`]));
      // Who sets off from a place that is a little rounded may be there a tick earlier or later.
      const goal = foreseen.goals[index] ?? told.goals[index];
      const isThere = goal !== null && Math.hypot(goal.x - x, goal.y - y) <= SAME_UNITS;
      const walks = (state) => state.goals[index] !== null;
      same &&= foreseen.down[index] === told.down[index] && (isThere || walks(foreseen) === walks(told));
    }
    if (same && far <= SAME_UNITS) return true;
    this.corrections += 1;
    this.corrected_units = Math.max(this.corrected_units, far);
    return false;
  }

  // One tick of the server's rule, in its order.
  #step(before, tick) {
    const state = { ...before, goals: [...before.goals] };
    if (!state.plays) return state;
    for (const [index, goal] of this.#goalsAt(tick)) if (goal === null || !state.down[index]) state.goals[index] = goal;
    for (const index of SQUADS) if (!state.down[index]) walk(state, index);
    for (const [one, other] of [[0, 1], [1, 2], [0, 2]]) giveRoom(state, one, other, this.#map);
    return state;
  }

  #inFormation({ x, y }, index, chosen) {
    const angle = ((index + 1) * 2 * Math.PI) / SQUADS_PER_PLAYER;
    const radius = chosen > 1 ? FORMATION_RADIUS : 0;
    return clamped(x + radius * Math.cos(angle), y + radius * Math.sin(angle), this.#map);
  }
}

function walk(state, index) {
  const goal = state.goals[index];
  if (goal === null) return;
  const [x, y] = [state[`x${index}`], state[`y${index}`]];
  const [dx, dy] = [goal.x - x, goal.y - y];
  const distance = Math.sqrt(dx * dx + dy * dy);
  if (distance > 0) state[`heading${index}`] = (Math.floor((Math.atan2(dy, dx) * 128) / Math.PI + 0.5) * Math.PI) / 128;
  const isThere = distance <= STEP;
  state[`x${index}`] = isThere ? goal.x : x + (dx / distance) * STEP;
  state[`y${index}`] = isThere ? goal.y : y + (dy / distance) * STEP;
  if (isThere) state.goals[index] = null;
}

// Two that stand too close step apart.
function giveRoom(state, one, other, map) {
  if (state.goals[one] !== null || state.goals[other] !== null || state.down[one] || state.down[other]) return;
  let [dx, dy] = [state[`x${other}`] - state[`x${one}`], state[`y${other}`] - state[`y${one}`]];
  const distance = Math.sqrt(dx * dx + dy * dy);
  if (distance >= ELBOW_ROOM) return;
  [dx, dy] = distance < 1e-6 ? [1, 0] : [dx / distance, dy / distance];
  const step = Math.min((ELBOW_ROOM - distance) / 2, STEP);
  for (const [index, way] of [[one, -step], [other, step]]) {
    const place = clamped(state[`x${index}`] + dx * way, state[`y${index}`] + dy * way, map);
    [state[`x${index}`], state[`y${index}`]] = [place.x, place.y];
  }
}

const clamped = (x, y, { width, height }) => ({ x: Math.min(width, Math.max(0, x)), y: Math.min(height, Math.max(0, y)) });

// A squad whose order is not known, e.g. after the page was loaded again, is foreseen to walk on.
const straightOn = (x, y, heading) => ({ x: x + 1000 * Math.cos(heading), y: y + 1000 * Math.sin(heading) });
