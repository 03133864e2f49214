// What the pages behind the live one are made of: cards, facts, lists that go on, times.

import { say } from './dialog.js';
import { element, setText } from './element.js';
import { Rows } from './rows.js';

/** A card with a title, things beside it, and a body. */
export const card = (title, beside, ...body) =>
  element('section', { class: 'card' }, element('header', {}, element('h2', {}, title), element('div', { class: 'actions' }, ...beside)), element('div', { class: 'body' }, ...body));

export const button = (text, onclick, looks = 'small') => element('button', { type: 'button', class: looks, onclick }, text);

/** A link to a page with parts after its name. */
export const link = (text, ...parts) => element('a', { href: `#${parts.map(encodeURIComponent).join('/')}` }, text);

/** Names and what they are, as `[name, text or node]`. */
export const facts = (pairs) =>
  element('dl', { class: 'room-facts' }, ...pairs.map(([name, what]) => element('div', {}, element('dt', {}, name), element('dd', {}, what))));

/** The same for texts that change: they are set in place, so that a selection survives. */
export class Facts {
  constructor() {
    [this.node, this.names] = [element('dl', { class: 'room-facts' }), ''];
  }

  update(pairs) {
    const names = pairs.map(([name]) => name).join();
    if (names !== this.names) this.node.replaceChildren(...pairs.map(([name]) => element('div', {}, element('dt', {}, name), element('dd'))));
    this.names = names;
    pairs.forEach(([, text], at) => setText(this.node.children[at].lastElementChild, text));
  }
}

/** Milliseconds since 1970 as people read them. */
export const time = (ms) => (ms === null || ms === undefined ? '–' : new Date(ms).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' }));

/** A table that is filled page by page: `fetch(cursor)` gives `{ rows, cursor }`. */
export class Pages {
  constructor(columns, key, empty, fetch) {
    [this.rows, this.fetch, this.shown, this.cursor] = [new Rows(columns, key, empty), fetch, [], null];
    this.more = button('More', () => this.load(), '');
    this.node = element('div', { class: 'scroll' }, this.rows.node, this.more);
    this.more.hidden = true;
  }

  /** From the beginning. `quiet`: what goes wrong is not said, since it is tried again. */
  async begin(quiet = false) {
    [this.shown, this.cursor] = [[], null];
    await this.load(quiet);
  }

  async load(quiet = false) {
    const asked = (this.asked = Symbol('question'));
    try {
      const { rows, cursor } = await this.fetch(this.cursor);
      // Somebody who types asks again before the answer is there.
      if (asked !== this.asked) return;
      this.shown.push(...rows);
      this.cursor = cursor;
      this.more.hidden = !cursor;
      this.rows.update(this.shown);
    } catch (error) {
      if (!quiet) say(error.message, true);
    }
  }
}

/** Turns that a part waits to be put on the page: its maker asks the server for more. */
const PATIENCE = 30;

/** Does something again and again for as long as `node` is on the page. */
export function whileShown(node, every, work) {
  let [shown, waited] = [false, 0];
  const turn = async () => {
    if (!node.isConnected && (shown || (waited += 1) > PATIENCE)) return;
    shown ||= node.isConnected;
    if (shown && !document.hidden) await work();
    setTimeout(turn, every);
  };
  setTimeout(turn, every);
}

/** A question to the server, values that are empty left out. */
export const query = (path, values) => {
  const given = Object.entries(values).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return `${path}?${new URLSearchParams(given)}`;
};
