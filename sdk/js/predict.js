// The player's own entity, without waiting for the server: steps it at once with each input, and when the server says what came of them, begins
// there and steps again through those that it has not seen yet. Owns unacknowledged inputs, and the pace of the client's ticks. Knows nothing of
// packets, of the game's rules and of drawing; `now` is an argument, in milliseconds.

import { shortTurn } from './interpolate.js';

export class Predictor {
  #step;
  #most;
  #tick_ms;
  #smooth_ms;
  #snap;
  #angles;
  #drawn;
  #same;
  #inputs = []; // oldest first: { number, input }
  #after = []; // the state after each of them
  #number = 0;
  #state = null;
  #before = null; // the state one step ago
  #intended = null; // { input } of the step to come, and the state after it
  #steppedAt_ms = 0;
  #offset = {}; // what was drawn minus what is right, when it was last set right
  #offsetAt_ms = 0;
  #fade_ms = 0; // time from then on until nothing is left of it

  /**
   * `step(state, input)` gives the next state; it is the game's rule, the same as the server's, and changes neither. A state is an object of
   * numbers; those named in `angles` go round. `inputs` is how many are kept at most, `tick_ms` how long a step takes on the screen, `smooth_ms`
   * how long a mistake takes to go away; one that is larger than `snap` in any number is set right at once. `drawn` are the names of numbers that
   * are drawn, all when nothing is said: then a state may have other things beside them. `same(foreseen, told)` says whether what the server told
   * is what was foreseen, as far as its numbers are exact: then nothing changes.
   */
  constructor({ step, inputs = 128, tick_ms = 0, smooth_ms = 100, snap = Infinity, angles = [], drawn = null, same = () => false }) {
    this.#step = step;
    this.#most = inputs;
    this.#tick_ms = tick_ms;
    this.#smooth_ms = smooth_ms;
    this.#snap = snap;
    this.#angles = new Set(angles);
    this.#drawn = drawn;
    this.#same = same;
  }

  /** The state as it will be on the server when it has all inputs. Null before the first `reconcile`. */
  get state() {
    return this.#state;
  }

  /** Inputs that the server has not told of yet, oldest first, each with its number: what to send, again and again if packets get lost. */
  get unacknowledged() {
    return this.#inputs;
  }

  /** Does a tick: numbers the input, keeps it and steps. Null: too many wait for the server, and nothing was done. */
  apply(now, input) {
    if (this.#inputs.length >= this.#most) return null;
    // 32 bits on the wire, never 0.
    this.#number = this.#number === 0xffffffff ? 1 : this.#number + 1;
    this.#inputs.push({ number: this.#number, input });
    this.#intended = null;
    if (this.#state !== null) {
      this.#before = this.#state;
      this.#state = this.#step(this.#state, input);
      this.#steppedAt_ms = now;
    }
    this.#after.push(this.#state);
    return this.#number;
  }

  /**
   * What the next tick's input will be as things are now. From then on the step that it makes is drawn while its time goes by, before it is done, so
   * what the player does is seen at once and not a tick later. To be said again after each tick.
   */
  intend(now, input) {
    if (this.#state === null) return;
    const drawn = this.#intended === null ? null : this.shown(now);
    this.#intended = { input, state: this.#step(this.#state, input) };
    if (drawn !== null) this.#fade(now, drawn);
  }

  /**
   * The server's state and the number of the last input in it. On a stream that is `mirror.note.input` at every packet; where packets get lost, only at
   * those with a note of their own, `mirror.note.tick === mirror.tick`.
   */
  reconcile(now, state, lastInput) {
    const drawn = this.#state === null ? null : this.shown(now);
    const known = this.#inputs.findIndex(({ number }) => number === lastInput);
    this.#inputs.splice(0, known + 1);
    const [foreseen] = this.#after.splice(0, known + 1).slice(-1);
    if (foreseen && this.#same(foreseen, state)) return;
    this.#state = { ...state };
    this.#before = this.#state;
    this.#after = this.#inputs.map(({ input }) => {
      this.#before = this.#state;
      this.#state = this.#step(this.#state, input);
      return this.#state;
    });
    if (this.#intended !== null) this.#intended.state = this.#step(this.#state, this.#intended.input);
    if (drawn !== null) this.#fade(now, drawn);
  }

  /** What to draw at `now`: between the last two steps, or the last and the one to come, and what is left of the last mistake. */
  shown(now) {
    const part = this.#tick_ms > 0 ? Math.min(1, Math.max(0, (now - this.#steppedAt_ms) / this.#tick_ms)) : 1;
    const left = this.#left(now);
    const [before, after] = this.#intended === null ? [this.#before, this.#state] : [this.#state, this.#intended.state];
    const shown = {};
    for (const name of this.#drawn ?? Object.keys(after)) {
      const from = before[name];
      shown[name] = from + this.#way(name, from, after[name]) * part + (this.#offset[name] ?? 0) * left;
    }
    return shown;
  }

  // The part of the last mistake that is still drawn.
  #left(now) {
    return this.#fade_ms > 0 ? Math.min(1, Math.max(0, 1 - (now - this.#offsetAt_ms) / this.#fade_ms)) : 0;
  }

  // Draws on from where the picture was. What is new of the mistake takes its time; what was fading goes on doing so.
  #fade(now, drawn) {
    const left = this.#left(now);
    const old = this.#offset;
    this.#offset = {};
    const right = this.shown(now);
    const offset = {};
    let [fresh, all] = [0, 0];
    for (const name of Object.keys(right)) {
      offset[name] = this.#way(name, right[name], drawn[name]);
      if (!(Math.abs(offset[name]) <= this.#snap)) return;
      fresh += Math.abs(offset[name] - (old[name] ?? 0) * left);
      all += Math.abs(offset[name]);
    }
    const remaining_ms = left * this.#fade_ms;
    this.#fade_ms = remaining_ms + (this.#smooth_ms - remaining_ms) * Math.min(1, all > 0 ? fresh / all : 0);
    this.#offset = offset;
    this.#offsetAt_ms = now;
  }

  #way(name, from, to) {
    return this.#angles.has(name) ? shortTurn(to - from) : to - from;
  }
}

/** Inputs are to come so many ticks before the tick that they are meant for. */
export const AHEAD_LOW = 1;
export const AHEAD_HIGH = 3;
const AHEAD = (AHEAD_LOW + AHEAD_HIGH) / 2;
/** The client's ticks run faster or slower by this part at most ... */
export const BEND = 0.05;
/** ... and are numbered anew when that would take too long ... */
const JUMP_TICKS = 4;
/** ... and it has been so for this long: more than a round trip, so that what came of the last time is known. */
const JUMP_AFTER_MS = 1000;
/** Ticks that are made up for at once at most, when the page did not run. */
const CATCH_UP_TICKS = 8;

export class Pace {
  #tick_ms;
  #next = null; // the server's tick that the next input is meant for
  #ahead = null;
  #farSince_ms = null; // since when every note has been far off
  #at_ms = null;
  #owed = 0; // ticks that are due, with their fraction

  constructor(hz) {
    this.#tick_ms = 1000 / hz;
  }

  /** How fast the client's ticks run, 1 is the room's own pace. */
  get rate() {
    if (this.#ahead === null) return 1;
    return 1 + Math.max(-BEND, Math.min(BEND, ((AHEAD - this.#ahead) * BEND) / 2));
  }

  /** The server's tick that the next input is meant for; null before the first packet. */
  get next() {
    return this.#next === null ? null : this.#next >>> 0;
  }

  /** The mirror took a packet. */
  push(now, { tick, note }) {
    if (this.#next === null) this.#next = tick + AHEAD;
    if (note.tick === tick) this.#learn(now, note.ahead);
  }

  /** The ticks to do now, each as the server's tick that its input is meant for; usually one or none. None before the first packet. */
  due(now) {
    const passed_ms = this.#at_ms === null ? 0 : Math.max(0, now - this.#at_ms);
    this.#at_ms = now;
    const ticks = [];
    if (this.#next === null) return ticks;
    this.#owed += Math.min(CATCH_UP_TICKS, (passed_ms / this.#tick_ms) * this.rate);
    for (; this.#owed >= 1; this.#owed -= 1) {
      ticks.push(this.#next >>> 0);
      this.#next += 1;
    }
    return ticks;
  }

  #learn(now, ahead) {
    const off = AHEAD - ahead;
    this.#ahead = this.#ahead === null ? ahead : this.#ahead + (ahead - this.#ahead) * 0.2;
    if (Math.abs(off) <= JUMP_TICKS) {
      this.#farSince_ms = null;
    } else if (this.#farSince_ms === null) {
      this.#farSince_ms = now;
    } else if (now - this.#farSince_ms >= JUMP_AFTER_MS) {
      this.#next += off;
      this.#farSince_ms = null;
      this.#ahead = null;
    }
  }
}
