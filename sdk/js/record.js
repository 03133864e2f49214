// One entity in a packet: all its numbers, or how they differ from what is known. Owns the bits of both (docs/sync.md: All, Changes, Difference);
// knows nothing of which entities there are. Blocks are those of layout.js.

import { BAD_BITS } from './bits.js';
import { SPEED_PARTS, SPEED_ZERO } from './layout.js';

const AGE_BITS = 8;
/** Columns that differ, in the change that is being read: more than a kind can have. */
const differing = new Uint8Array(64);

/** Reads all numbers that a view gets into the block at `at`, whose numbers are 0. */
export function takeWhole(bits, layout, view, tick, numbers, at) {
  if (layout.since) numbers[at + 1 + layout.columns] = tick - bits.take(AGE_BITS);
  takeFull(bits, layout, view.enter, numbers, at + 1);
}

/** Reads what differs. The block has what is known and gets what is new. */
export function takeChanges(bits, layout, view, tick, numbers, at) {
  const first = at + 1;
  let masked = view.still;
  if (layout.since && bits.take(1) === 1) {
    masked = view.anchored;
    const now = (bits.take(1) === 1 ? tick - bits.take(AGE_BITS) : tick) | 0;
    foresee(layout, numbers, first, now);
  }
  const count = takeMask(bits, masked);
  for (let i = 0; i < count; i += 1) {
    const column = differing[i];
    numbers[first + column] = takeDifference(bits, layout, column, numbers[first + column]);
  }
  if (view.always.length > 0) takeFull(bits, layout, view.always, numbers, first);
}

function takeFull(bits, layout, columns, numbers, first) {
  for (let i = 0; i < columns.length; i += 1) {
    const column = columns[i];
    numbers[first + column] = bits.take(layout.bits[column]);
  }
}

// From where the client believed it to be, also when nothing more is said of it.
function foresee(layout, numbers, first, now) {
  const since = first + layout.columns;
  const age = (now - numbers[since]) >>> 0;
  numbers[since] = now;
  for (let i = 0; i < layout.anchors.length; i += 1) {
    const column = layout.anchors[i];
    const speed = numbers[first + column + 1] - SPEED_ZERO;
    const parts = numbers[first + column] * SPEED_PARTS + SPEED_PARTS / 2;
    // Whole numbers of 32 bits are fast; an age that needs more is no server's.
    const steps = age < 1024 ? (parts + Math.imul(speed, age)) >> 4 : Math.floor((parts + speed * age) / SPEED_PARTS);
    numbers[first + column] = Math.min((1 << layout.bits[column]) - 1, Math.max(0, steps));
  }
}

// A bit for each of these columns; up to 24 come at once.
function takeMask(bits, columns) {
  let count = 0;
  for (let from = 0; from < columns.length; from += 24) {
    let mask = bits.take(Math.min(24, columns.length - from));
    while (mask !== 0) {
      const lowest = 31 - Math.clz32(mask & -mask);
      differing[count] = columns[from + lowest];
      count += 1;
      mask &= mask - 1;
    }
  }
  return count;
}

function takeDifference(bits, layout, column, known) {
  const whole = layout.bits[column];
  let short = layout.small[column];
  if (short === 0) return bits.take(whole);
  if (bits.take(1) === 1) {
    short = layout.medium[column];
    if (short === 0 || bits.take(1) === 1) return bits.take(whole);
  }
  const folded = bits.take(short) + 1;
  const value = known + ((folded >> 1) ^ -(folded & 1));
  const most = (1 << whole) - 1;
  if (layout.wraps[column] === 1) return value & most;
  if (value < 0 || value > most) throw BAD_BITS;
  return value;
}
