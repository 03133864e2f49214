// The bytes of Hilltop's events and orders (games/hilltop/FORMAT.md) as plain objects, and back. Knows nothing of how they travel or how they look.

export const SQUADS_PER_PLAYER = 3;
export const SQUADS_MAX = 48;
export const NO_SQUAD = 255;
export const NOBODY = 255;
/** Positions are in 1/256 unit. */
export const UNIT = 256;

export const AMBER = 0;
export const TEAL = 1;

export const PHASE_PLAY = 0;
export const PHASE_INTERMISSION = 1;

const OP_MAP = 1;
const OP_ROSTER = 2;
const OP_HILL = 3;
const OP_DOWN = 4;
const OP_ROUND = 5;

const OP_MOVE = 1;
const OP_STOP = 2;
const OP_BEAT = 3;

/** The bytes are not what FORMAT.md says. */
export class FormatError extends Error {}

/** An event as { kind, … }; null for an op that this version does not know. */
export function readEvent(op, data) {
  const in_ = new Bytes(data);
  const event = READERS[op]?.(in_) ?? null;
  if (event !== null) in_.end();
  return event;
}

const READERS = {
  [OP_MAP]: (in_) => {
    const event = { kind: 'map', slot: in_.u8(), width: in_.u16(), height: in_.u16(), seed: in_.u32(), hills: [], bases: [] };
    in_.times(() => event.hills.push({ x: in_.u16() / UNIT, y: in_.u16() / UNIT, radius: in_.u8(), name: in_.text() }));
    for (let team = 0; team < 2; team += 1) event.bases.push({ x: in_.u16() / UNIT, y: in_.u16() / UNIT });
    return event;
  },
  [OP_ROSTER]: (in_) => {
    const players = [];
    in_.times(() => players.push({ slot: in_.u8(), team: in_.u8(), name: in_.text() }));
    return { kind: 'roster', players };
  },
  [OP_HILL]: (in_) => ({ kind: 'hill', hill: in_.u8(), holder: in_.u8() }),
  [OP_DOWN]: (in_) => ({ kind: 'down', squad: in_.u8(), by: in_.u8() }),
  [OP_ROUND]: (in_) => ({ kind: 'round', winner: in_.u8(), points: [in_.u16(), in_.u16()] }),
};

/** The order to move the squads of `mask` (bits 0–2) to a place in units, with its number and tick: { op, data } of an input. */
export function moveOrder(mask, x, y, ticket) {
  const { data, view } = numbered(5, ticket);
  data[0] = mask;
  view.setUint16(1, toPosition(x), true);
  view.setUint16(3, toPosition(y), true);
  return { op: OP_MOVE, data };
}

/** The order to stop. */
export function stopOrder(mask, ticket) {
  const { data } = numbered(1, ticket);
  data[0] = mask;
  return { op: OP_STOP, data };
}

/** No order, only a number and a tick. */
export function beat(ticket) {
  return { op: OP_BEAT, data: numbered(0, ticket).data };
}

function numbered(bytes, { number, tick }) {
  const data = new Uint8Array(bytes + 8);
  const view = new DataView(data.buffer);
  view.setUint32(bytes, number, true);
  view.setUint32(bytes + 4, tick, true);
  return { data, view };
}

/** Slot of the player whose squad this is. */
export const slotOf = (squad) => Math.floor(squad / SQUADS_PER_PLAYER);

function toPosition(units) {
  return Math.max(0, Math.min(0xffff, Math.round(units * UNIT)));
}

class Bytes {
  #view;
  #at = 0;

  constructor(data) {
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  u8() {
    return this.#view.getUint8(this.#take(1));
  }

  u16() {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32() {
    return this.#view.getUint32(this.#take(4), true);
  }

  text() {
    const length = this.u8();
    const at = this.#take(length);
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length));
  }

  /** Reads a count and calls `read` as many times. */
  times(read) {
    for (let left = this.u8(); left > 0; left -= 1) read();
  }

  end() {
    if (this.#at !== this.#view.byteLength) throw new FormatError(`${this.#view.byteLength - this.#at} bytes too many`);
  }

  #take(count) {
    const at = this.#at;
    if (at + count > this.#view.byteLength) throw new FormatError('ends too early');
    this.#at = at + count;
    return at;
  }
}
