// Repeatable randomness for scenery: a small generator and smooth noise, both from a seed. Knows nothing of what grows from it.

/** Numbers from 0 to 1 (mulberry32 by Tommy Ettinger, public domain). */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SIDE = 256;

/** Smooth noise from -1 to 1 over the plane, about one bump each unit; it repeats after 256 units. */
export function smoothNoise(seed) {
  const random = generator(seed);
  const values = Float32Array.from({ length: SIDE * SIDE }, () => random() * 2 - 1);
  const value = (x, y) => values[(y & (SIDE - 1)) * SIDE + (x & (SIDE - 1))];
  return (x, y) => {
    const left = Math.floor(x);
    const top = Math.floor(y);
    const u = ease(x - left);
    const v = ease(y - top);
    const upper = value(left, top) + (value(left + 1, top) - value(left, top)) * u;
    const lower = value(left, top + 1) + (value(left + 1, top + 1) - value(left, top + 1)) * u;
    return upper + (lower - upper) * v;
  };
}

/** Noise in several sizes at once: each octave is twice as fine and half as strong. About -1 to 1. */
export function fractalNoise(noise, x, y, octaves) {
  let sum = 0;
  let strength = 0.5;
  let at = 1;
  for (let i = 0; i < octaves; i += 1) {
    sum += noise(x * at + i * 17.3, y * at - i * 9.1) * strength;
    strength *= 0.5;
    at *= 2;
  }
  return sum;
}

/** 0 below `from`, 1 above `to`, smooth between. */
export function smoothStep(from, to, x) {
  return ease(Math.max(0, Math.min(1, (x - from) / (to - from))));
}

function ease(t) {
  return t * t * (3 - 2 * t);
}
