// Operators of this console: made, changed and removed by administrators.

import { ask, attempt } from './dialog.js';
import { element } from './element.js';
import { get, put, remove } from './feed.js';
import { button, card, time } from './office.js';
import { Rows } from './rows.js';

const ROLES = ['viewer', 'operator', 'administrator'];
const again = () => dispatchEvent(new Event('hashchange'));
const roles = (now) => element('select', {}, ...ROLES.map((role) => element('option', { value: role, selected: role === now }, role)));

export async function operators() {
  const { operators: all } = await get('/api/operators');
  const path = ({ name }) => `/api/operators/${encodeURIComponent(name)}`;
  const rows = new Rows([
    { name: 'Name', of: (row) => row.name }, { name: 'Role', of: (row) => row.role },
    { name: 'Since', of: (row) => time(row.created) }, { name: 'Changed', of: (row) => time(row.updated) },
    { name: '', right: true, node: (row) => button('Role …', () => role(row, path(row))) },
    { name: '', right: true, node: (row) => button('New password …', () => password(row, path(row))) },
    { name: '', right: true, node: (row) => button('Remove …', () => removed(row, path(row)), 'small danger') },
  ], (row) => row.name, 'There is no operator yet: the first start outside of development mode makes one.');
  rows.update(all);
  return card('Operators', [button('Make one …', make)], element('p', { class: 'dim' }, 'A viewer looks. An operator acts on players, rooms and addresses. An administrator deletes, configures, calls on behalf of others and makes operators.'), element('div', { class: 'scroll' }, rows.node));
}

async function shown(work, name) {
  let made;
  if (!await attempt(async () => { made = await work(); })) return;
  if (made.password) await ask({ title: `Password of ${name}`, text: 'It is shown this once.', nodes: [element('pre', { id: 'made-password' }, made.password)], action: 'Done' });
  again();
}

async function make() {
  const answer = await ask({
    title: 'Make an operator', action: 'Make',
    fields: [{ name: 'name', label: 'Name', node: element('input', { type: 'text', required: true, maxlength: 128, autocomplete: 'off' }) }, { name: 'role', label: 'Role', node: roles('viewer') }],
  });
  if (answer) shown(() => put('/api/operators', answer), answer.name);
}

async function role(row, path) {
  const answer = await ask({ title: `Role of ${row.name}`, action: 'Change', text: 'Its sessions end.', fields: [{ name: 'role', label: 'Role', node: roles(row.role) }] });
  if (answer && answer.role !== row.role) shown(() => put(path, answer), row.name);
}

async function password(row, path) {
  if (await ask({ title: `A new password for ${row.name}?`, action: 'Make one', text: 'The old one is void, and its sessions end.', danger: true })) shown(() => put(path, { password: true }), row.name);
}

async function removed(row, path) {
  const sure = await ask({ title: `Remove ${row.name}?`, text: 'Its sessions end.', action: 'Remove', danger: true });
  if (sure && await attempt(() => remove(path), `${row.name} is removed.`)) again();
}
