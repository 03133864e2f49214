// What a client knows of a room's entities: reads the packets of docs/sync.md, whatever they hold; each is taken whole or not at all. Owns slots,
// numbers and what is acknowledged; knows nothing of how packets travel and of what is made of the entities.

import { BAD_BITS, BitReader } from './bits.js';
import { Layout, Place } from './layout.js';
import { END, readHead, takeStep } from './packet.js';
import { takeChanges, takeWhole } from './record.js';

const SLOT_BITS_MAX = 14;
const ROW_BITS_MAX = 21;
/** Older numbers that are kept of an entity when packets may be lost. */
const HISTORY = 64;
/** Ticks go round: those that are less than this behind are before. */
const HALF = 0x7fffffff;
/** No block. */
const NONE = -1;

const SENTENCES = {
  malformed: 'the packet is malformed: ask for the state anew',
  schema: 'the server has another schema: generate the client\'s anew',
  state: 'the packet belongs to a state that this client does not have: ask for it anew',
};

/** A packet that was not taken; nothing was changed. `reason` is `malformed`, `schema` or `state`. */
export class MirrorError extends Error {
  constructor(reason) {
    super(SENTENCES[reason]);
    this.reason = reason;
  }
}

export class Mirror {
  /** All entities in sight, by id. */
  entities = new Map();
  /** What the last packet did; the lists are used again by the next. An entity is in one of them at most. */
  entered = [];
  changed = [];
  left = [];
  /** What the server said last of this client's inputs: number of the last one in the state of `tick`, and by how many ticks they come early. */
  note = { input: 0, ahead: 0, tick: null };

  #hash;
  #layouts;
  #stride;
  #bits = new BitReader();
  #clock = { tick: 0 };
  #started = false;
  #epoch = null;
  #lossy = false;
  #received = 0n;
  #slots = []; // { id, kind, view, place, entity, blocks } or null
  #byId = new Map();
  #taken = 0;

  // Blocks of all entities, one beside the other, and those that are free.
  #numbers;
  #blocks = 0;
  #free = [];

  // What the packet that is being read is about to change: slots; slot, id, kind, view and block; slot and block.
  #leaves = [];
  #newcomers = [];
  #changes = [];

  /** `schema` is what `hillfort schema js` wrote. */
  constructor(schema) {
    this.#hash = schema.hash;
    this.#layouts = schema.kinds.map((kind) => new Layout(kind));
    this.#stride = Math.max(...this.#layouts.map((layout) => layout.columns + Number(layout.since))) + 1;
    this.#numbers = new Int32Array(this.#stride * 64);
  }

  /** Tick of the newest packet, or null. */
  get tick() {
    return this.#started ? this.#clock.tick : null;
  }

  /** What to acknowledge: { tick, received }, 64 bits as a BigInt. Null: nothing came yet, or nothing gets lost here. */
  ack() {
    return this.#started && this.#lossy ? { tick: this.#clock.tick, received: this.#received } : null;
  }

  /** Takes a packet. False: it is not newer than the last one, and says nothing. Throws MirrorError. */
  take(bytes) {
    const head = readHead(bytes);
    if (head === null) throw new MirrorError('malformed');
    if (head.hash !== null && head.hash !== this.#hash) throw new MirrorError('schema');
    // On a stream each reset comes once, and whatever was known before, of this room or another, is over.
    const anew = head.hash !== null && (!head.lossy || head.epoch !== this.#epoch);
    const begins = anew && !head.lossy;
    const passed = this.#started ? (head.tick - this.#clock.tick) >>> 0 : null;
    if (!begins && (passed === 0 || passed > HALF)) return false;
    if (!anew && passed === null) throw new MirrorError('state');
    try {
      this.#bits.open(bytes, head.length);
      this.#read(head, anew ? [] : this.#slots);
    } catch (error) {
      this.#unstage();
      throw error === BAD_BITS ? new MirrorError('malformed') : error;
    }
    if (anew) {
      this.#epoch = head.epoch;
      this.#received = 0n;
    } else {
      this.#received = passed > 64 ? 0n : BigInt.asUintN(64, ((this.#received << 1n) | 1n) << BigInt(passed - 1));
    }
    this.#started = true;
    this.#lossy = head.lossy;
    if (head.note !== null) this.note = head.note;
    this.#apply(head, anew);
    return true;
  }

  #read(head, known) {
    const bits = this.#bits;
    const slotBits = bits.take(5);
    const rowBits = bits.take(5);
    if (slotBits < 1 || slotBits > SLOT_BITS_MAX || rowBits < 1 || rowBits > ROW_BITS_MAX) throw BAD_BITS;
    // Each takes bits of the packet, so that no count is longer than the packet is.
    for (let count = bits.gamma(); count > 1; count -= 1) this.#leaves.push(bits.take(slotBits));
    for (let count = bits.gamma(); count > 1; count -= 1) this.#readNewcomer(bits, slotBits, rowBits, head.tick);
    for (let slot = takeStep(bits, -1, slotBits); slot !== END; slot = takeStep(bits, slot, slotBits)) {
      const held = known[slot];
      const base = held ? baseOf(held, head, this.#numbers) : NONE;
      if (base === NONE) throw BAD_BITS;
      const block = this.#allocate();
      const numbers = this.#numbers;
      for (let i = 0; i < this.#stride; i += 1) numbers[block + i] = numbers[base + i];
      numbers[block] = head.tick;
      this.#changes.push(slot, block);
      const layout = this.#layouts[held.kind];
      takeChanges(bits, layout, layout.views[held.view], head.tick, numbers, block);
    }
    if (bits.left >= 8) throw BAD_BITS;
  }

  #readNewcomer(bits, slotBits, rowBits, tick) {
    const slot = bits.take(slotBits);
    const row = bits.take(rowBits);
    const id = (row | (bits.take(12) << 20)) >>> 0;
    const kind = bits.take(4);
    const view = bits.take(4);
    const layout = this.#layouts[kind];
    if (layout === undefined || view >= layout.views.length) throw BAD_BITS;
    const block = this.#allocate();
    this.#numbers.fill(0, block, block + this.#stride);
    this.#numbers[block] = tick;
    this.#newcomers.push(slot, id, kind, view, block);
    takeWhole(bits, layout, layout.views[view], tick, this.#numbers, block);
  }

  #unstage() {
    for (let i = 4; i < this.#newcomers.length; i += 5) this.#free.push(this.#newcomers[i]);
    for (let i = 1; i < this.#changes.length; i += 2) this.#free.push(this.#changes[i]);
    this.#clear();
  }

  #clear() {
    this.#leaves.length = 0;
    this.#newcomers.length = 0;
    this.#changes.length = 0;
  }

  #apply(head, anew) {
    this.#taken += 1;
    this.#clock.tick = head.tick;
    this.entered.length = 0;
    this.changed.length = 0;
    this.left.length = 0;
    const gone = anew ? this.#slots.filter((held) => held) : [];
    if (anew) this.#slots = [];
    for (let i = 0; i < this.#changes.length; i += 2) {
      const held = this.#slots[this.#changes[i]];
      this.#renew(held, this.#changes[i + 1], head);
      this.#mark(held);
    }
    for (const slot of this.#leaves) {
      if (this.#slots[slot]) gone.push(this.#slots[slot]);
      if (slot < this.#slots.length) this.#slots[slot] = null;
    }
    for (let i = 0; i < this.#newcomers.length; i += 5) this.#enter(i, head, gone);
    for (const held of gone) this.#leave(held);
    this.#clear();
  }

  #enter(i, head, gone) {
    const [slot, id, kind, view, block] = this.#newcomers.slice(i, i + 5);
    while (this.#slots.length <= slot) this.#slots.push(null);
    const old = this.#slots[slot];
    const same = this.#byId.get(id);
    let held = old;
    if (old === null || old.id !== id || old.view !== view || old.kind !== kind) {
      if (old !== null) gone.push(old);
      const place = same?.kind === kind ? same.place : new Place(this.#clock);
      const entity = same?.kind === kind ? same.entity : new this.#layouts[kind].Entity(id, place);
      // The entity is the one that the game knows, seen in another way or from another slot.
      if (same?.kind === kind) same.place = new Place(this.#clock);
      held = { id, kind, view, place, entity, blocks: [], stamp: same?.kind === kind ? same.stamp : 0 };
      place.gets = this.#layouts[kind].views[view].gets;
      this.#slots[slot] = held;
      this.#byId.set(id, held);
    }
    this.#renew(held, block, head);
    if (this.entities.get(id) === held.entity) this.#mark(held);
    else this.#welcome(held, same);
  }

  #welcome(held, same) {
    if (same !== undefined) this.#part(same);
    held.stamp = this.#taken;
    this.entities.set(held.id, held.entity);
    this.entered.push(held.entity);
  }

  #mark(held) {
    if (held.stamp !== this.#taken) this.changed.push(held.entity);
    held.stamp = this.#taken;
  }

  // An entity has new numbers, and needs some of its old ones no more.
  #renew(held, block, head) {
    const { blocks, place } = held;
    blocks.push(block);
    place.at = block;
    place.numbers = this.#numbers;
    const last = blocks.length - 1;
    let keep = head.lossy ? 0 : last;
    if (head.lossy && head.base !== null) {
      keep = last;
      while (keep > 0 && !isThen(this.#numbers[blocks[keep]], head.base)) keep -= 1;
    }
    keep = Math.max(keep, last - HISTORY);
    if (keep === 0) return;
    for (let i = 0; i < keep; i += 1) this.#free.push(blocks[i]);
    for (let i = keep; i <= last; i += 1) blocks[i - keep] = blocks[i];
    blocks.length -= keep;
  }

  #leave(held) {
    if (this.#byId.get(held.id) === held) {
      this.#byId.delete(held.id);
      this.entities.delete(held.id);
      this.#part(held);
    }
    for (const block of held.blocks) this.#free.push(block);
  }

  // Whoever holds on to the entity reads its last numbers from now on.
  #part({ entity, place }) {
    place.numbers = this.#numbers.slice(place.at, place.at + this.#stride);
    place.at = 0;
    place.clock = { tick: this.#clock.tick };
    this.left.push(entity);
  }

  #allocate() {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const block = this.#blocks * this.#stride;
    this.#blocks += 1;
    if (block + this.#stride > this.#numbers.length) {
      const numbers = new Int32Array(this.#numbers.length * 2);
      numbers.set(this.#numbers);
      this.#numbers = numbers;
      for (const held of this.#slots) if (held) held.place.numbers = numbers;
    }
    return block;
  }
}

// The block that a change is from: the newest, or the newest that was there at the packet's base.
function baseOf({ blocks }, { lossy, base }, numbers) {
  if (!lossy) return blocks[blocks.length - 1];
  if (base === null) return NONE;
  for (let i = blocks.length - 1; i >= 0; i -= 1) if (isThen(numbers[blocks[i]], base)) return blocks[i];
  return NONE;
}

// Whether what came at `tick` was there at `base`.
function isThen(tick, base) {
  return (base - tick) >>> 0 < HALF;
}
