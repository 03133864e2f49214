// Sequencing of one session, across its connections: numbers what is sent, keeps it until the other side has it, drops what arrives
// twice and says when an acknowledgement is due. Knows nothing of sockets, timers or the meaning of a message; `now` is an argument.

/** A side keeps at most this many sequenced messages (limits.rs: UNACKED_MESSAGES_MAX) ... */
export const UNACKED_MESSAGES_MAX = 256;
/** ... of at most this many bytes (UNACKED_BYTES_MAX). */
export const UNACKED_BYTES_MAX = 256 * 1024;
/** An acknowledgement goes out at the latest after this many messages (ACK_EVERY_MESSAGES) ... */
export const ACK_EVERY_MESSAGES = 32;
/** ... or this long after the first one (ACK_DELAY_MAX). */
export const ACK_DELAY_MAX_MS = 500;

/** The other side broke the rules of sequencing. */
export class StreamError extends Error {}

export class Stream {
  #sent;
  #received;
  #log;
  #logBytes = 0;
  #told;
  #ackDueAt = Infinity;

  /** A new stream, or one continued from what `save` gave. */
  constructor({ sent = 0, received = 0, log = [] } = {}) {
    this.#sent = sent;
    this.#received = received;
    this.#told = received;
    this.#log = log.map((entry) => ({ ...entry }));
    for (const entry of this.#log) this.#logBytes += entry.bytes;
  }

  /** Highest number received. */
  get received() {
    return this.#received;
  }

  /** Messages kept until the other side acknowledges them, oldest first. */
  get unacked() {
    return this.#log;
  }

  /** When an acknowledgement has to be out, in the caller's milliseconds; Infinity when none is owed. */
  get ackDueAt() {
    return this.#ackDueAt;
  }

  /** Numbers a message of `bytes` bytes and keeps it. Null when too much waits for acknowledgement: nothing was taken. */
  push(kind, body, bytes) {
    if (this.#log.length >= UNACKED_MESSAGES_MAX || this.#logBytes + bytes > UNACKED_BYTES_MAX) return null;
    this.#sent += 1;
    const entry = { seq: this.#sent, kind, body, bytes };
    this.#log.push(entry);
    this.#logBytes += bytes;
    return entry;
  }

  /** The other side has everything up to `ack`. */
  handleAck(ack) {
    if (ack > this.#sent) throw new StreamError(`acknowledged ${ack}, but only ${this.#sent} were sent`);
    while (this.#log.length > 0 && this.#log[0].seq <= ack) this.#logBytes -= this.#log.shift().bytes;
  }

  /** Whether the message with number `seq` is new; false for one that came before. */
  handleSequenced(now, seq) {
    if (seq === 0 || seq > this.#received + 1) throw new StreamError(`${seq} came after ${this.#received}`);
    if (seq <= this.#received) return false;
    this.#received = seq;
    const due = this.#received - this.#told >= ACK_EVERY_MESSAGES ? now : now + ACK_DELAY_MAX_MS;
    this.#ackDueAt = Math.min(this.#ackDueAt, due);
    return true;
  }

  /** What to put into `ack` of a message that goes out now: 0 when there is nothing new to say. */
  takeAck() {
    const ack = this.#received > this.#told ? this.#received : 0;
    this.#toldAll();
    return ack;
  }

  /** On a new connection of the same session: the other side has everything up to `ack` and knows what we received. */
  handleResumed(ack) {
    if (ack < this.#sent - this.#log.length) throw new StreamError(`forgot what it acknowledged: has ${ack}`);
    this.handleAck(ack);
    this.#toldAll();
  }

  /** Plain data for the constructor. */
  save() {
    return { sent: this.#sent, received: this.#received, log: this.#log.map((entry) => ({ ...entry })) };
  }

  #toldAll() {
    this.#told = this.#received;
    this.#ackDueAt = Infinity;
  }
}
