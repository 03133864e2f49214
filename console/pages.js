// Which page is shown: the live one, or one behind it. The address says which, `#accounts/ID`, so that a page can be linked to.

import { accounts } from './accounts.js';
import { audit } from './audit.js';
import { calls } from './calls.js';
import { configuration } from './configuration.js';
import { byId, element } from './element.js';
import { matches } from './matches.js';
import { modules } from './modules.js';
import { operators } from './operators.js';
import { may } from './session.js';
import { storage } from './storage.js';

/** Name, title, role that it takes, and what makes it: a function of the rest of the address that gives elements. */
const PAGES = [
  ['live', 'Live', 'viewer', null],
  ['accounts', 'Accounts', 'viewer', accounts],
  ['storage', 'Storage', 'viewer', storage],
  ['matches', 'Matches', 'viewer', matches],
  ['modules', 'Modules', 'viewer', modules],
  ['calls', 'API', 'administrator', calls],
  ['configuration', 'Configuration', 'viewer', configuration],
  ['operators', 'Operators', 'administrator', operators],
  ['audit', 'Audit log', 'viewer', audit],
];

export function openPages() {
  const open = PAGES.filter(([, , role]) => may(role));
  byId('pages').replaceChildren(...open.map(([name, title]) => element('a', { href: `#${name}`, 'data-page': name }, title)));
  /** Counts where the reader went: a page that comes late is not put over a newer one. */
  let steps = 0;
  addEventListener('hashchange', follow);
  follow();

  async function follow() {
    const step = (steps += 1);
    const [name, ...rest] = location.hash.slice(1).split('/').map(decode);
    const page = open.find(([known]) => known === name) ?? open[0];
    document.body.dataset.page = page[0];
    for (const link of byId('pages').children) link.setAttribute('aria-current', link.dataset.page === page[0] ? 'page' : 'false');
    const office = byId('office');
    office.hidden = page[3] === null;
    byId('live-page').hidden = page[3] !== null;
    const made = page[3] ? await page[3](...rest).catch((error) => element('p', { class: 'empty' }, error.message)) : [];
    if (step === steps) office.replaceChildren(...[made].flat());
  }
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
