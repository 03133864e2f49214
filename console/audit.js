// The audit log: who did what, when, from where, to whom, and what came of it.

import { element } from './element.js';
import { get } from './feed.js';
import { Pages, card, query, time } from './office.js';

const told = (detail) => Object.entries(detail ?? {}).filter(([name, value]) => !['outcome', 'status'].includes(name) && value !== null && value !== '').map(([name, value]) => `${name} ${value}`).join(', ');

export async function audit() {
  const field = (name) => element('input', { type: 'search', placeholder: name, 'aria-label': name, maxlength: 256, autocomplete: 'off' });
  const [actor, action, subject] = [field('who'), field('what'), field('to whom')];
  const pages = new Pages([
    { name: 'When', of: (line) => time(line.time) }, { name: 'Who', of: (line) => line.actor }, { name: 'From', of: (line) => line.address },
    { name: 'What', of: (line) => line.action }, { name: 'To whom', of: (line) => line.subject, long: true },
    { name: 'Outcome', of: (line) => line.detail?.outcome ?? '', tone: (line) => (line.detail?.outcome === 'done' ? 'calm' : 'hot') },
    { name: 'More', of: (line) => told(line.detail), long: true, tone: () => 'dim' },
  ], (line) => line.id, 'No line fits.', async (cursor) => {
    const page = await get(query('/api/audit', { actor: actor.value, action: action.value, subject: subject.value, cursor }));
    return { rows: page.lines, cursor: page.cursor };
  });
  actor.oninput = action.oninput = subject.oninput = () => pages.begin();
  pages.node.id = 'audit';
  await pages.begin();
  return card('Audit log', [actor, action, subject], pages.node);
}
