// What games keep: collections, their objects, and one object to look at, write or delete.

import { ask, attempt } from './dialog.js';
import { element } from './element.js';
import { get, post, remove } from './feed.js';
import { bytes } from './format.js';
import { Pages, button, card, link, query, time } from './office.js';
import { may } from './session.js';

const SYSTEM = '00000000-0000-0000-0000-000000000000';
const READERS = ['nobody', 'its owner', 'everybody'];
const WRITERS = ['nobody', 'its owner'];
const again = () => dispatchEvent(new Event('hashchange'));

export async function storage(collection = '', user = '') {
  const all = collection === '' ? await get('/api/collections') : null;
  const beside = [
    ...(all ? [] : [link('All collections', 'storage', '', user)]),
    ...(may('operator') ? [button('Write an object …', () => write({ collection, user: user || SYSTEM, key: '', value: '{}', version: '*', read: 1, write: 1 }))] : []),
  ];
  const of = user === '' ? '' : ` of ${user}`;
  if (all) {
    const names = all.collections.map((name) => element('li', {}, link(name, 'storage', name, user)));
    const body = names.length === 0 ? element('p', { class: 'empty' }, 'Nothing is kept yet.') : element('ul', { class: 'names' }, ...names);
    return card(`Collections${of}`, beside, body, ...(all.more ? [element('p', { class: 'dim' }, 'There are more: an address #storage/NAME leads to any of them.')] : []));
  }
  const pages = new Pages([
    { name: 'Key', node: (row) => button(row.key, () => look(row), 'link') },
    { name: 'Owner', node: (row) => (row.user === SYSTEM ? 'the system' : link(row.user, 'accounts', row.user)) },
    { name: 'Value', of: (row) => row.value, long: true },
    { name: 'Size', right: true, of: (row) => bytes(row.bytes) },
    { name: 'Readers', of: (row) => READERS[row.read] }, { name: 'Writers', of: (row) => WRITERS[row.write] },
    { name: 'Written', of: (row) => time(row.updated) },
  ], (row) => `${row.user} ${row.key}`, 'Nothing is kept here.', async (cursor) => {
    const page = await get(query('/api/objects', { collection, user, cursor }));
    return { rows: page.objects, cursor: page.cursor };
  });
  await pages.begin();
  return card(`${collection}${of}`, beside, pages.node);
}

const named = ({ collection, key, user }, version) => query('/api/object', { collection, key, user, version });

async function look(row) {
  let object;
  if (!await attempt(async () => { object = await get(named(row)); })) return;
  if (may('operator')) write(object);
  else await ask({ title: `${object.collection}/${object.key}`, nodes: [element('pre', {}, object.value)], action: 'Close' });
}

/** Writes an object; one that is there may be deleted, too. Its version is expected, so that nobody writes over what changed meanwhile. */
async function write(object) {
  const is = object.version !== '*';
  const choice = (names, now) => element('select', {}, ...names.map((text, value) => element('option', { value, selected: value === now }, text)));
  const text = (value, fixed) => element('input', { type: 'text', required: true, maxlength: 128, value, readonly: fixed });
  const value = element('textarea', { rows: 14, required: true });
  value.value = object.value;
  const erase = async () => {
    document.getElementById('dialog').close();
    const sure = await ask({ title: `Delete ${object.key}?`, text: 'It goes for good.', action: 'Delete', danger: true });
    if (sure && await attempt(() => remove(named(object, object.version)), `${object.key} is deleted.`)) again();
  };
  const answer = await ask({
    title: is ? `${object.collection}/${object.key}` : 'Write an object', action: 'Write',
    nodes: is && may('administrator') ? [button('Delete …', erase, 'small danger')] : [],
    fields: [
      { name: 'collection', label: 'Collection', given: object.collection, node: text(object.collection, is) },
      { name: 'key', label: 'Key', given: object.key, node: text(object.key, is) },
      { name: 'user', label: 'Owner; zeros are the system', given: object.user, node: text(object.user, is) },
      { name: 'value', label: 'Value, a JSON object', given: object.value, node: value },
      { name: 'read', label: 'May be read by', node: choice(READERS, object.read) }, { name: 'write', label: 'May be written by', node: choice(WRITERS, object.write) },
    ],
  });
  if (!answer) return;
  const whole = { ...answer, read: Number(answer.read), write: Number(answer.write), version: object.version };
  if (await attempt(() => post('/api/object', whole), `${answer.key} is written.`)) again();
}
