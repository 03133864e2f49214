// Bits of a packet: the first bit is the lowest of the first byte. Never reads beyond the end: it throws BAD_BITS, which is made once,
// because whoever sends rubbish must not make us build stack traces. Knows nothing of what the bits mean.

/** What `take` and `gamma` throw when the bits end, and what readers of bits throw when a number cannot be. */
export const BAD_BITS = Object.freeze(new Error('the bits of a packet end too early, or contradict each other'));

export class BitReader {
  #bytes = new Uint8Array(2048);
  #at = 0;
  #end = 0;

  /** Begins to read `bytes` from the byte `from` on. They are copied. */
  open(bytes, from) {
    const length = bytes.length - from;
    // Zeros behind the end, so that four bytes can be looked at anywhere.
    if (this.#bytes.length < length + 8) this.#bytes = new Uint8Array(length * 2 + 8);
    this.#bytes.set(from === 0 ? bytes : bytes.subarray(from));
    this.#bytes.fill(0, length, length + 8);
    this.#at = 0;
    this.#end = length * 8;
  }

  /** Bits that are left. */
  get left() {
    return this.#end - this.#at;
  }

  /** The next `length` bits, 0 to 24. */
  take(length) {
    const at = this.#at;
    const end = at + length;
    if (end > this.#end) throw BAD_BITS;
    this.#at = end;
    const bytes = this.#bytes;
    const first = at >>> 3;
    const four = bytes[first] | (bytes[first + 1] << 8) | (bytes[first + 2] << 16) | (bytes[first + 3] << 24);
    return (four >>> (at & 7)) & ((1 << length) - 1);
  }

  /** A number from 1 on in Elias' gamma code, of 32 bits at most. */
  gamma() {
    let more = 0;
    while (this.take(1) === 0) {
      more += 1;
      if (more > 31) throw BAD_BITS;
    }
    const low = this.take(Math.min(more, 16));
    const high = this.take(Math.max(more - 16, 0));
    return 2 ** more + low + high * 65536;
  }
}
