// One room: what it costs, who plays, what they send and get, its log, its state and its scene; in development mode its ticks can be
// stopped and run one by one. Asks the server once a second while it is open, and the room is watched only for so long.

import { savedEntries, sceneEntries, tabled } from './branches.js';
import { ask, attempt } from './dialog.js';
import { byId, element, setText } from './element.js';
import { get, post } from './feed.js';
import { bytes, compact, ms, whole } from './format.js';
import { Rows } from './rows.js';
import { may } from './session.js';
import { Tree } from './tree.js';

const EVERY_MS = 1000;
const ONE_THREAD = 'This server has one world thread. Rooms can move when it is started with world.threads at 2 or more.';
const HASH = '#room=';

/** "00ff10" → "00 ff 10" */
export const spaced = (hex) => hex.replace(/..(?=.)/g, '$& ');
/** Bytes with their places, sixteen a line, and as text where they are text. */
export function dump(hex) {
  const lines = [];
  for (let at = 0; at < hex.length; at += 32) {
    const part = hex.slice(at, at + 32);
    const text = part.replace(/../g, (byte) => {
      const code = parseInt(byte, 16);
      return code >= 32 && code < 127 ? String.fromCharCode(code) : '.';
    });
    lines.push(`${(at / 2).toString(16).padStart(4, '0')}  ${spaced(part).padEnd(47)}  ${text}`);
  }
  return lines.join('\n');
}
/** World threads that a room can move to. */
export const others = (world, worlds) => Array.from({ length: worlds }, (_, thread) => thread).filter((thread) => thread !== world);
const spread = (us) => ['mean', 'p50', 'p99', 'max'].map((part) => ms(us[part] / 1000)).join(' · ');
const facts = (room) => [
  ['Game', room.game], ['Name', room.name || '–'], ['Label', room.label || '–'], ['World thread', String(room.world)],
  ['Players', `${room.seats} / ${room.seats_max}`],
  ['Ticks', `${whole(room.tick)}, ${room.rate_hz} of ${room.hz} a second`],
  ['Tick time: mean, p50, p99, max', `${spread(room.tick_us)} ms`], ['Late: mean, p50, p99, max', `${spread(room.late_us)} ms`],
  ['Inputs', `${compact(room.inputs_per_s)} a second, ${whole(room.inputs_lost)} lost`],
  ['Timers', room.timers.length === 0 ? '–' : room.timers.slice(0, 8).map(([tick, id]) => `${id} in tick ${whole(tick)}`).join(', ')],
];
const TABLES = {
  players: [(row) => row.seat, 'Nobody sits here.', [
    { name: 'Seat', right: true, of: (row) => String(row.seat) },
    { name: 'Player', of: (row) => (row.connected ? row.name : `${row.name} (away)`) },
    { name: 'Gets', right: true, of: (row) => `${bytes(row.bytes_per_s)}/s` },
    { name: 'Inputs wait', right: true, of: (row) => whole(row.waiting), tone: (row) => (row.waiting > 16 ? 'warn' : '') },
    { name: 'Sees', right: true, of: (row) => (row.sight ? whole(row.sight[0]) : '–') },
    { name: 'Entities wait', right: true, of: (row) => (row.sight ? whole(row.sight[1]) : '–') },
  ]],
  inputs: [(row) => row.key, 'None since you look.', [
    { name: 'After tick', right: true, of: (row) => whole(row.tick) },
    { name: 'Seat', right: true, of: (row) => String(row.seat) },
    { name: 'Op', right: true, of: (row) => String(row.op) },
    { name: 'Bytes', right: true, of: (row) => whole(row.bytes) },
    { name: 'Data', of: (row) => spaced(row.hex) + (row.hex.length < row.bytes * 2 ? ' …' : '') },
  ]],
  lines: [(row) => row.key, 'None since you look.', [
    { name: 'Tick', right: true, of: (row) => whole(row.tick) },
    { name: 'Log', of: (row) => row.text },
  ]],
};

/** Newest first, each with a name of its own. */
const newest = (rows) => rows.map((row, at) => ({ ...row, key: at })).reverse();

export class RoomPage {
  constructor() {
    this.dialog = byId('room');
    this.id = null;
    this.rows = Object.fromEntries(Object.entries(TABLES).map(([name, [key, empty, columns]]) => [name, new Rows(columns, key, empty)]));
    this.title = element('h2');
    this.said = element('p', { role: 'status' });
    this.facts = element('dl', { class: 'room-facts' });
    this.scene = new Tree();
    this.sceneless = element('p', { class: 'empty' }, 'It shares no scene.');
    this.saved = new Tree();
    this.state = element('pre');
    this.stateNote = element('span', { class: 'note' });
    this.steering = element('span', { hidden: true },
      this.button('pause', 'Pause'), this.button('step', 'One tick'), this.button('resume', 'Resume'));
    this.moving = element('button', { type: 'button', id: 'room-move', hidden: true, onclick: () => this.move() }, 'Move …');
    const part = (title, node, ...more) => element('section', {}, element('h3', {}, title, ' ', ...more), element('div', { class: 'scroll' }, node));
    const inside = element('button', { type: 'button', id: 'look-inside', onclick: () => this.look('?inside') }, 'Ask for its state');
    this.dialog.append(
      element('header', {}, this.title, this.steering, this.moving, element('button', { type: 'button', onclick: () => this.dialog.close() }, 'Close')),
      this.said, this.facts,
      part('Players', this.rows.players.node), part('Last inputs', this.rows.inputs.node), part('Log', this.rows.lines.node),
      part('Scene', element('div', { id: 'scene' }, this.scene.node, this.sceneless)),
      part('State', element('div', { id: 'state' }, this.saved.node, this.state), inside, ' ', this.stateNote));
    this.dialog.addEventListener('close', () => {
      this.id = null;
      if (location.hash.startsWith(HASH)) history.replaceState(null, '', location.pathname);
    });
    addEventListener('hashchange', () => this.follow());
  }

  /** The server said whether it lets rooms be steered. */
  offer(development) {
    this.steering.hidden = !development;
    this.follow();
  }

  open(id) {
    location.hash = HASH + id;
    this.follow();
  }

  /** Shows the room that the address of the page names. */
  follow() {
    const id = location.hash.startsWith(HASH) ? location.hash.slice(HASH.length) : null;
    if (id === null || !/^[0-9a-f]{1,16}$/.test(id) || id === this.id) return;
    this.id = id;
    setText(this.title, `Room ${id}`);
    this.showState(null, null);
    setText(this.stateNote, '');
    // Until it has answered, there is nothing to move.
    this.shown = null;
    this.moving.hidden = true;
    if (!this.dialog.open) this.dialog.showModal();
    this.look();
  }

  /** Asks, and asks again after a while as long as the same room is shown. */
  async look(how = '') {
    const id = this.id;
    try {
      const room = await get(`/api/rooms/${id}${how}`);
      if (this.id !== id) return;
      this.show(room);
      if (how !== '') this.showState(room.state && { ...room.state, tick: room.tick }, room.told);
    } catch (error) {
      if (this.id !== id) return;
      setText(this.said, error.message);
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { if (this.id === id) this.look(); }, EVERY_MS);
  }

  show(room) {
    setText(this.said, room.paused ? 'Paused: no tick runs. It goes on by itself when nobody has looked at it for ten minutes.' : '');
    this.shown = room;
    this.moving.hidden = !may('operator');
    this.moving.disabled = others(room.world, room.worlds).length === 0;
    this.moving.title = this.moving.disabled ? ONE_THREAD : '';
    this.facts.replaceChildren(...facts(room).map(([name, text]) => element('div', {}, element('dt', {}, name), element('dd', {}, text))));
    this.rows.players.update(room.players);
    this.rows.inputs.update(newest(room.inputs));
    this.rows.lines.update(newest(room.lines.map(([tick, text]) => ({ tick, text }))));
    this.scene.update(room.scene ? sceneEntries(room.scene) : []);
    this.sceneless.hidden = room.scene !== null;
  }

  /** As a tree when its bytes say what they are, else the bytes; or what a room that is not saved tells by itself. */
  showState(state, told) {
    setText(this.stateNote, state ? `${whole(state.bytes)} bytes in tick ${whole(state.tick)}` : told === null ? 'Its rules have no on_save.' : '');
    this.saved.update(state?.tree ? savedEntries(state.tree) : told === null ? [] : savedEntries(tabled(told)));
    setText(this.state, state && !state.tree ? dump(state.hex) : '');
  }

  /** Asks where to, and has it move. */
  async move() {
    const { id, world, worlds } = this.shown;
    const to = element('select', {}, ...others(world, worlds).map((thread) => element('option', { value: String(thread) }, `world thread ${thread}`)));
    const answer = await ask({
      title: `Move room ${id}`, action: 'Move', fields: [{ name: 'to', label: 'To', node: to }],
      text: `It is on world thread ${world}. It rests for some milliseconds; its players, their inputs and its state go along.`,
    });
    if (!answer) return;
    await attempt(() => post(`/api/rooms/${id}/move`, { to: Number(answer.to) }), `Room ${id} is on world thread ${answer.to}.`);
    this.look();
  }

  button(deed, text) {
    const act = async () => {
      await attempt(() => post(`/api/rooms/${this.id}`, { deed }));
      this.look();
    };
    return element('button', { type: 'button', 'data-deed': deed, onclick: act }, text);
  }
}
