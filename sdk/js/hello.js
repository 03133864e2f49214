// The signed hello: the 72 bytes that a client says first on every connection (docs/protocol.md). Knows the bytes; time, nonce and
// secret are arguments.

import { hmacSha256 } from './sha256.js';

export const HELLO_BYTES = 72;
const MAGIC = [0x47, 0x4f, 0x53, 0x4c, 0x47, 0x00, 0x00, 0x00];
const SIGNED_BYTES = 40;

/**
 * Builds a hello: magic 8, time 8, nonce 16, app id 4, key id 2, flags 2, HMAC-SHA256 32; numbers are big endian. The time is XORed
 * with the first 8 bytes of the nonce.
 * `time_ms` is the server's Unix time in milliseconds, `nonce` 16 random bytes never used before, `secret` the key's bytes.
 */
export function signHello({ time_ms, nonce, app, key, flags = 0, secret }) {
  if (nonce.length !== 16) throw new RangeError('the nonce has 16 bytes');
  const hello = new Uint8Array(HELLO_BYTES);
  const view = new DataView(hello.buffer);
  hello.set(MAGIC);
  view.setBigUint64(8, BigInt(Math.round(Number(time_ms))));
  for (let i = 0; i < 8; i += 1) hello[8 + i] ^= nonce[i];
  hello.set(nonce, 16);
  view.setUint32(32, app);
  view.setUint16(36, key);
  view.setUint16(38, flags);
  hello.set(hmacSha256(secret, hello.subarray(0, SIGNED_BYTES)), SIGNED_BYTES);
  return hello;
}

/** Bytes of a string of hexadecimal digits. */
export function fromHex(hex) {
  if (hex.length % 2 !== 0 || /[^0-9a-f]/i.test(hex)) throw new RangeError('not hexadecimal bytes');
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
}

/** Hexadecimal digits of bytes. */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
