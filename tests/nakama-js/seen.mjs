// Which messages of the realtime socket go over the wire: looks at each frame of every WebSocket, whoever made it. Runs in Node.js and in a browser.

/** The table of docs/nakama.md: { name, number, from, isDone }. */
export function variantsOf(document) {
  const table = document.split('<!-- messages: made from the table -->')[1].split('<!-- end of messages -->')[0];
  const rows = table.matchAll(/^\| `(\w+)` \| (\d+) \| (client|server|both) \|.*\| (done|not yet) \|$/gm);
  return [...rows].map(([, name, number, from, state]) => ({ name, number: Number(number), from, isDone: state === 'done' }));
}

/** Number of an envelope's cid. */
const CID = 1;

/**
 * Puts itself in place of `globalThis.WebSocket` until `end()`. A message of a client that asks for an answer counts when that comes and is no error;
 * others when they are sent.
 */
export class Seen {
  #original = globalThis.WebSocket;
  #names;
  /** How often each name went, by who sent it. */
  client = new Map();
  server = new Map();
  /** Errors that answer nothing, which the SDK passes over. */
  errors = [];

  constructor(variants) {
    this.#names = new Map(variants.map(({ name, number }) => [number, name]));
    const seen = this;
    globalThis.WebSocket = class extends this.#original {
      /** Names of the messages that wait for an answer, by their cids. */
      #open = new Map();

      constructor(...given) {
        super(...given);
        this.addEventListener('message', ({ data }) => seen.#hear(data, this.#open));
      }

      send(data) {
        const { cid, names } = seen.#read(data);
        if (cid) this.#open.set(cid, names);
        else names.forEach((name) => count(seen.client, name));
        super.send(data);
      }
    };
  }

  end() {
    globalThis.WebSocket = this.#original;
  }

  /** Those that are done and that went over no wire. */
  missed(variants) {
    const went = { client: this.client, server: this.server };
    const isMissed = ({ name, from }) => (from === 'both' ? !this.client.has(name) && !this.server.has(name) : !went[from].has(name));
    return variants.filter((one) => one.isDone && isMissed(one)).map(({ name }) => name);
  }

  #hear(data, open) {
    const { cid, names, error } = this.#read(data);
    names.forEach((name) => count(this.server, name));
    if (error && !cid) this.errors.push(error);
    if (!cid) return;
    if (!names.includes('error')) open.get(cid)?.forEach((name) => count(this.client, name));
    open.delete(cid);
  }

  /** The cid of an envelope, the names of what is in it, and its error where that is JSON. */
  #read(data) {
    if (typeof data === 'string') {
      const { cid, ...rest } = JSON.parse(data);
      return { cid, names: Object.keys(rest), error: rest.error };
    }
    const bytes = new Uint8Array(data);
    const found = { cid: '', names: [] };
    for (let at = 0; at < bytes.length;) {
      let tag;
      let length;
      [tag, at] = varint(bytes, at);
      [length, at] = varint(bytes, at);
      // An envelope has nothing but what has a length: its cid, and a message.
      if (tag % 8 !== 2) throw new Error(`no envelope: wire type ${tag % 8}`);
      const number = Math.floor(tag / 8);
      if (number === CID) found.cid = new TextDecoder().decode(bytes.slice(at, at + length));
      else if (this.#names.has(number)) found.names.push(this.#names.get(number));
      at += length;
    }
    return found;
  }
}

const count = (names, name) => names.set(name, (names.get(name) ?? 0) + 1);

function varint(bytes, at) {
  let value = 0;
  for (let shift = 1; ; shift *= 128) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error('an envelope ends too early');
    at += 1;
    value += (byte % 128) * shift;
    if (byte < 128) return [value, at];
  }
}
