import type { Note } from './sync.js';

export interface PredictorOptions<S, I> {
  /** The game's rule, the same as the server's; changes neither. */
  step: (state: S, input: I) => S;
  /** Inputs that are kept at most; 128 when nothing is said. */
  inputs?: number;
  /** How long a step takes on the screen; 0: it is drawn at once. */
  tick_ms?: number;
  /** How long a mistake takes to go away; 100 when nothing is said. */
  smooth_ms?: number;
  /** A mistake larger than this, in any number, is set right at once. */
  snap?: number;
  /** Numbers that go round, in radians. */
  angles?: readonly (keyof S)[];
  /** Numbers that are drawn; all when nothing is said. */
  drawn?: readonly (keyof S)[];
  /** Whether what the server told is what was foreseen, as far as its numbers are exact. */
  same?: (foreseen: S, told: S) => boolean;
}

/** The player's own entity, without waiting for the server. `now` in milliseconds. */
export class Predictor<S extends object, I> {
  constructor(options: PredictorOptions<S, I>);
  /** Does a tick with an input and gives its number; null: too many wait for the server, and nothing was done. */
  apply(now: number, input: I): number | null;
  /** What the next tick's input will be as things are: its step is drawn while its time goes by. To be said again after each tick. */
  intend(now: number, input: I): void;
  /** What the server says: the state, and the number of the last input in it. */
  reconcile(now: number, state: S, lastInput: number): void;
  /** What to draw. Only after the first `reconcile`. */
  shown(now: number): { [name in keyof S]: number };
  readonly state: S | null;
  readonly unacknowledged: readonly { readonly number: number; readonly input: I }[];
}

/** Says when to do a tick, so that inputs come one to three ticks before the tick that they are meant for. */
export class Pace {
  constructor(hz: number);
  /** The mirror took a packet. */
  push(now: number, mirror: { readonly tick: number | null; readonly note: Note }): void;
  /** The ticks to do now, each as the server's tick that its input is meant for; usually one or none. */
  due(now: number): number[];
  readonly rate: number;
  /** The server's tick that the next input is meant for; null before the first packet. */
  readonly next: number | null;
}
