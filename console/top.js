// Who knocks most: sources, networks, signatures, one list at a time. A list that nobody counts is not shown.

import { byId, element } from './element.js';
import { compact } from './format.js';

const LISTS = { sources: 'Sources', networks: 'Networks', signatures: 'Signatures' };

export class Top {
  constructor() {
    this.shown = 'sources';
    this.tabs = new Map(Object.entries(LISTS).map(([id, name]) => [id, element('button', { type: 'button', role: 'tab', onclick: () => this.show(id) }, name)]));
    byId('top-tabs').append(...this.tabs.values());
  }

  show(id) {
    this.shown = id;
    this.update(this.top);
  }

  update(top) {
    this.top = top;
    const counted = Object.keys(LISTS).filter((id) => top?.[id]);
    if (!counted.includes(this.shown)) this.shown = counted[0] ?? this.shown;
    for (const [id, tab] of this.tabs) {
      tab.hidden = !counted.includes(id);
      tab.setAttribute('aria-selected', String(id === this.shown));
    }
    byId('wall').classList.toggle('uncounted', counted.length === 0);
    const rows = top?.[this.shown];
    const most = Math.max(1, ...(rows ?? []).map(({ attempts }) => attempts));
    byId('top').replaceChildren(...(rows ?? []).map((row) => line(row, most)));
    byId('top-none').hidden = Boolean(rows?.length);
  }
}

function line({ name, attempts, refused }, most) {
  const [bar, cut] = [element('i', { class: 'in' }), element('i', { class: 'cut' })];
  bar.style.width = `${(attempts / most) * 100}%`;
  cut.style.width = `${(Math.min(refused ?? 0, attempts) / most) * 100}%`;
  const figures = refused === null ? compact(attempts) : `${compact(attempts)} · ${compact(refused)}`;
  const title = refused === null ? `${attempts} attempts` : `${attempts} attempts, ${refused} refused`;
  return element('li', { title: `${name}: ${title}` }, element('span', {}, name), element('b', {}, figures), element('span', { class: 'bars', 'aria-hidden': 'true' }, bar, cut));
}
