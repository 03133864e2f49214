// The live feed: keeps what the server pushed, opens it again when it broke. Knows nothing of how it is shown.

const RETRY_MS = 1500;

export class Feed {
  /** `on` has a function for each event: open, lost, hello, samples, tables, attack. */
  constructor(on) {
    this.on = on;
    this.samples = [];
    this.tables = null;
    this.hello = null;
    /** Server's clock minus ours, milliseconds. */
    this.skew = 0;
    this.open();
  }

  /** Server's time now, milliseconds since the Unix epoch. */
  now() {
    return Date.now() + this.skew;
  }

  latest() {
    return this.samples.at(-1);
  }

  open() {
    const source = new EventSource('/api/live');
    const listen = (name, take) => source.addEventListener(name, (event) => take(JSON.parse(event.data)));
    listen('hello', (hello) => {
      // The history comes again, from the beginning: the server may be another one.
      this.samples = [];
      this.hello = hello;
      this.skew = hello.now - Date.now();
      this.started = Date.now() - hello.uptimeMs;
      this.on.hello(hello);
    });
    listen('samples', (samples) => {
      this.samples.push(...samples);
      this.samples.splice(0, Math.max(0, this.samples.length - this.hello.historySamples));
      this.on.samples(this.samples);
    });
    listen('tables', (tables) => {
      this.tables = { ...tables, at: Date.now() };
      this.on.tables(this.tables);
    });
    listen('attack', (attack) => this.on.attack(attack));
    source.onerror = () => {
      source.close();
      this.on.lost();
      setTimeout(() => this.open(), RETRY_MS);
    };
  }
}

/** Asks the server for a change; throws with what it says when it refuses. */
export async function post(path, body) {
  await ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

/** The same, with an answer. */
export const put = async (path, body) => (await ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();

/** Asks the server to delete something. */
export const remove = (path) => ask(path, { method: 'DELETE' });

/** Hands `value` to the reader as a file called `name`. */
export function keep(value, name) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: 'application/json' }));
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), RETRY_MS);
}

/** Asks the server for something to show. */
export const get = async (path) => (await ask(path)).json();

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error('The server does not answer.');
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let error = text;
  try {
    error = JSON.parse(text).error ?? text;
  } catch {
    // Not JSON: the text itself says it.
  }
  // What the JSON reader adds about itself is of no use to a person.
  error = error.replace(/^Failed to deserialize [^:]*: /, '').replace(/ at line \d+ column \d+$/, '');
  throw new Error(error.charAt(0).toUpperCase() + error.slice(1));
}
