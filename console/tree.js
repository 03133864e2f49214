// A tree that is told anew again and again: what is open stays open, and what nobody opened costs nothing. Knows nothing of rooms.

import { element, setText } from './element.js';

/** A list of entries: { key, label, text } for a leaf, { key, label, text, entries() } for a branch. */
export class Tree {
  #items = new Map(); // key → { line, label, text, inside }

  constructor() {
    this.node = element('ul', { class: 'tree' });
  }

  update(entries) {
    const seen = new Set();
    let before = this.node.firstElementChild;
    for (const entry of entries) {
      seen.add(entry.key);
      let item = this.#items.get(entry.key);
      if (item !== undefined && Boolean(item.inside) !== Boolean(entry.entries)) {
        if (item.line === before) before = before.nextElementSibling;
        item.line.remove();
        item = undefined;
      }
      if (item === undefined) this.#items.set(entry.key, (item = this.#make(entry)));
      if (item.line !== before) this.node.insertBefore(item.line, before);
      else before = before.nextElementSibling;
      setText(item.label, entry.label);
      setText(item.text, entry.text);
      if (item.inside) item.inside.show(entry.entries);
    }
    for (const [key, { line }] of this.#items) {
      if (seen.has(key)) continue;
      line.remove();
      this.#items.delete(key);
    }
  }

  #make(entry) {
    const [label, text] = [element('b'), element('span')];
    if (!entry.entries) return { line: element('li', {}, label, ' ', text), label, text, inside: null };
    const inside = new Inside();
    const details = element('details', { ontoggle: () => inside.open(details) }, element('summary', {}, label, ' ', text));
    return { line: element('li', {}, details), label, text, inside };
  }
}

// What is in a branch: made when it is opened.
class Inside {
  #tree = null;
  #isOpen = false;
  #entries = () => [];

  show(entries) {
    this.#entries = entries;
    if (this.#isOpen) this.#tree.update(entries());
  }

  open(details) {
    this.#isOpen = details.open;
    if (!this.#isOpen) return;
    if (this.#tree === null) {
      this.#tree = new Tree();
      details.append(this.#tree.node);
    }
    this.#tree.update(this.#entries());
  }
}
