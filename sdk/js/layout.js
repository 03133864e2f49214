// A schema's tables made ready: for each kind and view the columns to read, as flat lists; and a class of entities for each kind, whose fields
// are worked out when they are read. Knows nothing of packets and of bits.

/** A speed is counted in parts of a step a tick ... */
export const SPEED_PARTS = 16;
/** ... from this number on. */
export const SPEED_ZERO = 2048;

/** Where an entity's numbers are: a block of `numbers` that begins at `at`. A block is a tick, the columns, and the tick of the anchors;
 * ticks are signed there. */
export class Place {
  numbers = null;
  at = 0;
  gets = null; // by column, 1: this client gets it
  clock; // { tick }: the newest packet's

  constructor(clock) {
    this.clock = clock;
  }
}

/** One kind, ready for decoding. */
export class Layout {
  constructor(kind) {
    const columns = kind.columns;
    const by = (name) => Uint8Array.from(columns, (column) => Number(column[name]));
    const list = (wanted) => Uint8Array.from([...columns.keys()].filter(wanted));
    const isPlain = (at) => columns[at].role === 'plain';
    this.bits = by('bits');
    this.small = by('small');
    this.medium = by('medium');
    this.wraps = by('wraps');
    this.columns = columns.length;
    /** Whether the last number of a block is the tick at which the anchors were right. */
    this.since = kind.since;
    this.anchors = list((at) => columns[at].role === 'anchor');
    this.views = kind.enter.map((enter, view) => {
      const always = kind.always[view];
      const update = kind.update[view].filter((at) => !always.includes(at));
      return {
        gets: Uint8Array.from(columns, (_, at) => Number(enter.includes(at))),
        enter: Uint8Array.from(enter),
        always: Uint8Array.from(always),
        /** Columns that have a bit each, with new anchors and without. */
        anchored: Uint8Array.from(update),
        still: Uint8Array.from(update.filter(isPlain)),
      };
    });
    const fields = kind.fields.map((field, at) => readable(field, columns.findIndex((column) => column.field === at), columns.length));
    this.Entity = Entity.of(kind.name, fields);
  }
}

// How a field's value comes from its column's number.
function readable(field, column, columns) {
  const { name, type, extrapolated: moves } = field;
  const { min, max, step } = {
    fixed: field,
    angle: { min: 0, max: 2 * Math.PI, step: (2 * Math.PI) / 2 ** (field.bits ?? 0) },
    int: { min: field.min, max: field.max, step: 1 },
    bool: { min: 0, max: 1, step: 1 },
  }[type];
  return { name, column, columns, moves, min, max, step };
}

/** What all entities have. */
export class Entity {
  #id;
  #place;

  constructor(id, place) {
    this.#id = id;
    this.#place = place;
  }

  /** The server's number of it: differs from those of all others, also of those that are gone. */
  get id() {
    return this.#id;
  }

  /** A field at a tick, which need not be whole, for fields that move by themselves; all others stay as they are. */
  valueAt(name, tick) {
    const field = this.constructor.fields.get(name);
    if (field === undefined || !field.moves) return field && this[name];
    return moved(field, this.#place, tick);
  }

  /** A plain copy; fields that this client does not get are left out. */
  toJSON() {
    const copy = { id: this.#id, kind: this.kind };
    for (const name of this.constructor.fields.keys()) if (this[name] !== undefined) copy[name] = this[name];
    return copy;
  }

  /** A class with a property for each field. Each has its own few instructions, with numbers that do not change. */
  static of(name, fields) {
    const made = class extends Entity {};
    made.fields = new Map(fields.map((field) => [field.name, field]));
    Object.defineProperty(made.prototype, 'kind', { value: name });
    for (const field of fields) {
      const { column, min, step } = field;
      const plain = function () {
        const place = this.#place;
        return place.gets[column] === 1 ? Math.fround(min + place.numbers[place.at + 1 + column] * step) : undefined;
      };
      const moving = function () {
        return moved(field, this.#place, this.#place.clock.tick);
      };
      Object.defineProperty(made.prototype, field.name, { get: field.moves ? moving : plain });
    }
    return made;
  }
}

function moved({ column, columns, min, max, step }, place, tick) {
  if (place.gets[column] !== 1) return undefined;
  const { numbers, at } = place;
  const whole = Math.floor(tick);
  const age = ((whole - numbers[at + 1 + columns]) | 0) + (tick - whole);
  const parts = numbers[at + 1 + column] * SPEED_PARTS + (numbers[at + 2 + column] - SPEED_ZERO) * age;
  return Math.fround(Math.min(max, Math.max(min, min + (parts / SPEED_PARTS) * step)));
}
