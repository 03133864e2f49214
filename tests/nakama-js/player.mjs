// A player of the suite: a session of the unmodified SDK with its socket, and what that socket says, to be waited for. Runs in Node.js and in
// a browser.

/** Longer than a busy machine takes for anything that is asked for here. */
const PATIENCE_MS = 20_000;

const KINDS = { ondisconnect: 'end', onmatchdata: 'data', onmatchpresence: 'presence', onstatuspresence: 'status', onstreampresence: 'stream', onstreamdata: 'stream data' };

export class Player {
  /** What came and was not waited for yet: { kind, said }. */
  #heard = [];
  #waiting = [];

  /** `adapter()`: one of the SDK's adapters, or undefined for its own. */
  constructor(client, session, adapter) {
    this.client = client;
    this.session = session;
    this.adapter = adapter;
  }

  /** Opens a socket, with handlers for all that the server tells. */
  async connect(status = false) {
    this.socket = this.client.createSocket(false, false, this.adapter());
    for (const [name, kind] of Object.entries(KINDS)) this.socket[name] = (said) => this.#hear(kind, said);
    await this.socket.connect(this.session, status);
    return this;
  }

  /** The next of a kind that fits, however much else comes first. */
  async hears(kind, fits = () => true, what = kind) {
    const at = this.#heard.findIndex((one) => one.kind === kind && fits(one.said));
    if (at >= 0) return this.#heard.splice(at, 1)[0].said;
    return new Promise((resolve, reject) => {
      const waiting = { kind, fits, resolve };
      this.#waiting.push(waiting);
      setTimeout(() => {
        if (!this.#waiting.includes(waiting)) return;
        const kept = JSON.stringify(this.#heard).slice(0, 500);
        reject(new Error(`${this.session.username} waited in vain for ${what}; heard was ${kept}`));
      }, PATIENCE_MS);
    });
  }

  /** What was heard of a kind and not waited for. */
  left(kind) {
    return this.#heard.filter((one) => one.kind === kind).map((one) => one.said);
  }

  get userId() {
    return this.session.user_id;
  }

  close() {
    this.socket?.disconnect(false);
  }

  #hear(kind, said) {
    const at = this.#waiting.findIndex((one) => one.kind === kind && one.fits(said));
    if (at >= 0) this.#waiting.splice(at, 1)[0].resolve(said);
    else this.#heard.push({ kind, said });
  }
}

/** Text of match data, which come as bytes. */
export const textOf = (said) => new TextDecoder().decode(said.data ?? new Uint8Array());
