// Work that a server under attack asks for before it lets a player in (docs/protocol.md, Work): a number is searched by trying. Knows
// nothing of connections; whoever calls decides how much is tried at once, so that the page goes on answering.

import { mixBlock, resetState } from './sha256.js';

/** More bits than this no server may ask for. */
export const WORK_BITS_MAX = 24;
/** Bytes of a salt. */
export const WORK_SALT_BYTES = 16;
/** Tries in one go: some 3 ms, on a slow phone less than a frame. */
export const SLICE_TRIES = 2048;

/**
 * Tries the numbers from `from` on, at most `tries` of them. Returns the first whose SHA-256 after `salt` (16 bytes) begins with `bits`
 * zero bits, or null. Numbers are whole and below 2^53.
 */
export function solve(salt, bits, from, tries) {
  const view = new DataView(salt.buffer, salt.byteOffset, WORK_SALT_BYTES);
  const state = new Uint32Array(8);
  // One block: salt, number, the bit that ends the text, and its length in bits.
  const w = new Uint32Array(64);
  for (let i = 0; i < 4; i += 1) w[i] = view.getUint32(i * 4);
  w[6] = 0x80000000;
  w[15] = (WORK_SALT_BYTES + 8) * 8;
  for (let number = from; number < from + tries; number += 1) {
    w[4] = Math.floor(number / 2 ** 32);
    w[5] = number;
    resetState(state);
    mixBlock(state, w);
    if (Math.clz32(state[0]) >= bits) return number;
  }
  return null;
}
