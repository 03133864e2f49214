// Matches as clients list them, and one of them live: who is in it, what its room costs, and the state of its rules.

import { savedEntries, tabled } from './branches.js';
import { ask, attempt } from './dialog.js';
import { element, setText } from './element.js';
import { get, remove } from './feed.js';
import { ms, whole } from './format.js';
import { Facts, Pages, button, card, link, query, whileShown } from './office.js';
import { Rows } from './rows.js';
import { may } from './session.js';
import { Tree } from './tree.js';

const KINDS = { any: 'All', rooms: 'Run by rooms', relayed: 'Relayed' };
const LIST_EVERY_MS = 2000;
const MATCH_EVERY_MS = 1000;

export const matches = async (id) => (id ? one(id) : list());

async function list() {
  const kind = element('select', { id: 'match-kind', 'aria-label': 'Who runs them' }, ...Object.entries(KINDS).map(([value, text]) => element('option', { value }, text)));
  const q = element('input', { id: 'match-query', type: 'search', placeholder: '+label.mode:ffa +label.rank:>=5', 'aria-label': 'Query over labels', maxlength: 512, autocomplete: 'off', spellcheck: 'false' });
  const note = element('p', { class: 'dim' });
  const pages = new Pages([
    { name: 'Match', node: (row) => link(row.id, 'matches', row.id) },
    { name: 'Run by', of: runBy },
    { name: 'Players', right: true, of: (row) => whole(row.size) },
    { name: 'Hz', right: true, of: (row) => (row.authoritative ? String(row.rate) : '–') },
    { name: 'Label', of: (row) => row.label ?? '', long: true },
  ], (row) => row.id, 'No match fits.', async () => {
    const found = await get(query('/api/matches', { kind: kind.value, query: q.value.trim() }));
    setText(note, found.more ? `The newest ${found.matches.length}; a query finds others.` : '');
    return { rows: found.matches, cursor: null };
  });
  kind.onchange = q.oninput = () => pages.begin();
  pages.node.id = 'matches';
  await pages.begin();
  whileShown(pages.node, LIST_EVERY_MS, () => pages.begin(true));
  return card('Matches', [kind, q], pages.node, note);
}

const runBy = (row) => (row.authoritative ? row.handler : 'its clients (relayed)');

async function one(id) {
  const path = `/api/matches/${encodeURIComponent(id)}`;
  let found;
  try {
    found = await get(path);
  } catch (error) {
    return card('Match', [link('All matches', 'matches')], element('p', { class: 'empty' }, error.message));
  }
  const said = element('p', { class: 'hot', role: 'status', id: 'match-said' });
  const about = new Facts();
  const players = new Rows([
    { name: 'Player', node: (row) => (row.user ? link(row.username, 'accounts', row.user) : element('span', {}, row.username)) },
    { name: 'Session', of: (row) => row.session },
    // What a room of a module sends is not told apart by player.
    ...(found.presences ? [] : [{ name: 'Gets', right: true, of: (row) => row.gets }]),
  ], (row) => row.session, 'Nobody is in it.');
  const [state, stateless] = [new Tree(), element('p', { class: 'empty' })];
  const show = (match) => {
    about.update(of(match));
    players.update(presences(match));
    state.update(match.state !== null && typeof match.state === 'object' ? savedEntries(tabled(match.state)) : []);
    setText(stateless, without(match));
    stateless.hidden = stateless.textContent === '';
  };
  show(found);
  whileShown(about.node, MATCH_EVERY_MS, async () => {
    try {
      show(await get(path));
      setText(said, '');
    } catch (error) {
      setText(said, error.message);
    }
  });
  const acts = [
    link('All matches', 'matches'), ...(found.room ? [element('a', { href: `#room=${found.room}` }, 'Its room')] : []),
    ...(may('operator') && found.authoritative ? [button('End …', () => end(found, path), 'small danger')] : []),
  ];
  return [
    card(found.authoritative ? `${found.handler} match` : 'Relayed match', acts, said, about.node),
    card('Players', [], element('div', { class: 'scroll', id: 'match-players' }, players.node)),
    card('State', [], element('div', { class: 'scroll', id: 'match-state' }, state.node, stateless)),
  ];
}

const spread = (us) => ['mean', 'p50', 'p99', 'max'].map((part) => ms(us[part] / 1000)).join(' · ');

function of(match) {
  const { inside } = match;
  const told = inside?.told;
  return [
    ['Id', match.id], ['Run by', runBy(match)], ['Label', match.label || '–'], ['Players', whole(match.size)],
    ...(inside ? [
      ['Ticks', `${whole(told?.ticks ?? inside.tick)}, ${match.rate} a second`],
      ['Tick time: mean, p50, p99, max', `${spread(inside.tick_us)} ms`], ['Late: mean, p50, p99, max', `${spread(inside.late_us)} ms`],
      ['World thread', String(inside.world)],
    ] : []),
    ...(told ? [['Ticks missed while it waited', whole(told.ticks_missed)], ['Inputs refused', whole(told.refused)], ['Now', told.waits ? 'waits for the server' : 'runs']] : []),
  ];
}

/** Who is in it; a room of a game knows names, and no accounts. */
function presences(match) {
  if (match.presences) return match.presences;
  return (match.inside?.players ?? []).map((player) => ({ username: player.name, session: player.session, gets: `${whole(player.bytes_per_s)} B/s` }));
}

/** Why no state is shown. */
function without(match) {
  if (!match.authoritative) return 'A relayed match has none: the server hands on what its players send.';
  if (match.state === null) return match.inside?.told ? 'It has not begun.' : 'A game’s room is asked for its state in the room’s own window.';
  return typeof match.state === 'object' ? '' : String(match.state);
}

async function end(match, path) {
  const sure = await ask({
    title: `End the ${match.handler} match?`, action: 'End', danger: true,
    text: `Its rules are told (match_terminate without time), and whoever is in it leaves.`,
  });
  if (sure && await attempt(() => remove(path), 'The match is over.')) location.hash = '#matches';
}
