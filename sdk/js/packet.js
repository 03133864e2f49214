// The frame of a packet: its first bytes, and how slots are written (docs/sync.md: Packet, Step). Knows nothing of what entities are.

import { BAD_BITS } from './bits.js';

const VERSION = 1;
const BASE = 1;
const RESET = 2;
const NOTE = 4;
const LOSSY = 8;

/** After the last change. */
export const END = -1;

/**
 * The first bytes: { tick, hash, epoch, note, base, lossy }; hash, note and base are null when they are not there, and `length` is where the bits
 * begin. Null: malformed.
 */
export function readHead(bytes) {
  const flags = bytes[0];
  const isLossy = (flags & LOSSY) !== 0;
  const length = 5 + (flags & RESET ? 9 : 0) + (flags & NOTE ? 5 : 0) + (flags & BASE ? 1 : 0);
  if (bytes.length < length || flags >> 4 !== VERSION || (flags & BASE && !isLossy)) return null;
  const head = { tick: word(bytes, 1), hash: null, epoch: 0, note: null, base: null, lossy: isLossy, length };
  let at = 5;
  if (flags & RESET) {
    const hex = (from) => word(bytes, from).toString(16).padStart(8, '0');
    head.hash = hex(at + 4) + hex(at);
    head.epoch = bytes[at + 8];
    at += 9;
  }
  if (flags & NOTE) {
    head.note = { input: word(bytes, at), ahead: (bytes[at + 4] << 24) >> 24, tick: head.tick };
    at += 5;
  }
  if (flags & BASE) head.base = (head.tick - bytes[at]) >>> 0;
  return head;
}

function word(bytes, at) {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** The slot of the next change, or END. Slots go up. */
export function takeStep(bits, before, slotBits) {
  if (bits.take(1) === 1) return before + 1;
  if (bits.take(1) === 1) return before + 2 + bits.take(3);
  const slot = bits.take(slotBits);
  if (slot === 0) return END;
  if (slot <= before) throw BAD_BITS;
  return slot;
}
