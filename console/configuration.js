// The configuration in force, and what is doubtful about it.

import { element } from './element.js';
import { get } from './feed.js';
import { card } from './office.js';
import { Rows } from './rows.js';

export async function configuration() {
  const { settings, warnings } = await get('/api/configuration');
  const doubts = warnings.map(({ key, text }) => element('li', {}, element('b', { class: 'warn' }, key), ' ', text));
  const rows = new Rows([
    { name: 'Setting', of: (row) => row.key },
    { name: 'Value', of: (row) => row.value, long: true, tone: (row) => (row.default ? '' : 'calm') },
    { name: 'From', of: (row) => row.origin, tone: () => 'dim' },
    { name: 'What it does', of: (row) => row.about, long: true, tone: () => 'dim' },
  ], (row) => row.key, '');
  rows.update(settings);
  return [
    card(`Warnings (${warnings.length})`, [], warnings.length === 0 ? element('p', { class: 'empty' }, 'Nothing is doubtful.') : element('ul', { class: 'doubts', id: 'warnings' }, ...doubts)),
    card('Settings', [element('p', { class: 'note' }, 'as the server was started; limits of the guard that were changed since are on the live page')], element('div', { class: 'scroll' }, rows.node)),
  ];
}
