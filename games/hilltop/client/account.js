// The player's account: a guest's, known by an id that this device keeps, on the client API of the server (docs/nakama.md). Owns the id, the session's
// token and the record of what was played. Knows nothing of the page and of matches; whatever fails here, the game goes on without an account.

/** A sign-in that takes longer is given up, and so is any later call. */
const PATIENCE_MS = 5000;
/** Another page of the same account may have written in between: so often the record is read and written anew. */
const WRITES_MAX = 3;
/** Where the record is kept: of its owner alone. What it says is what this page counted, so it proves nothing to others. */
const RECORD = { collection: 'hilltop', key: 'record' };
const EMPTY = Object.freeze({ rounds: 0, won: 0, best: 0, seconds: 0 });

/** What a call came to that was not answered with what it asked for. `status`: HTTP's, 0 without an answer. */
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Account {
  /** `idle`, `asking`, `known`, or `without`: then `why` says why, in words. */
  status = 'idle';
  why = '';
  /** Whether the account was made just now. */
  isNew = false;
  userId = null;
  name = null;
  record = { ...EMPTY };
  /** Called after each change of what is above. */
  onChange = () => {};

  #env;
  #device = null;
  #key = null;
  #token = null;
  #version = null; // of the record; null: there is none yet
  #added = { ...EMPTY }; // played and not saved
  #saving = Promise.resolve();

  /** `env`: { fetch, device() → id or null, patience_ms }. */
  constructor(env) {
    this.#env = { patience_ms: PATIENCE_MS, ...env };
  }

  /** Signs in, once. Never fails: `status` says what came of it. */
  async signIn() {
    this.#become('asking');
    const deadline = AbortSignal.timeout(this.#env.patience_ms);
    try {
      this.#device = this.#env.device();
      if (this.#device === null) return this.#without('this browser keeps nothing for the game');
      this.#key = (await this.#ask('GET', '/client.json', {}, deadline)).server_key ?? null;
      if (this.#key === null) return this.#without('this server has no accounts for guests');
      this.isNew = await this.#authenticate(true, deadline);
      const { user } = await this.#ask('GET', '/v2/account', { token: this.#token }, deadline);
      [this.userId, this.name] = [user.id, user.username];
      await this.#read(deadline);
      return this.#become('known');
    } catch (error) {
      return this.#without(wordsFor(error));
    }
  }

  /**
   * Asks for another name; the server decides. Returns what is wrong with it, in words, or null: it has the name, or there is no account that could.
   */
  async rename(name) {
    if (this.status !== 'known' || name === this.name) return null;
    try {
      await this.#call('PUT', '/v2/account', { username: name });
    } catch (error) {
      if (error.status !== 400) return null;
      return /in use/.test(error.message) ? `${name} is another player's name here: choose another` : error.message;
    }
    this.name = name;
    this.onChange();
    return null;
  }

  /** Counts what was played: seconds, a round that ended (`{ won, score }`). */
  played(seconds) {
    this.#added.seconds += seconds;
  }

  roundOver({ won, score }) {
    this.#added.rounds += 1;
    this.#added.won += won ? 1 : 0;
    this.#added.best = Math.max(this.#added.best, score);
  }

  /** Saves what was counted, one time after the other. `last`: the page may be gone before the answer. */
  save({ last = false } = {}) {
    this.#saving = this.#saving.then(() => this.#save(last)).catch(() => {});
    return this.#saving;
  }

  async #save(last) {
    if (this.status !== 'known' || (this.#added.rounds === 0 && this.#added.seconds < 1)) return;
    const added = this.#added;
    this.#added = { ...EMPTY };
    for (let tries = 1; ; tries += 1) {
      const record = sum(this.record, added);
      const value = JSON.stringify(record);
      const object = { ...RECORD, value, permission_read: 1, permission_write: 1, version: this.#version ?? '*' };
      try {
        const { acks } = await this.#call('PUT', '/v2/storage', { objects: [object] }, last);
        [this.record, this.#version] = [record, acks[0].version];
        return this.onChange();
      } catch (error) {
        // Anything but another page's newer record: it is tried again with what comes next.
        if (error.status !== 400 || tries === WRITES_MAX) {
          this.#added = sum(this.#added, added);
          return;
        }
        await this.#read();
      }
    }
  }

  async #read(deadline) {
    const ids = { object_ids: [{ ...RECORD, user_id: this.userId }] };
    const { objects } = await this.#ask('POST', '/v2/storage', { body: ids, token: this.#token }, deadline);
    this.#version = objects?.[0]?.version ?? null;
    this.record = readRecord(objects?.[0]?.value);
  }

  /** Returns whether the account was made now. */
  async #authenticate(create, deadline) {
    const basic = `Basic ${btoa(`${this.#key}:`)}`;
    const session = await this.#ask('POST', `/v2/account/authenticate/device?create=${create}`, { body: { id: this.#device }, authorization: basic }, deadline);
    this.#token = session.token;
    return session.created === true;
  }

  /** A call of this session, which is begun anew when it has ended: tokens are short-lived. */
  async #call(method, path, body, last = false) {
    try {
      return await this.#ask(method, path, { body, token: this.#token, last });
    } catch (error) {
      if (error.status !== 401) throw error;
      await this.#authenticate(false);
      return this.#ask(method, path, { body, token: this.#token, last });
    }
  }

  async #ask(method, path, { body, token, authorization, last = false }, deadline = AbortSignal.timeout(this.#env.patience_ms)) {
    const headers = {};
    if (authorization ?? token) headers.authorization = authorization ?? `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    let answer;
    try {
      answer = await this.#env.fetch(path, { method, headers, body: body && JSON.stringify(body), keepalive: last, signal: deadline });
    } catch (error) {
      throw new Refused(0, error.name === 'TimeoutError' ? 'the server does not answer in time' : 'the server cannot be reached');
    }
    const said = await answer.json().catch(() => null);
    if (!answer.ok) throw new Refused(answer.status, said?.message ?? '');
    if (said === null) throw new Refused(0, 'the server does not answer in time');
    return said;
  }

  #become(status) {
    this.status = status;
    this.onChange();
  }

  #without(why) {
    this.why = why;
    this.#become('without');
  }
}

/** An id for this device: made once, then the same. `store`: { load, save }; null when it keeps nothing. */
export function deviceId(store, randomBytes) {
  const kept = store.load();
  if (/^[0-9a-f]{32}$/.test(kept ?? '')) return kept;
  const id = [...randomBytes(16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  store.save(id);
  return store.load() === id ? id : null;
}

function wordsFor(error) {
  if (!(error instanceof Refused)) return 'the server answers in another way than this page knows';
  switch (error.status) {
    case 0:
      return error.message;
    case 401:
      return 'the server lets no guests sign in';
    case 429:
      return 'too many sign in from here right now';
    case 404:
    case 501:
      return 'this server has no accounts';
    default:
      return error.message === '' ? 'the server refused the sign-in' : error.message;
  }
}

/** The record as it was kept; what is no count of ours is 0. */
function readRecord(text) {
  let kept = {};
  try {
    kept = JSON.parse(text ?? '{}') ?? {};
  } catch {
    // Somebody else's text.
  }
  const count = (value) => (Number.isFinite(value) && value >= 0 ? Math.floor(value) : 0);
  return { rounds: count(kept.rounds), won: count(kept.won), best: count(kept.best), seconds: count(kept.seconds) };
}

const sum = (one, other) => ({
  rounds: one.rounds + other.rounds,
  won: one.won + other.won,
  best: Math.max(one.best, other.best),
  seconds: Math.round(one.seconds + other.seconds),
});
