// One player's session with a Hillfort server, over as many WebSocket connections as it takes: says hello, logs in, sends inputs,
// delivers events and states, measures the round trip, and comes back by itself when the connection is lost. Owns the connection and
// its deadlines; sequencing is in stream.js, bytes are in wire.js. Knows nothing of any game.

import { browserEnv } from './browser.js';
import { fetchClientInfo } from './clock.js';
import { fromHex, signHello, toHex } from './hello.js';
import { fromWebSocketCode, reject } from './reject.js';
import { retryDelay_ms } from './retry.js';
import { Stream, StreamError } from './stream.js';
import { decodeClient, decodeServer, encodeClient, SEQUENCED, WireError } from './wire.js';
import { SLICE_TRIES, solve, WORK_BITS_MAX, WORK_SALT_BYTES } from './work.js';

/** An attempt to connect may take this long from /client.json to Welcome. */
export const CONNECT_MAX_MS = 6000;
/** A server that wants work first gives this long for it. */
export const WORK_MAX_MS = 10_000;
/** A ping goes out this often while the page is in use. */
export const PING_EVERY_MS = 2000;
/** A connection that brings nothing for this long, although it was pinged, is given up. */
export const SILENCE_MAX_MS = 6000;
/** After a sleep or a change of network the answer to a ping must come within this time. */
export const PROBE_MAX_MS = 2500;
/** A refusal that may be a passing one (clock, key) is taken as final after this many in a row. */
export const SAME_REFUSALS_MAX = 4;
/** The one reason for a close after which the session can be resumed. */
const HEARTBEAT_LOST = 408;
/** Refusals of a list of rooms: no such game, filter too long, asked too often. Nothing else is refused for these. */
const LIST_REFUSALS = [600, 615, 503];
/** The server ended as it should, e.g. to be restarted. */
const SHUTDOWN = 413;
// Where the session sits (docs/protocol.md, Session).
const FREE = 'free';
const JOINING = 'joining';
const SEATED = 'seated';
const LEAVING = 'leaving';
/** A ticket in hex. */
const IS_TICKET = /^([0-9a-f]{2}){1,64}$/;
/** A timer that fires this much too late means that the device slept. */
const SLEPT_MS = 3000;

/**
 * Events, by `on(name, listener)`:
 * - `status` { name, … }: see the README; the newest one is also `session.status`.
 * - `joined` { room, game, hz, tick }, `left` { reject }: the seat. `reject` is null when it was left as asked.
 * - `event` { op, data }: once and in order. `scene` { data, at_ms }: a packet for a Mirror, see sync.js. `state` { tick, data, at_ms }: the newest; `at_ms` is local monotonic time.
 * - `refusal` (reject): one message was refused, the session goes on.
 * - `rtt` (ms): a ping was answered.
 */
export class HillfortSession {
  #env;
  #urls;
  #key;
  #listeners = new Map();
  #unwatch = () => {};

  #name = '';
  #wanted = null; // { game, room, name, params }: the seat that is asked for again after a new login
  #seat = FREE;
  #room = null; // what Joined said, while we sit there
  #identity = null; // { session, token, resume_ms }: what resumes the session
  #tickets;
  #ticket = new Uint8Array(0); // shown before a login: this player has played here. Outlives the session, and the page by `#tickets`
  #stream = new Stream();
  #begun = false; // whether this object was ever logged in, so that a new login is a restart

  #socket = null;
  #epoch = 0; // goes up with each attempt; answers to older attempts are ignored
  #abort = null;
  #ready = false;
  #closing = null; // the reject that the server gave for closing
  #attempts = 0; // failed ones in a row
  #sameRefusals = { code: 0, count: 0 };
  #lostAtWall = 0;
  #lostUnsent = 0;
  #overBecause = null; // the reject that ended the session before

  #timer = null;
  #timerDueAt = 0;
  #deadlines = { connect: Infinity, retry: Infinity, ping: Infinity, silence: Infinity };
  #heardAt = 0;
  #lists = new Map(); // questions for rooms that wait for an answer, by number
  #listCount = 0;
  #pings = new Map();
  #pingCount = 0n;

  status = { name: 'idle' };
  /** Last round trip in milliseconds, null before the first. */
  rtt_ms = null;

  /**
   * `origin`: where the server is, e.g. "http://127.0.0.1:7350"; the page's own by default. `saved`: what `save()` gave before a reload.
   * `key`: { app, key, secret (hex) } for servers that do not give their key away in /client.json.
   * `env` replaces the browser's parts in tests.
   */
  constructor({ origin = globalThis.location?.origin, saved = null, key = null, env = {} } = {}) {
    this.#key = key;
    this.#env = { ...browserEnv(), ...env };
    this.#urls = {
      info: new URL('/client.json', origin).href,
      session: new URL('/session', origin).href.replace(/^http/, 'ws'),
    };
    if (saved !== null) this.#restore(saved);
    this.#tickets = this.#env.tickets(new URL(origin).origin);
    const ticket = this.#tickets.load();
    if (IS_TICKET.test(ticket)) this.#ticket = fromHex(ticket);
  }


  /** Name of the session, 16 hexadecimal digits; null before the login. */
  get id() {
    return this.#identity && this.#identity.session.toString(16).padStart(16, '0');
  }

  /** Calls `listener` for each event of that name; returns what ends it. */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Connects and logs in as a guest of this name, or resumes the saved or suspended session. */
  start(name = this.#name) {
    this.#unwatch();
    this.#name = name;
    this.#unwatch = this.#env.watch(() => this.wake());
    this.#connect();
  }

  /**
   * Asks for a seat. `wanted`: the name of a game, for any of its rooms; or { game, name, params } for the room of this name, made from
   * `params` (bytes) when there is none; or { game, room } for one room by its number. Asked again by itself after a new login.
   */
  join(wanted) {
    const { game, room = 0n, name = '', params = new Uint8Array(0) } = typeof wanted === 'string' ? { game: wanted } : wanted;
    this.#wanted = { game, room, name, params };
    this.#askForSeat();
  }

  /**
   * Rooms of a game: a promise of { rooms: [{ room, name, label, seats_taken, seats_max, hz }], more }. `label`: words that the label
   * must have, a=b only as a whole word. `free`: only rooms with a free seat. Fails with what the server refused as `reject` of the
   * error, or without it when there is no connection.
   */
  list({ game, label = '', free = false }) {
    if (!this.#ready) return Promise.reject(new Error('not connected'));
    this.#listCount += 1;
    const ask = this.#listCount;
    return new Promise((resolve, fail) => {
      this.#lists.set(ask, { resolve, fail });
      this.#send('list', { ask, game, label, free });
    });
  }

  /** Asks for the room's scene anew, when a packet of it does not fit to what is known. */
  resync() {
    if (this.#seat === SEATED) this.#send('resync', {});
  }

  /** Gives the seat up. */
  leave() {
    this.#wanted = null;
    if (this.#seat === SEATED && this.#push('leave', {})) this.#seat = LEAVING;
  }

  /** Sends an input; it is kept through a lost connection. False: there is no seat, or too much waits already; nothing was taken. */
  input(op, data) {
    return this.#seat === SEATED && this.#push('input', { op, data });
  }

  /** Ends the session for good. */
  close() {
    if (this.#ready) this.#send('bye', {});
    this.#stop(reject(412));
  }

  /** Lets the connection go without ending the session, e.g. when the page is hidden for good. */
  suspend() {
    this.#unwatch();
    this.#drop();
    this.#setDeadlines({});
  }

  /** What the constructor needs to go on with this session after a reload; null when there is none. */
  save() {
    if (this.#identity === null) return null;
    const { log, ...stream } = this.#stream.save();
    return {
      name: this.#name,
      seat: this.#seat,
      wanted: this.#wanted && { ...this.#wanted, room: String(this.#wanted.room), params: toHex(this.#wanted.params) },
      room: this.#room && { ...this.#room, room: String(this.#room.room) },
      identity: { ...this.#identity, session: String(this.#identity.session), token: toHex(this.#identity.token) },
      stream,
      log: log.map(({ seq, kind, body }) => toHex(encodeClient({ seq, kind, body }))),
      heardAtWall: this.#env.wall(),
    };
  }

  /** Looks after the connection now: call it when the device may have slept or changed its network. */
  wake() {
    const now = this.#env.now();
    if (this.#deadlines.retry !== Infinity) {
      this.#connect();
    } else if (this.#ready && now - this.#heardAt > 1000) {
      this.#ping(now);
      this.#setDeadlines({ ...this.#deadlines, silence: Math.min(this.#deadlines.silence, now + PROBE_MAX_MS) });
    }
  }

  // The connection ------------------------------------------------------------------------------------------------------------

  async #connect() {
    this.#drop();
    const epoch = this.#epoch;
    this.#closing = null;
    this.#setDeadlines({ connect: this.#env.now() + CONNECT_MAX_MS });
    this.#setStatus({ name: 'connecting', again: this.#begun, attempt: this.#attempts + 1 });
    try {
      this.#abort = new AbortController();
      const info = await fetchClientInfo(this.#env, this.#urls.info, this.#key, this.#abort.signal);
      if (epoch !== this.#epoch) return;
      this.#open(epoch, info);
    } catch {
      // Not reachable, not answering in time, or not a Hillfort server: all the same to the player.
      if (epoch === this.#epoch) this.#onLost();
    }
  }

  #open(epoch, info) {
    const socket = new this.#env.WebSocket(this.#urls.session);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onopen = () => {
      if (epoch !== this.#epoch) return;
      const hello = { time_ms: info.serverTime_ms(), nonce: this.#env.randomBytes(16), app: info.app, key: info.key, secret: info.secret };
      socket.send(signHello(hello));
      if (this.#identity === null) {
        if (this.#ticket.length > 0) this.#send('ticket', { ticket: this.#ticket });
        this.#send('login', { name: this.#name });
      } else this.#send('resume', { session: this.#identity.session, token: this.#identity.token, received: this.#stream.received });
    };
    socket.onmessage = ({ data }) => {
      if (epoch === this.#epoch) this.#onBytes(data);
    };
    socket.onclose = ({ code }) => {
      if (epoch === this.#epoch) this.#onClosed(this.#closing ?? fromWebSocketCode(code));
    };
  }

  /** Forgets the connection; whatever it still says is ignored. */
  #drop() {
    this.#epoch += 1;
    this.#ready = false;
    this.#pings.clear();
    const lists = [...this.#lists.values()];
    this.#lists.clear();
    for (const { fail } of lists) fail(new Error('connection lost'));
    this.#abort?.abort();
    this.#abort = null;
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  #onClosed(why) {
    if (why === null) {
      this.#onLost();
      return;
    }
    const before = this.#sameRefusals;
    this.#sameRefusals = { code: why.code, count: before.code === why.code ? before.count + 1 : 1 };
    const tired = why.label.startsWith('hello_') && this.#sameRefusals.count >= SAME_REFUSALS_MAX;
    if (why.next === 'stop' || tired) {
      this.#stop(why);
      return;
    }
    const anew = why.next === 'anew' && this.#identity !== null && before.code !== why.code;
    if (this.#isOver(why)) this.#forgetSession(why);
    if (anew) this.#connect();
    else this.#onLost(why);
  }

  /** Whether the session ended with its connection. A refusal before the login says nothing about the session that was to be resumed. */
  #isOver(why) {
    return this.#ready ? why.code !== HEARTBEAT_LOST : why.next === 'anew';
  }

  /** The connection is gone or could not be made: tries again after a pause. */
  #onLost(why = null) {
    if (this.#ready) this.#lostAtWall = this.#env.wall();
    this.#drop();
    this.#attempts += 1;
    const retry_ms = retryDelay_ms(this.#attempts, this.#env.random());
    const retryAt_ms = this.#env.now() + retry_ms;
    this.#setDeadlines({ retry: retryAt_ms });
    this.#setStatus({ name: 'lost', retry_ms, retryAt_ms, attempt: this.#attempts, reject: why });
  }

  #stop(why) {
    this.#unwatch();
    this.#drop();
    this.#setDeadlines({});
    this.#forgetSession(why);
    this.#begun = false;
    this.#attempts = 0;
    this.#setStatus({ name: 'refused', reject: why });
  }

  #forgetSession(why) {
    this.#overBecause = why;
    this.#identity = null;
    this.#lostUnsent += this.#stream.unacked.length;
    this.#stream = new Stream();
    this.#seat = FREE;
    this.#room = null;
  }

  // Messages ------------------------------------------------------------------------------------------------------------------

  #onBytes(data) {
    const now = this.#env.now();
    this.#heardAt = now;
    try {
      const message = decodeServer(new Uint8Array(data));
      if (message.ack !== 0) this.#stream.handleAck(message.ack);
      const isNew = !SEQUENCED.has(message.kind) || this.#stream.handleSequenced(now, message.seq);
      if (isNew) this.#onMessage(now, message);
    } catch (error) {
      if (!(error instanceof WireError || error instanceof StreamError)) throw error;
      // Client and server disagree about this session; only a new one helps.
      this.#forgetSession(reject(304));
      this.#onLost(reject(304));
      return;
    }
    if (this.#ready) {
      this.#setDeadlines({ ...this.#deadlines, silence: now + SILENCE_MAX_MS });
      // Timers of a hidden page are slow; messages are not.
      if (now >= this.#stream.ackDueAt) this.#send('only_ack', {});
    }
  }

  #onMessage(now, { kind, body }) {
    switch (kind) {
      case 'welcome':
        this.#onWelcome(now, body);
        break;
      case 'joined':
        this.#seat = SEATED;
        this.#room = { ...body };
        this.#emit('joined', this.#room);
        break;
      case 'left':
        this.#seat = FREE;
        this.#room = null;
        this.#emit('left', { reject: body.code === 0 ? null : reject(body.code) });
        // Another room was asked for while this one was being left.
        if (body.code === 0) this.#askForSeat();
        break;
      case 'event':
        this.#emit('event', body);
        break;
      case 'state':
        this.#emit('state', { ...body, at_ms: now });
        break;
      case 'scene':
        this.#emit('scene', { ...body, at_ms: now });
        break;
      case 'ping':
        this.#send('pong', body);
        break;
      case 'pong':
        this.#onPong(now, body.echo);
        break;
      case 'challenge':
        this.#onChallenge(now, body);
        break;
      case 'refused':
        if (LIST_REFUSALS.includes(body.code) && this.#lists.size > 0) this.#onListRefused(reject(body.code));
        else if (this.#ready) this.#emit('refusal', reject(body.code));
        else this.#stop(reject(body.code));
        break;
      case 'rooms':
        this.#lists.get(body.ask)?.resolve({ rooms: body.rooms, more: body.more });
        this.#lists.delete(body.ask);
        break;
      case 'ticket':
        if (!IS_TICKET.test(toHex(body.ticket))) throw new WireError('that is no ticket');
        this.#ticket = body.ticket.slice();
        this.#tickets.save(toHex(this.#ticket));
        break;
      case 'close':
        this.#closing = reject(body.code);
        break;
      default: // only_ack has said what it had to say
    }
  }

  /** Questions are answered in order, so it is the oldest. */
  #onListRefused(why) {
    const [ask, { fail }] = this.#lists.entries().next().value;
    this.#lists.delete(ask);
    fail(Object.assign(new Error(why.sentence), { reject: why }));
  }

  /** The server is under attack and wants work first: done in slices, so that the page goes on answering, and without
   *  timers, which are held back in a hidden page. */
  #onChallenge(now, { salt, bits }) {
    if (this.#ready || salt.length !== WORK_SALT_BYTES || bits > WORK_BITS_MAX) throw new WireError('no work is to be asked like this');
    this.#setDeadlines({ connect: now + WORK_MAX_MS });
    this.#setStatus({ name: 'working', bits });
    const [epoch, kept] = [this.#epoch, salt.slice()];
    const work = (from) => {
      if (epoch !== this.#epoch) return;
      const nonce = solve(kept, bits, from, SLICE_TRIES);
      if (nonce === null) this.#env.soon(() => work(from + SLICE_TRIES));
      else this.#send('work', { nonce });
    };
    this.#env.soon(() => work(0));
  }

  #onWelcome(now, welcome) {
    const known = this.#identity !== null;
    if (known && !welcome.resumed) this.#forgetSession(reject(403));
    this.#identity = { session: welcome.session, token: welcome.token.slice(), resume_ms: welcome.resume_ms };
    this.#ready = true;
    this.#attempts = 0;
    this.#sameRefusals = { code: 0, count: 0 };
    this.#setDeadlines({ ping: now, silence: now + SILENCE_MAX_MS });
    if (welcome.resumed) {
      this.#stream.handleResumed(welcome.received);
      for (const entry of this.#stream.unacked) this.#send(entry.kind, entry.body, entry.seq);
      this.#setStatus({ name: 'resumed', resent: this.#stream.unacked.length });
    } else {
      this.#stream = new Stream();
      if (this.#begun) {
        // A server that still keeps sessions for longer than we were away, and yet does not know ours, is a new one.
        const away = this.#env.wall() - this.#lostAtWall > welcome.resume_ms ? 'expired' : 'server';
        const gone = this.#overBecause.next === 'anew' || this.#overBecause.code === SHUTDOWN;
        const cause = gone ? away : 'closed';
        this.#setStatus({ name: 'restarted', cause, reject: this.#overBecause, unsent: this.#lostUnsent });
      }
      if (this.#wanted !== null && this.#begun) this.#wanted.room = 0n; // that room is gone
      this.#askForSeat();
    }
    this.#lostUnsent = 0;
    this.#begun = true;
    this.#setStatus({ name: 'playing' });
    this.#turn();
  }

  #askForSeat() {
    if (this.#wanted === null || this.#seat !== FREE || !this.#ready) return;
    if (this.#push('join', this.#wanted)) this.#seat = JOINING;
  }

  #onPong(now, echo) {
    const sentAt = this.#pings.get(echo);
    if (sentAt === undefined) return;
    for (const older of this.#pings.keys()) if (older <= echo) this.#pings.delete(older);
    this.rtt_ms = now - sentAt;
    this.#emit('rtt', this.rtt_ms);
  }

  #ping(now) {
    this.#pingCount += 1n;
    this.#pings.set(this.#pingCount, now);
    this.#send('ping', { echo: this.#pingCount });
  }

  /** Numbers a message, keeps it, and sends it when there is a connection. */
  #push(kind, body) {
    const bytes = encodeClient({ kind, body }).length;
    const entry = this.#stream.push(kind, body, bytes);
    if (entry === null) return false;
    if (this.#ready) this.#send(kind, body, entry.seq);
    return true;
  }

  #send(kind, body, seq = 0) {
    const ack = this.#ready ? this.#stream.takeAck() : 0;
    this.#socket.send(encodeClient({ seq, ack, kind, body }));
  }

  // Time ----------------------------------------------------------------------------------------------------------------------

  #setDeadlines({ connect = Infinity, retry = Infinity, ping = Infinity, silence = Infinity }) {
    this.#deadlines = { connect, retry, ping, silence };
    this.#arm();
  }

  #arm() {
    const dueAt = Math.min(...Object.values(this.#deadlines), this.#ready ? this.#stream.ackDueAt : Infinity);
    if (this.#timer !== null && dueAt === this.#timerDueAt) return;
    this.#env.clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerDueAt = dueAt;
    if (dueAt === Infinity) return;
    this.#timer = this.#env.setTimeout(() => this.#onTimer(), Math.max(0, dueAt - this.#env.now()));
  }

  #onTimer() {
    const slept = this.#env.now() - this.#timerDueAt > SLEPT_MS;
    this.#timer = null;
    // After a sleep the silence is our own: the connection gets a chance to answer before it is given up.
    if (slept && this.#ready) {
      this.#deadlines.silence = this.#env.now() + PROBE_MAX_MS;
      this.#deadlines.ping = this.#env.now();
    }
    this.#turn();
  }

  /** Does what is due. */
  #turn() {
    const now = this.#env.now();
    const { connect, retry, ping, silence } = this.#deadlines;
    if (now >= retry) {
      this.#connect();
    } else if (now >= connect || now >= silence) {
      this.#onLost();
    } else if (this.#ready) {
      if (now >= ping) {
        this.#ping(now);
        this.#deadlines.ping = now + PING_EVERY_MS;
      }
      if (now >= this.#stream.ackDueAt) this.#send('only_ack', {});
    }
    this.#arm();
  }

  // The rest ------------------------------------------------------------------------------------------------------------------

  #restore(saved) {
    const log = saved.log.map((hex) => {
      const bytes = fromHex(hex);
      const { seq, kind, body } = decodeClient(bytes);
      return { seq, kind, body, bytes: bytes.length };
    });
    this.#name = saved.name;
    this.#seat = saved.seat;
    const { wanted } = saved;
    this.#wanted = wanted && { ...wanted, room: BigInt(wanted.room), params: fromHex(wanted.params) };
    this.#room = saved.room && { ...saved.room, room: BigInt(saved.room.room) };
    this.#identity = { ...saved.identity, session: BigInt(saved.identity.session), token: fromHex(saved.identity.token) };
    this.#stream = new Stream({ ...saved.stream, log });
    this.#lostAtWall = saved.heardAtWall;
    this.#begun = true;
  }

  #setStatus(status) {
    this.status = status;
    this.#emit('status', status);
  }

  #emit(name, value) {
    for (const listener of this.#listeners.get(name) ?? []) listener(value);
  }
}
