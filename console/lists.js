// Rooms, players and worlds as tables, one at a time.

import { byId, element, setText } from './element.js';
import { compact, ms, whole } from './format.js';
import { Rows } from './rows.js';

const id = (text) => text.replace(/^0+(?=.{4})/, '');
const slow = (us) => (us > 250_000 ? 'alarm' : us > 100_000 ? 'warn' : '');

const LISTS = {
  Players: {
    rows: (tables) => tables.players, total: (tables) => tables.players_total, key: (row) => row.session,
    empty: 'Nobody plays yet. Open the game in a tab, or start some bots.',
    columns: [
      { name: 'Name', of: (row) => row.name },
      { name: 'Round trip', right: true, of: (row) => (row.latency_us === null ? '–' : `${ms(row.latency_us / 1000)} ms`), tone: (row) => slow(row.latency_us) },
      { name: 'Room', of: (row) => (row.room ? id(row.room) : '–') },
      { name: 'From', of: (row) => (row.address ? row.address : 'away') },
    ],
  },
  Rooms: {
    rows: (tables) => tables.rooms, total: (tables) => tables.rooms_total, key: (row) => row.id,
    empty: 'No room is open. The first player opens one.',
    columns: [
      { name: 'Room', node: (row) => element('a', { href: `#room=${row.id}` }, id(row.id)) },
      { name: 'Game', of: (row) => row.game },
      { name: 'Seats', right: true, of: (row) => `${row.seats} / ${row.seats_max}` },
      { name: 'Hz', right: true, of: (row) => String(row.hz) },
      { name: 'Tick', right: true, of: (row) => whole(row.tick) },
      { name: 'Time p99', right: true, of: (row) => `${ms(row.tick_us_p99 / 1000)} ms`, tone: (row) => (row.tick_us_p99 * row.hz > 1e6 ? 'alarm' : '') },
      { name: 'Inputs lost', right: true, of: (row) => whole(row.inputs_lost), tone: (row) => (row.inputs_lost > 0 ? 'warn' : '') },
      { name: 'World', right: true, of: (row) => String(row.world) },
    ],
  },
  Worlds: {
    rows: (tables, sample) => (sample?.worlds ?? []).map((world, index) => ({ ...world, index })), key: (row) => row.index,
    total: (tables, sample) => sample?.worlds.length ?? 0, empty: 'No world thread runs.',
    columns: [
      { name: 'World', of: (row) => String(row.index) },
      { name: 'Rooms', right: true, of: (row) => whole(row.rooms) },
      { name: 'Seats', right: true, of: (row) => whole(row.seats) },
      { name: 'Ticks/s', right: true, of: (row) => compact(row.ticks) },
      { name: 'Time p50', right: true, of: (row) => `${ms(row.tick[0])} ms` },
      { name: 'p99', right: true, of: (row) => `${ms(row.tick[1])} ms` },
      { name: 'Late p50', right: true, of: (row) => `${ms(row.late[0])} ms` },
      { name: 'p99', right: true, of: (row) => `${ms(row.late[1])} ms` },
      { name: 'Skipped/s', right: true, of: (row) => compact(row.skipped), tone: (row) => (row.skipped > 0 ? 'warn' : '') },
    ],
  },
};

export class Lists {
  constructor() {
    this.tabs = new Map();
    this.tables = null;
    for (const [name, list] of Object.entries(LISTS)) {
      const count = element('span', { class: 'count' });
      const tab = element('button', { type: 'button', role: 'tab', onclick: () => this.show(name) }, name, ' ', count);
      this.tabs.set(name, { tab, count, list, rows: new Rows(list.columns, list.key, list.empty) });
      byId('lists').append(tab);
    }
    this.show('Players');
  }

  show(name) {
    this.shown = name;
    for (const [other, { tab }] of this.tabs) tab.setAttribute('aria-selected', String(other === name));
    byId('list').replaceChildren(this.tabs.get(name).rows.node);
    this.update(this.tables, this.sample);
  }

  update(tables, sample) {
    [this.tables, this.sample] = [tables, sample];
    if (!tables?.players) return;
    for (const [name, { count, list, rows }] of this.tabs) {
      const [found, total] = [list.rows(tables, sample), list.total(tables, sample)];
      setText(count, whole(total));
      if (name !== this.shown) continue;
      rows.update(found);
      setText(byId('list-note'), total > found.length ? `the ${whole(found.length)} most telling of ${whole(total)}` : '');
    }
  }
}
