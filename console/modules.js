// Modules of the server runtime: what is loaded and registered, what will not work, what failed; and a way to load them anew.

import { attempt } from './dialog.js';
import { element } from './element.js';
import { get, post } from './feed.js';
import { whole } from './format.js';
import { button, card, facts, time } from './office.js';
import { Rows } from './rows.js';
import { may } from './session.js';

/** What registered functions are for, by the function that registers them. */
const KINDS = {
  rpc: 'RPC', req_before: 'before a call', req_after: 'after a call', rt_before: 'before a message', rt_after: 'after a message', shutdown: 'at the end',
};

const table = (columns, key, empty, rows) => {
  const made = new Rows(columns, key, empty);
  made.update(rows);
  return element('div', { class: 'scroll' }, made.node);
};

/** Places in files, and what is wrong there. */
const findings = ({ rows, total }) => [
  table([
    { name: 'File', of: (row) => row.file }, { name: 'Line', right: true, of: (row) => (row.line > 0 ? String(row.line) : '–') },
    { name: 'What, and what to do', of: (row) => row.text, long: true },
  ], (row) => `${row.file} ${row.line} ${row.text}`, '', rows),
  ...more(rows, total),
];

const more = (rows, total) => (total > rows.length ? [element('p', { class: 'dim' }, `${whole(total - rows.length)} more are not shown.`)] : []);

export async function modules() {
  const now = await get('/api/modules');
  const again = async () => {
    await attempt(() => post('/api/modules/reload', {}), 'The modules are loaded anew.');
    dispatchEvent(new Event('hashchange'));
  };
  const loaded = [
    facts([['Loaded', time(now.loaded)], ['Loads that went well', whole(now.generation)], ['Calls under way, by thread', now.load.join(' · ')]]),
    table([
      { name: 'Module', of: (row) => row.name }, { name: 'File', of: (row) => row.file },
      { name: 'Matches', of: (row) => (row.match ? 'runs matches' : ''), tone: () => 'calm' },
    ], (row) => row.name, 'No module is loaded: the setting modules.folder says where they are.', now.modules),
  ];
  const functions = table([
    { name: 'Function', of: (row) => row.name }, { name: 'For', of: (row) => KINDS[row.kind] ?? row.kind },
  ], (row) => `${row.kind} ${row.name}`, 'Nothing is registered.', now.functions);
  const faults = now.faults.map(({ at, place, text, cut }) =>
    element('li', {}, element('p', { class: 'dim' }, `${time(at)} · `, element('b', {}, place)), element('pre', {}, cut ? `${text} …` : text)));
  return [
    ...(now.refused.total > 0 ? [titled('refused', card('The last load was refused', [element('p', { class: 'note' }, 'what was loaded before runs on')], ...findings(now.refused)))] : []),
    titled('modules', card('Modules', may('administrator') ? [button('Load anew', again)] : [], ...loaded)),
    ...(now.unsupported.total > 0 ? [titled('unsupported', card('What will not work', [element('p', { class: 'note' }, 'loaded all the same: modules.unsupported = "warn"')], ...findings(now.unsupported)))] : []),
    titled('faults', card('What failed last', [], faults.length === 0 ? element('p', { class: 'empty' }, 'Nothing has failed since the start.') : element('ul', { class: 'faults' }, ...faults))),
    titled('functions', card('Registered', [element('p', { class: 'note' }, 'nothing runs on a schedule: Nakama’s Lua has none to register')], functions, ...more(now.functions, now.functionsTotal))),
  ];
}

function titled(id, node) {
  node.id = id;
  return node;
}
