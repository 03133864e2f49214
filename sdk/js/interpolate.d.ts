import type { Mirror, Schema } from './sync.js';

export interface InterpolationOptions {
  /** Ticks a second of the room. */
  hz: number;
  /** When packets stay away, everybody goes on for so many ticks, then stands; 4 when nothing is said. */
  beyond?: number;
  /** Whoever goes farther than this between two packets was put there. */
  snap?: number;
}

export class Interpolation<E extends object> {
  constructor(schema: Schema<E>, options: InterpolationOptions);
  /** The mirror took a packet. `now` in milliseconds, here and below. */
  push(now: number, mirror: Mirror<E>): void;
  /** The tick to draw, not a whole one; null before the first packet. */
  show(now: number): number | null;
  /** Puts the fields of type `fixed` and `angle`, as they are at the tick of `show`, into `out`. */
  read<T extends object = Record<string, number>>(entity: E, out?: T): T;
  readonly delay_ms: number;
}

/** The same turn between -π and π. */
export function shortTurn(angle: number): number;
