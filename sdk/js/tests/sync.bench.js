// What a change costs the mirror: `node sdk/js/tests/sync.bench.js`. 1,000 entities change in each packet, as they do in a battle seen from above.

import { Mirror } from '../sync.js';
import { schema } from './siege.schema.js';

const ENTITIES = 1000;
const PACKETS = 400;
const FAR = 6; // the view of a stranger far away

class Writer {
  #bits = [];

  put(number, length) {
    for (let i = 0; i < length; i += 1) this.#bits.push(Math.floor(number / 2 ** i) % 2);
    return this;
  }

  gamma(number) {
    const more = 31 - Math.clz32(number);
    return this.put(0, more).put(1, 1).put(number, more);
  }

  finish(head) {
    const bytes = new Uint8Array(head.length + Math.ceil(this.#bits.length / 8));
    bytes.set(head);
    this.#bits.forEach((bit, at) => (bytes[head.length + (at >> 3)] |= bit << (at & 7)));
    return bytes;
  }
}

const word = (number) => [number & 255, (number >> 8) & 255, (number >> 16) & 255, number >>> 24];

function first(kind, isLossy) {
  const { columns, enter, since } = schema.kinds[kind];
  const hash = schema.hash.match(/../g).reverse().map((two) => parseInt(two, 16));
  const bits = new Writer().put(10, 5).put(11, 5).gamma(1).gamma(ENTITIES + 1);
  for (let slot = 0; slot < ENTITIES; slot += 1) {
    bits.put(slot, 10).put(slot, 11).put(1, 12).put(kind, 4).put(FAR, 4);
    if (since) bits.put(0, 8);
    for (const at of enter[FAR]) bits.put(2 ** (columns[at].bits - 1), columns[at].bits);
  }
  return bits.put(0, 12).finish([0x12 | (isLossy ? 8 : 0), ...word(1), ...hash, 1]);
}

// Two columns go one up or down; of squads they are new anchors.
function later(kind, isLossy, tick) {
  const bits = new Writer().put(10, 5).put(11, 5).gamma(1).gamma(1);
  const turn = tick % 2;
  for (let slot = 0; slot < ENTITIES; slot += 1) {
    bits.put(1, 1);
    if (kind === 0) bits.put(0b01, 2).put(0b101, 6).put(turn << 1, 7).put(turn << 1, 7);
    else bits.put(0b011, 3).put(turn << 1, 7).put(turn << 1, 7);
  }
  return bits.put(0, 12).finish([isLossy ? 0x19 : 0x10, ...word(tick), ...(isLossy ? [Math.min(2, tick - 1)] : [])]);
}

function measure(kind, isLossy) {
  const packets = Array.from({ length: PACKETS }, (_, at) => (at === 0 ? first(kind, isLossy) : later(kind, isLossy, at + 1)));
  let best = Infinity;
  for (let round = 0; round < 8; round += 1) {
    const mirror = new Mirror(schema);
    mirror.take(packets[0]);
    for (let at = 1; at < PACKETS; at += 1) {
      const from = process.hrtime.bigint();
      mirror.take(packets[at]);
      best = Math.min(best, Number(process.hrtime.bigint() - from) / ENTITIES);
    }
    if (mirror.changed.length !== ENTITIES) throw new Error('not all changed');
  }
  return best;
}

function read(kind) {
  const mirror = new Mirror(schema);
  mirror.take(first(kind, false));
  const entities = [...mirror.entities.values()];
  let [best, sum] = [Infinity, 0];
  for (let round = 0; round < 2000; round += 1) {
    const from = process.hrtime.bigint();
    for (const entity of entities) sum += entity.x + entity.y;
    best = Math.min(best, Number(process.hrtime.bigint() - from) / ENTITIES / 2);
  }
  return [best, sum][0];
}

for (const [kind, { name }] of schema.kinds.slice(0, 2).entries()) {
  const [stream, lossy, field] = [measure(kind, false), measure(kind, true), read(kind)].map((ns) => ns.toFixed(0));
  console.log(`${name}: ${stream} ns a change on a stream, ${lossy} ns with datagrams; ${field} ns to read a field`);
}
