// Protobuf for exactly the messages of crates/hillfort-proto/schema/session.proto; the tests compare the tables below with that file.
// Owns bytes and fields; knows nothing of when a message is allowed.
//
// A message is { seq, ack, kind, body }: `kind` is the name of the field of the oneof, `body` its fields. uint64 are numbers (up to
// 2^53 - 1, an error beyond), fixed64 are BigInts, because ids use all 64 bits. Fields that are not there have their default.

/** Fields of each message: name → [number, type]; lists of messages have a third part, 'repeated'. Messages of a oneof stand under `oneof`. */
export const SCHEMA = {
  ClientMessage: {
    fields: { seq: [1, 'uint64'], ack: [2, 'uint64'] },
    oneof: {
      login: [3, 'Login'], resume: [4, 'Resume'], join: [5, 'Join'], leave: [6, 'Leave'], input: [7, 'Input'],
      ping: [8, 'Ping'], pong: [9, 'Pong'], only_ack: [10, 'Ack'], bye: [11, 'Bye'], work: [12, 'Work'],
      list: [13, 'List'], resync: [14, 'Resync'], ticket: [15, 'Ticket'],
    },
  },
  ServerMessage: {
    fields: { seq: [1, 'uint64'], ack: [2, 'uint64'] },
    oneof: {
      welcome: [3, 'Welcome'], joined: [4, 'Joined'], left: [5, 'Left'], event: [6, 'RoomEvent'], state: [7, 'RoomState'],
      ping: [8, 'Ping'], pong: [9, 'Pong'], only_ack: [10, 'Ack'], refused: [11, 'Refused'], close: [12, 'Close'],
      challenge: [13, 'Challenge'], rooms: [14, 'Rooms'], scene: [15, 'RoomScene'], ticket: [16, 'Ticket'],
    },
  },
  Login: { fields: { name: [1, 'string'] } },
  Resume: { fields: { session: [1, 'fixed64'], token: [2, 'bytes'], received: [3, 'uint64'] } },
  Join: { fields: { game: [1, 'string'], room: [2, 'fixed64'], name: [3, 'string'], params: [4, 'bytes'] } },
  Leave: { fields: {} },
  Input: { fields: { op: [1, 'uint32'], data: [2, 'bytes'] } },
  Ping: { fields: { echo: [1, 'fixed64'], pad: [2, 'bytes'] } },
  Pong: { fields: { echo: [1, 'fixed64'], pad: [2, 'bytes'] } },
  Ack: { fields: {} },
  Bye: { fields: {} },
  Work: { fields: { nonce: [1, 'fixed64'] } },
  Ticket: { fields: { ticket: [1, 'bytes'] } },
  Resync: { fields: {} },
  List: { fields: { ask: [1, 'uint32'], game: [2, 'string'], label: [3, 'string'], free: [4, 'bool'] } },
  Welcome: {
    fields: {
      session: [1, 'fixed64'], token: [2, 'bytes'], resumed: [3, 'bool'], received: [4, 'uint64'],
      heartbeat_ms: [5, 'uint32'], resume_ms: [6, 'uint32'],
    },
  },
  Joined: { fields: { room: [1, 'fixed64'], game: [2, 'string'], hz: [3, 'uint32'], tick: [4, 'uint64'] } },
  Left: { fields: { code: [1, 'uint32'], reason: [2, 'string'] } },
  RoomEvent: { fields: { op: [1, 'uint32'], data: [2, 'bytes'] } },
  RoomScene: { fields: { data: [1, 'bytes'] } },
  RoomState: { fields: { tick: [1, 'uint64'], data: [2, 'bytes'] } },
  Refused: { fields: { code: [1, 'uint32'], reason: [2, 'string'] } },
  Close: { fields: { code: [1, 'uint32'], reason: [2, 'string'] } },
  Challenge: { fields: { salt: [1, 'bytes'], bits: [2, 'uint32'] } },
  Rooms: { fields: { ask: [1, 'uint32'], more: [2, 'bool'], rooms: [3, 'RoomLine', 'repeated'] } },
  RoomLine: {
    fields: {
      room: [1, 'fixed64'], name: [2, 'string'], label: [3, 'string'],
      seats_taken: [4, 'uint32'], seats_max: [5, 'uint32'], hz: [6, 'uint32'],
    },
  },
};

/** Kinds that carry a sequence number; all others have `seq` 0. */
export const SEQUENCED = new Set(['join', 'leave', 'input', 'joined', 'left', 'event']);

/** The bytes are not a message of ours. */
export class WireError extends Error {}

export const encodeClient = (message) => encodeEnvelope('ClientMessage', message);
export const decodeClient = (bytes) => decodeEnvelope('ClientMessage', bytes);
export const encodeServer = (message) => encodeEnvelope('ServerMessage', message);
export const decodeServer = (bytes) => decodeEnvelope('ServerMessage', bytes);

const EMPTY = new Uint8Array(0);
const DEFAULTS = { uint32: 0, uint64: 0, fixed64: 0n, bool: false, string: '', bytes: EMPTY };
const WIRE_TYPES = { uint32: 0, uint64: 0, bool: 0, fixed64: 1, string: 2, bytes: 2 };
const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// Number of a field → what it is, for reading.
const BY_NUMBER = {};
for (const [message, { fields, oneof = {} }] of Object.entries(SCHEMA)) {
  BY_NUMBER[message] = new Map();
  for (const [name, [number, type, repeated]] of Object.entries(fields)) BY_NUMBER[message].set(number, { name, type, repeated, inOneof: false });
  for (const [name, [number, type]] of Object.entries(oneof)) BY_NUMBER[message].set(number, { name, type, inOneof: true });
}

function encodeEnvelope(envelope, { seq = 0, ack = 0, kind, body = {} }) {
  const member = SCHEMA[envelope].oneof[kind];
  if (member === undefined) throw new WireError(`${envelope} has no ${kind}`);
  const out = [];
  writeFields(out, SCHEMA[envelope].fields, { seq, ack });
  writeMessage(out, member[0], member[1], body);
  return Uint8Array.from(out);
}

function writeMessage(out, number, type, values) {
  const inner = [];
  writeFields(inner, SCHEMA[type].fields, values);
  writeVarint(out, number * 8 + 2);
  writeVarint(out, inner.length);
  for (const byte of inner) out.push(byte);
}

function writeFields(out, fields, values) {
  for (const [name, [number, type, repeated]] of Object.entries(fields)) {
    if (repeated !== undefined) {
      for (const item of values[name] ?? []) writeMessage(out, number, type, item);
      continue;
    }
    const value = values[name] ?? DEFAULTS[type];
    if (type === 'bytes' ? value.length === 0 : value === DEFAULTS[type]) continue;
    writeVarint(out, number * 8 + WIRE_TYPES[type]);
    if (type === 'fixed64') {
      const whole = BigInt.asUintN(64, BigInt(value));
      for (let shift = 0n; shift < 64n; shift += 8n) out.push(Number((whole >> shift) & 0xffn));
    } else if (type === 'string' || type === 'bytes') {
      const bytes = type === 'string' ? utf8.encode(value) : value;
      writeVarint(out, bytes.length);
      for (const byte of bytes) out.push(byte);
    } else {
      writeVarint(out, Number(value));
    }
  }
}

function writeVarint(out, value) {
  if (!Number.isSafeInteger(value) || value < 0) throw new WireError(`${value} is not a whole number that fits`);
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
}

function decodeEnvelope(envelope, bytes) {
  const message = { seq: 0, ack: 0, kind: null, body: null };
  const reader = new Reader(bytes);
  readMessage(reader, envelope, message, (field, part) => {
    if (message.kind !== null) throw new WireError('more than one body');
    message.kind = field.name;
    message.body = blank(field.type);
    readMessage(part, field.type, message.body);
  });
  if (message.kind === null) throw new WireError('no body that is known');
  if (message.kind === 'join') checkJoin(message.body);
  if (message.seq !== 0 && !SEQUENCED.has(message.kind)) throw new WireError(`${message.kind} has no sequence number`);
  return message;
}

function checkJoin({ room, name, params }) {
  if (name === '' ? params.length > 0 : room !== 0n) throw new WireError('a join by number and name, or parameters without a name');
}

function blank(type) {
  const body = {};
  for (const [name, [, fieldType, repeated]] of Object.entries(SCHEMA[type].fields)) body[name] = repeated === undefined ? DEFAULTS[fieldType] : [];
  return body;
}

function readMessage(reader, type, into, onMember) {
  while (!reader.atEnd()) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (number === 0 || tag > 0xffffffff) throw new WireError('bad field number');
    const field = BY_NUMBER[type].get(number);
    if (field === undefined) {
      reader.skip(wireType);
    } else if (field.inOneof) {
      if (wireType !== 2) throw new WireError(`${field.name} has another wire type`);
      onMember(field, new Reader(reader.bytes()));
    } else if (field.repeated !== undefined) {
      if (wireType !== 2) throw new WireError(`${field.name} has another wire type`);
      const item = blank(field.type);
      readMessage(new Reader(reader.bytes()), field.type, item);
      into[field.name].push(item);
    } else {
      if (wireType !== WIRE_TYPES[field.type]) throw new WireError(`${field.name} has another wire type`);
      into[field.name] = reader.value(field.type);
    }
  }
}

class Reader {
  #data;
  #view;
  #at = 0;

  constructor(data) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  atEnd() {
    return this.#at >= this.#data.length;
  }

  value(type) {
    switch (type) {
      case 'uint32':
        return this.varint32();
      case 'uint64':
        return this.varint();
      case 'bool':
        return this.#varintParts().some((part) => part !== 0);
      case 'fixed64': {
        const at = this.#advance(8);
        return this.#view.getBigUint64(at, true);
      }
      case 'bytes':
        return this.bytes();
      default:
        try {
          return utf8Strict.decode(this.bytes());
        } catch {
          throw new WireError('text is not UTF-8');
        }
    }
  }

  bytes() {
    const length = this.varint();
    const at = this.#advance(length);
    return this.#data.subarray(at, at + length);
  }

  skip(wireType) {
    if (wireType === 0) this.#varintParts();
    else if (wireType === 1) this.#advance(8);
    else if (wireType === 2) this.bytes();
    else if (wireType === 5) this.#advance(4);
    else throw new WireError('wire type is not spoken here');
  }

  varint() {
    const [low, high] = this.#varintParts();
    const value = high * 2 ** 32 + low;
    if (!Number.isSafeInteger(value)) throw new WireError('number is beyond 2^53');
    return value;
  }

  varint32() {
    return this.#varintParts()[0];
  }

  // Low and high 32 bits; a varint has at most ten bytes and 64 bits.
  #varintParts() {
    let low = 0;
    let high = 0;
    for (let i = 0; i < 10; i += 1) {
      const byte = this.#data[this.#advance(1)];
      const bits = byte & 0x7f;
      if (i === 9 && byte > 1) throw new WireError('varint is longer than 64 bits');
      if (i < 4) low += bits * 2 ** (7 * i);
      else if (i === 4) {
        low += (bits & 0x0f) * 2 ** 28;
        high += bits >> 4;
      } else high += bits * 2 ** (7 * i - 32);
      if (byte < 0x80) return [low >>> 0, high >>> 0];
    }
    throw new WireError('varint does not end');
  }

  #advance(count) {
    const at = this.#at;
    if (count > this.#data.length - at) throw new WireError('message ends too early');
    this.#at = at + count;
    return at;
  }
}
