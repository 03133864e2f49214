// A server, a line and a clock for the tests of the session: all in one thread, with virtual time, and a line that can be cut after
// any number of messages. The server follows docs/protocol.md with its own few lines of sequencing, so that a mistake in the client's
// cannot hide.

import { createHash } from 'node:crypto';
import { toHex } from '../hello.js';
import { decodeClient, encodeServer, SEQUENCED } from '../wire.js';

/** A clock that stands still until it is told to go on; timers fire in order. */
export class Clock {
  now = 1000;
  #timers = new Map();
  #next = 1;

  setTimeout(deed, delay) {
    this.#timers.set(this.#next, { at: this.now + delay, deed });
    this.#next += 1;
    return this.#next - 1;
  }

  clearTimeout(id) {
    this.#timers.delete(id);
  }

  /** Lets `ms` go by. Promises settle between timers. */
  async pass(ms) {
    const end = this.now + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].deed();
      await settle();
    }
    this.now = end;
  }

  /** The device sleeps: time goes by, but timers fire only afterwards. */
  async sleep(ms) {
    this.now += ms;
    await this.pass(0);
  }
}

async function settle() {
  for (let i = 0; i < 12; i += 1) await Promise.resolve();
}

/** A Hillfort server as far as a client can see it: rooms answer each input with an event of the same bytes. */
export class FakeServer {
  reachable = true;
  silent = false; // takes everything, says nothing: a line that is dead without being closed
  refusals = { code: 0, left: 0 }; // said to the next hellos
  connections = [];
  hellos = [];
  inputs = []; // data of each input, as the room saw it
  acks = []; // { at, ack, kind }
  sessions = new Map();
  timersHeld_ms = 0; // no timer of the page fires sooner, as while it is hidden
  bits = null; // of the work that is asked of each login and resume
  works = 0; // answers that were right
  shown = []; // tickets, in hex, before logins
  kept = ''; // what the page keeps of them
  cutAfter = Infinity; // messages from the server until the line is cut
  #clock;
  #lastId = 0n;
  #works = 0;

  constructor(clock) {
    this.#clock = clock;
  }

  env() {
    const server = this;
    class FakeWebSocket {
      constructor(url) {
        this.url = url;
        server.#open(this);
      }

      send(bytes) {
        server.#onBytes(this, bytes);
      }

      close() {
        this.closed = true;
        if (this.session?.socket === this) this.session.socket = null;
      }
    }
    let count = 0;
    return {
      WebSocket: FakeWebSocket,
      fetch: async () => {
        if (!this.reachable) throw new TypeError('fetch failed');
        return { ok: true, json: async () => ({ app: 1, key: 2, secret: '00'.repeat(32), now_ms: this.#clock.now + 50_000, game: 'g' }) };
      },
      setTimeout: (deed, delay) => this.#clock.setTimeout(deed, Math.max(delay, this.timersHeld_ms)),
      soon: (deed) => this.#clock.setTimeout(deed, 1),
      clearTimeout: (id) => this.#clock.clearTimeout(id),
      now: () => this.#clock.now,
      wall: () => this.#clock.now,
      random: () => 0.5,
      randomBytes: (length) => {
        count += 1;
        return new Uint8Array(length).fill(count);
      },
      watch: () => () => {},
      tickets: () => ({ load: () => this.kept, save: (ticket) => { this.kept = ticket; } }),
    };
  }

  /** The line is cut: neither side gets what was under way. */
  cut() {
    for (const socket of this.connections.splice(0)) {
      const { session } = socket;
      if (session?.socket === socket) session.socket = null;
      socket.dead = true;
      queueMicrotask(() => socket.onclose?.({ code: 1006 }));
    }
  }

  /** The server forgets everything, as a new process does. */
  restart() {
    this.sessions.clear();
    this.cut();
  }

  /** The server closes all connections for this reason. */
  close(code) {
    for (const socket of [...this.connections]) {
      if (code !== 408) this.sessions.delete(socket.session?.id);
      this.#hangUp(socket, code);
    }
  }

  #hangUp(socket, code) {
    this.#say(socket, { kind: 'close', body: { code, reason: '' } });
    this.connections.splice(this.connections.indexOf(socket), 1);
    if (socket.session?.socket === socket) socket.session.socket = null;
    queueMicrotask(() => {
      socket.dead = true;
      socket.onclose?.({ code: 4000 + code });
    });
  }

  push(session, kind, body) {
    session.sent += 1;
    const message = { seq: session.sent, kind, body };
    session.log.push(message);
    if (session.socket !== null) this.#say(session.socket, message);
  }

  state(session, tick, data) {
    if (session.socket !== null) this.#say(session.socket, { kind: 'state', body: { tick, data } });
  }

  ticket(session, ticket) {
    this.#say(session.socket, { kind: 'ticket', body: { ticket } });
  }

  ping(session) {
    this.#say(session.socket, { kind: 'ping', body: { echo: 77n, pad: Uint8Array.of(1) } });
  }

  #open(socket) {
    queueMicrotask(() => {
      if (!this.reachable) {
        socket.onclose?.({ code: 1006 });
        return;
      }
      this.connections.push(socket);
      socket.onopen?.();
    });
  }

  #onBytes(socket, bytes) {
    if (socket.dead || socket.closed) return;
    if (socket.hello === undefined) {
      socket.hello = bytes;
      this.hellos.push(bytes);
      return;
    }
    if (this.silent) return;
    const message = decodeClient(bytes);
    if (socket.session === undefined) this.#onFirst(socket, message);
    else this.#onMessage(socket.session, message);
  }

  #onFirst(socket, { kind, body }) {
    if (this.refusals.left > 0) {
      this.refusals.left -= 1;
      this.#hangUp(socket, this.refusals.code);
      return;
    }
    if (kind === 'work') {
      this.#onWork(socket, body.nonce);
      return;
    }
    if (this.bits !== null && socket.asked === undefined) {
      this.#works += 1;
      socket.asked = { kind, body };
      socket.salt = new Uint8Array(16).fill(this.#works);
      this.#say(socket, { kind: 'challenge', body: { salt: socket.salt, bits: this.bits } });
      return;
    }
    if (kind === 'ticket') {
      this.shown.push(toHex(body.ticket));
      return;
    }
    const known = kind === 'resume' ? this.sessions.get(body.session) : undefined;
    if (kind === 'resume' && known === undefined) {
      this.#hangUp(socket, 403);
      return;
    }
    this.#lastId += 1n;
    const session = known ?? { id: this.#lastId, name: body.name, sent: 0, received: 0, log: [], socket: null, joins: 0 };
    this.sessions.set(session.id, session);
    socket.session = session;
    session.socket = socket;
    const token = new Uint8Array(16).fill(Number(session.id));
    const welcome = { session: session.id, token, resumed: known !== undefined, received: session.received, heartbeat_ms: 15_000, resume_ms: 30_000 };
    this.#say(socket, { kind: 'welcome', body: welcome });
    if (known === undefined) return;
    session.log = session.log.filter(({ seq }) => seq > body.received);
    for (const message of session.log) this.#say(socket, message);
  }

  /** Judged by Node's own SHA-256. */
  #onWork(socket, nonce) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(nonce);
    const hash = createHash('sha256').update(socket.salt).update(bytes).digest();
    if (Math.clz32(hash.readUInt32BE(0)) < this.bits) {
      this.#hangUp(socket, 208);
      return;
    }
    this.works += 1;
    this.#onFirst(socket, socket.asked);
  }

  #onMessage(session, { seq, ack, kind, body }) {
    if (ack !== 0) {
      if (ack > session.sent) throw new Error(`client acknowledged ${ack} of ${session.sent}`);
      this.acks.push({ at: this.#clock.now, ack, kind });
      session.log = session.log.filter((message) => message.seq > ack);
    }
    if (SEQUENCED.has(kind)) {
      if (seq > session.received + 1) throw new Error(`client skipped from ${session.received} to ${seq}`);
      if (seq <= session.received) return;
      session.received = seq;
    }
    if (kind === 'ping') this.#say(session.socket, { ack: session.received, kind: 'pong', body });
    else if (kind === 'pong') session.pong = body;
    else if (kind === 'bye') this.sessions.delete(session.id);
    else if (kind === 'join') {
      session.joins += 1;
      session.asked = body;
      this.push(session, 'joined', { room: 9n, game: body.game, hz: 20, tick: 1 });
    } else if (kind === 'list') {
      const rooms = [{ room: 9n, name: 'den', label: body.label, seats_taken: 1, seats_max: 2, hz: 20 }];
      if (body.game === 'hilltop') this.#say(session.socket, { kind: 'rooms', body: { ask: body.ask, more: true, rooms } });
      else this.#say(session.socket, { kind: 'refused', body: { code: 600, reason: 'room_game' } });
    } else if (kind === 'leave') {
      this.push(session, 'left', { code: 0, reason: '' });
    } else if (kind === 'input') {
      this.inputs.push(body.data[0] + body.data[1] * 256);
      this.push(session, 'event', body);
    }
  }

  #say(socket, message) {
    if (this.silent || socket.dead) return;
    const bytes = encodeServer(message);
    const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    queueMicrotask(() => {
      if (socket.dead || socket.closed) return;
      socket.onmessage?.({ data });
      this.cutAfter -= 1;
      if (this.cutAfter === 0) {
        this.cutAfter = Infinity;
        this.cut();
      }
    });
  }
}
