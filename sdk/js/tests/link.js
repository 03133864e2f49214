// A line that loses packets and lets them overtake each other, in virtual time, and dice. Knows nothing of what packets mean.

/** Whole numbers below `below`, from a seed: SplitMix32. */
export function dice(seed) {
  return (below) => {
    seed = (seed + 0x9e3779b9) | 0;
    let z = seed ^ (seed >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) % below;
  };
}

export class Link {
  #roll;
  #loss;
  #delay_ms;
  #jitter_ms;
  #onTheWay = [];

  /** `loss` in percent; each packet takes `delay_ms`, up to `jitter_ms` less or more. */
  constructor(roll, { loss = 5, delay_ms = 100, jitter_ms = 30 } = {}) {
    this.#roll = roll;
    this.#loss = loss;
    this.#delay_ms = delay_ms;
    this.#jitter_ms = jitter_ms;
  }

  send(now, packet) {
    if (this.#roll(100) < this.#loss) return;
    const at = now + this.#delay_ms - this.#jitter_ms + this.#roll(2 * this.#jitter_ms + 1);
    this.#onTheWay.push({ at, packet });
  }

  /** What arrives until `now`, in the order of arrival. */
  *arrived(now) {
    const due = this.#onTheWay.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    if (due.length > 0) this.#onTheWay = this.#onTheWay.filter(({ at }) => at > now);
    for (const { packet } of due) yield packet;
  }
}
