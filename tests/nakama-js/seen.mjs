// Which messages of the realtime socket go over the wire: looks at each frame of every WebSocket, whoever made it. Runs in Node.js and in a browser.

/** The table of docs/nakama.md: { name, number, from, isDone }. */
export function variantsOf(document) {
  const table = document.split('<!-- messages: made from the table -->')[1].split('<!-- end of messages -->')[0];
  const rows = table.matchAll(/^\| `(\w+)` \| (\d+) \| (client|server|both) \|.*\| (done|not yet) \|$/gm);
  return [...rows].map(([, name, number, from, state]) => ({ name, number: Number(number), from, isDone: state === 'done' }));
}

/** Puts itself in place of `globalThis.WebSocket` until `end()`. */
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
      constructor(...given) {
        super(...given);
        this.addEventListener('message', ({ data }) => seen.#note(seen.server, data));
      }

      send(data) {
        seen.#note(seen.client, data);
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

  #note(names, data) {
    if (typeof data === 'string') {
      const envelope = JSON.parse(data);
      if (envelope.error && !envelope.cid) this.errors.push(envelope.error);
      return Object.keys(envelope).filter((name) => name !== 'cid').forEach((name) => count(names, name));
    }
    const bytes = new Uint8Array(data);
    for (let at = 0; at < bytes.length;) {
      let tag;
      let length;
      [tag, at] = varint(bytes, at);
      [length, at] = varint(bytes, at);
      // An envelope has nothing but what has a length: its cid, and a message.
      if (tag % 8 !== 2) throw new Error(`no envelope: wire type ${tag % 8}`);
      const name = this.#names.get(Math.floor(tag / 8));
      if (name !== undefined) count(names, name);
      at += length;
    }
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
