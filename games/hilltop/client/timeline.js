// What the world looked like at a moment: keeps the last states and blends between them, a little behind the server so that there is
// usually a state on either side. Owns the estimate of when a tick happens here; knows nothing of drawing. `now` is an argument.

/** How far behind the newest tick the picture is, at least ... */
export const DELAY_MIN_MS = 100;
/** ... and at most, when states come unevenly. */
export const DELAY_MAX_MS = 250;
/** When states stay away, squads walk on for this long and then stand. */
export const EXTRAPOLATE_MAX_MS = 200;
/** A squad that is farther away than it could walk in the time was put there: it is not blended. */
export const SNAP_UNITS = 3;
/** A picture that is off by more than this is set right at once; else it runs up to these parts slower or faster. */
const JUMP_MS = 400;
const SLOWER = 0.25;
const FASTER = 0.25;
const SPEED_UNITS = 7;
const KEEP = 64;

export class Timeline {
  #tick_ms;
  #states = []; // oldest first: { tick, time_ms, state, squads: Map(id → squad) }
  #origin_ms = null; // local time of tick 0, if it had come without any delay
  #jitter_ms = 0;
  #heardAt_ms = -Infinity;
  #delay_ms = DELAY_MIN_MS;
  #shown_ms = -Infinity; // the moment that was drawn last ...
  #shownAt_ms = 0; // ... and when

  constructor(hz) {
    this.#tick_ms = 1000 / hz;
  }

  /** Newest tick, or null. */
  get tick() {
    return this.#states.at(-1)?.tick ?? null;
  }

  /** Newest state, or null. */
  get newest() {
    return this.#states.at(-1)?.state ?? null;
  }

  get delay_ms() {
    return this.#delay_ms;
  }

  /** How long ago the newest state arrived. */
  silence_ms(now) {
    return now - this.#heardAt_ms;
  }

  /** A state arrived. One that is not newer than the newest is ignored. */
  push(now, tick, state) {
    if (this.tick !== null && tick <= this.tick) return false;
    const time_ms = tick * this.#tick_ms;
    this.#heardAt_ms = now;
    this.#learnClock(now - time_ms);
    this.#states.push({ tick, time_ms, state, squads: new Map(state.squads.map((squad) => [squad.id, squad])) });
    if (this.#states.length > KEEP) this.#states.shift();
    return true;
  }

  /** Squads as they are to be drawn at `now`, and how old the picture is: { state, squads, time_ms }; null before the first state. */
  at(now) {
    if (this.#states.length === 0) return null;
    const time_ms = this.#show(now);
    const after = this.#states.findIndex((entry) => entry.time_ms > time_ms);
    if (after === 0) return this.#still(this.#states[0], time_ms);
    if (after === -1) return this.#beyond(time_ms);
    return this.#between(this.#states[after - 1], this.#states[after], time_ms);
  }

  // The picture runs a little faster or slower towards where it should be, and never backwards; it jumps only when it is far off.
  #show(now) {
    const wanted_ms = now - this.#origin_ms - this.#delay_ms;
    const passed_ms = now - this.#shownAt_ms;
    const off_ms = wanted_ms - (this.#shown_ms + passed_ms);
    const near = passed_ms >= 0 && Math.abs(off_ms) < JUMP_MS;
    const bend_ms = Math.max(-SLOWER * passed_ms, Math.min(FASTER * passed_ms, off_ms));
    this.#shown_ms = near ? this.#shown_ms + passed_ms + bend_ms : wanted_ms;
    this.#shownAt_ms = now;
    return this.#shown_ms;
  }

  // The earliest arrivals say when a tick happens; later ones say how uneven the way is. The origin follows slowly when all states
  // come later than before, because then the way has become longer for good.
  #learnClock(origin_ms) {
    if (this.#origin_ms === null || Math.abs(origin_ms - this.#origin_ms) > 2000) {
      this.#origin_ms = origin_ms;
      this.#jitter_ms = 0;
      return;
    }
    const late_ms = origin_ms - this.#origin_ms;
    this.#origin_ms += late_ms < 0 ? late_ms * 0.25 : Math.min(late_ms, 20) * 0.01;
    this.#jitter_ms += (Math.max(0, late_ms) - this.#jitter_ms) * (late_ms > this.#jitter_ms ? 0.2 : 0.01);
    const wanted = Math.min(DELAY_MAX_MS, Math.max(DELAY_MIN_MS, this.#tick_ms * 1.5 + this.#jitter_ms * 1.5));
    this.#delay_ms += (wanted - this.#delay_ms) * 0.05;
  }

  #still(entry, time_ms) {
    return { state: entry.state, squads: entry.state.squads, time_ms };
  }

  #between(before, after, time_ms) {
    const span_ms = after.time_ms - before.time_ms;
    const part = (time_ms - before.time_ms) / span_ms;
    const far = SNAP_UNITS + (SPEED_UNITS * span_ms) / 1000;
    const squads = after.state.squads.map((to) => {
      const from = before.squads.get(to.id);
      if (from === undefined || Math.hypot(to.x - from.x, to.y - from.y) > far) return to;
      return { ...(part < 0.5 ? from : to), ...blend(from, to, part) };
    });
    return { state: before.state, squads, time_ms };
  }

  #beyond(time_ms) {
    const last = this.#states.at(-1);
    const before = this.#states.at(-2);
    if (before === undefined) return this.#still(last, time_ms);
    const span_ms = last.time_ms - before.time_ms;
    const part = Math.min(time_ms - last.time_ms, EXTRAPOLATE_MAX_MS) / span_ms;
    const far = (SPEED_UNITS * 1.5 * span_ms) / 1000;
    const squads = last.state.squads.map((to) => {
      const from = before.squads.get(to.id);
      if (from === undefined || !to.moving || Math.hypot(to.x - from.x, to.y - from.y) > far) return to;
      return { ...to, x: to.x + (to.x - from.x) * part, y: to.y + (to.y - from.y) * part };
    });
    return { state: last.state, squads, time_ms };
  }
}

function blend(from, to, part) {
  return {
    x: from.x + (to.x - from.x) * part,
    y: from.y + (to.y - from.y) * part,
    heading: from.heading + shortTurn(to.heading - from.heading) * part,
    strength: from.strength + (to.strength - from.strength) * part,
  };
}

/** The same turn between -π and π. */
export function shortTurn(angle) {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}
