// Accounts of players: searched, and one of them shown, edited, banned, exported, erased.

import { ask, attempt } from './dialog.js';
import { element } from './element.js';
import { get, keep, post, put, remove } from './feed.js';
import { Pages, button, card, facts, link, query, time } from './office.js';
import { may } from './session.js';

const WAYS = { any: 'Anything', name: 'Username', id: 'Id', identity: 'Address or device', banned: 'Banned' };
const LASTS = [[3600, '1 hour'], [86_400, '1 day'], [604_800, '1 week'], [2_592_000, '30 days'], ['', 'for good']];
const PROFILE = [['username', 'Username', 128], ['display_name', 'Shown name', 255], ['avatar_url', 'Picture', 512], ['lang_tag', 'Language', 18], ['location', 'Place', 255], ['timezone', 'Time zone', 255]];

export const accounts = async (id) => (id ? one(id) : search());

const identities = (list) => list.map(({ kind, value }) => `${kind.replaceAll('_', ' ')} ${value}`).join(', ');
const banned = (row) => (row.banned ? `banned until ${row.ban.until === null ? 'further notice' : time(row.ban.until)}` : '');

async function search() {
  const by = element('select', { id: 'account-by', 'aria-label': 'Search by' }, ...Object.entries(WAYS).map(([value, text]) => element('option', { value }, text)));
  const q = element('input', { id: 'account-q', type: 'search', placeholder: 'id, username, e-mail or device', maxlength: 512, autocomplete: 'off' });
  const pages = new Pages([
    { name: 'Username', node: (row) => link(row.username, 'accounts', row.id) },
    { name: 'Shown name', of: (row) => row.name, long: true },
    { name: 'Signs in by', of: (row) => identities(row.identities), long: true },
    { name: 'Since', of: (row) => time(row.created) },
    { name: '', of: banned, tone: () => 'hot' },
  ], (row) => row.id, 'Nobody is found.', async (cursor) => {
    const page = await get(query('/api/accounts', { by: by.value, q: q.value.trim(), cursor }));
    return { rows: page.accounts, cursor: page.cursor };
  });
  by.onchange = q.oninput = () => pages.begin();
  await pages.begin();
  return card('Accounts', [by, q], pages.node);
}

async function one(id) {
  const path = `/api/accounts/${encodeURIComponent(id)}`;
  let found;
  try {
    found = await get(path);
  } catch (error) {
    return card('Account', [link('All accounts', 'accounts')], element('p', { class: 'empty' }, error.message));
  }
  const { account, banned: isBanned, wallet, sessions, sockets } = found;
  const again = async (work, done) => {
    if (await attempt(work, done)) dispatchEvent(new Event('hashchange'));
  };
  const acts = [
    link('All accounts', 'accounts'), link('Storage', 'storage', '', id),
    ...(may('operator') ? [
      button('Edit …', () => edit(account, path, again)),
      isBanned ? button('Lift the ban', () => again(() => post(`${path}/unban`, {}), `${account.username} may come back.`)) : button('Ban …', () => ban(account, path, again)),
      button('Sign out', () => again(() => post(`${path}/sign-out`, {}), 'All its sessions have ended.')),
      button('Export', () => attempt(() => exported(path, account.username))),
    ] : []),
    ...(may('administrator') ? [button('Change the wallet …', () => owe(account, path, again)), ...(account.identities.length > 0 ? [button('Unlink …', () => unlink(account, path, again))] : []), button('Erase …', () => erase(account, path), 'small danger')] : []),
  ];
  const shown = (text) => text || '–';
  return card(account.username, acts,
    ...(isBanned ? [element('p', { class: 'hot', id: 'account-ban' }, `Banned by ${account.ban.by}, ${account.ban.until === null ? 'for good' : `until ${time(account.ban.until)}`}: ${account.ban.reason}`)] : []),
    facts([
      ['Id', account.id], ['Shown name', shown(account.display_name)], ['Signs in by', shown(identities(account.identities))],
      ['Language', shown(account.lang_tag)], ['Place', shown(account.location)], ['Time zone', shown(account.timezone)], ['Picture', shown(account.avatar_url)],
      ['Since', time(account.create_time)], ['Changed', time(account.update_time)], ['Address verified', time(account.verify_time)],
      ['Open sockets', String(sockets)], ['Wallet', shown(Object.entries(wallet).map(([name, sum]) => `${sum} ${name}`).join(', '))],
    ]),
    element('h3', {}, 'Ledger of the wallet'), await ledger(path),
    element('h3', {}, 'Metadata'), element('pre', {}, account.metadata),
    element('h3', {}, 'Signed in'),
    ...(sessions.length === 0 ? [element('p', { class: 'empty' }, 'Nowhere.')] : sessions.map((session) => element('p', {}, `${session.origin}, since ${time(session.create_time)}, last ${time(session.update_time)}`))));
}

async function edit(account, path, again) {
  const fields = PROFILE.map(([name, label, maxlength]) => ({ name, label, given: account[name], node: element('input', { type: 'text', maxlength, value: account[name], required: name === 'username' }) }));
  const metadata = element('textarea', { rows: 6, maxlength: 65_536 });
  metadata.value = account.metadata;
  const answer = await ask({ title: `Edit ${account.username}`, action: 'Save', fields: [...fields, { name: 'metadata', label: 'Metadata, a JSON object', given: account.metadata, node: metadata }] });
  const changed = Object.fromEntries(Object.entries(answer ?? {}).filter(([name, value]) => value !== account[name]));
  if (Object.keys(changed).length > 0) again(() => post(path, changed), `${account.username} is changed.`);
}

async function ban(account, path, again) {
  const seconds = element('select', { name: 'seconds' }, ...LASTS.map(([value, text]) => element('option', { value, selected: value === 86_400 }, text)));
  const answer = await ask({
    title: `Ban ${account.username}`, action: 'Ban', danger: true,
    text: 'Its sessions end and its sockets close. Whoever signs in is told the reason and until when.',
    fields: [
      { name: 'reason', label: 'Reason', node: element('input', { type: 'text', name: 'reason', required: true, maxlength: 120 }) },
      { name: 'seconds', label: 'For', node: seconds },
    ],
  });
  if (answer) again(() => post(`${path}/ban`, { reason: answer.reason, seconds: answer.seconds === '' ? null : Number(answer.seconds) }), `${account.username} is banned.`);
}

/** Changes of the wallet, newest first. */
async function ledger(path) {
  const pages = new Pages([
    { name: 'When', of: (line) => time(line.create_time) },
    { name: 'Change', of: (line) => Object.entries(line.changeset).map(([name, sum]) => `${sum > 0 ? '+' : ''}${sum} ${name}`).join(', '), long: true },
    { name: 'Note', of: (line) => (line.metadata === '{}' ? '' : line.metadata), long: true, tone: () => 'dim' },
  ], (line) => line.id, 'It has never changed.', async (cursor) => {
    const page = await get(query(`${path}/ledger`, { cursor }));
    return { rows: page.lines, cursor: page.cursor };
  });
  pages.node.id = 'ledger';
  await pages.begin();
  return pages.node;
}

async function owe(account, path, again) {
  const answer = await ask({
    title: `Wallet of ${account.username}`, action: 'Change', text: 'The ledger has a line with the reason and your name.',
    fields: [
      { name: 'name', label: 'What', node: element('input', { type: 'text', name: 'name', required: true, maxlength: 128, autocomplete: 'off', placeholder: 'coins' }) },
      { name: 'amount', label: 'How many more; below zero: fewer', node: element('input', { type: 'number', name: 'amount', required: true, step: 1, min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }) },
      { name: 'reason', label: 'Reason', node: element('input', { type: 'text', name: 'reason', required: true, maxlength: 120 }) },
    ],
  });
  if (answer) again(() => post(`${path}/wallet`, { changeset: { [answer.name]: Number(answer.amount) }, reason: answer.reason }), 'The wallet is changed.');
}

async function unlink(account, path, again) {
  const ways = element('select', { name: 'way' }, ...account.identities.map(({ kind, value }, at) => element('option', { value: at }, `${kind.replaceAll('_', ' ')} ${value}`)));
  const answer = await ask({
    title: `A way to sign in less for ${account.username}`, action: 'Unlink', danger: true, text: 'Nobody signs in by it any more. Sessions that are there go on: sign the account out to end them.',
    fields: [{ name: 'way', label: 'Way to sign in', node: ways }],
  });
  if (answer) again(() => post(`${path}/unlink`, account.identities[Number(answer.way)]), 'It is unlinked.');
}

/** All parts of what is kept about a person, as one file. */
async function exported(path, name) {
  const parts = [];
  let cursor = null;
  do {
    parts.push(await put(`${path}/export`, { cursor }));
    cursor = parts.at(-1).cursor;
  } while (cursor);
  keep(parts, `${name}.json`);
}

async function erase(account, path) {
  const answer = await ask({
    title: `Erase ${account.username}?`, action: 'Erase', danger: true, text: 'The account and all that it owns go for good. Type its username to be sure.',
    fields: [{ name: 'name', label: 'Username', node: element('input', { type: 'text', required: true, autocomplete: 'off' }) }],
  });
  if (answer?.name === account.username && await attempt(() => remove(path), `${account.username} is erased.`)) location.hash = '#accounts';
}
