// The row of figures at the top, each with the shape of its last minute.

import { byId, drawing, element, setText } from './element.js';
import { bytes, compact, ms, percent, whole } from './format.js';
import { refusedOf } from './views.js';

const SHAPE_SAMPLES = 120;
const [WIDTH, HEIGHT] = [120, 30];

const late = (sample) => sample.worlds.reduce((most, world) => Math.max(most, world.late[1]), 0);
const seats = (sample) => sample.worlds.reduce((sum, world) => sum + world.seats, 0);
const rooms = (sample) => sample.worlds.reduce((sum, world) => sum + world.rooms, 0);

const TILES = [
  {
    label: 'Sessions', unit: '', floor: 4, of: (s) => s.connections.sessions, value: (s) => whole(s.connections.sessions),
    more: ({ connections: c }) => `${compact(c.open)} open · ${compact(c.unproven)} unproven · ${compact(c.detached)} away`,
  },
  {
    label: 'Tick lateness', unit: 'ms p99', floor: 6, of: late, value: (s) => ms(late(s)),
    more: (s) => `${whole(rooms(s))} ${rooms(s) === 1 ? 'room' : 'rooms'} · ${whole(seats(s))} seats taken`,
  },
  {
    label: 'Refused', unit: '/s', floor: 50, hot: true, of: refusedOf, value: (s) => compact(refusedOf(s)),
    more: (s) => `${compact(s.proven)} hellos let in/s`,
  },
  {
    label: 'Frames', unit: '/s out', floor: 50, of: (s) => s.frames[1], value: (s) => compact(s.frames[1]),
    more: (s) => `${compact(s.frames[0])}/s in · ${bytes(s.bytes[1])}/s out`,
  },
  {
    label: 'Memory', unit: '', floor: 32 << 20, of: (s) => s.rss, value: (s) => bytes(s.rss),
    more: (s) => `processor ${percent(s.cpu)} of a core`,
  },
];

export class Tiles {
  constructor() {
    this.made = TILES.map((tile) => {
      const value = element('b');
      const more = element('p');
      const line = drawing('path', { class: 'line' });
      const area = drawing('path', { class: 'area' });
      const shape = drawing('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, area, line);
      const label = element('h3', {}, tile.label);
      const node = element('div', { class: `tile${tile.hot ? ' hot' : ''}` }, label, element('div', { class: 'value' }, value, element('span', {}, tile.unit)), more, shape);
      return { ...tile, node, valueNode: value, moreNode: more, line, area };
    });
    byId('tiles').replaceChildren(...this.made.map(({ node }) => node));
  }

  update(samples) {
    const sample = samples.at(-1);
    if (!sample) return;
    const last = samples.slice(-SHAPE_SAMPLES);
    for (const tile of this.made) {
      setText(tile.valueNode, tile.value(sample));
      setText(tile.moreNode, tile.more(sample));
      if (tile.hot) tile.node.classList.toggle('lit', tile.of(sample) >= tile.floor);
      const most = last.reduce((most, one) => Math.max(most, tile.of(one)), tile.floor);
      const step = WIDTH / (SHAPE_SAMPLES - 1);
      const from = WIDTH - (last.length - 1) * step;
      const points = last.map((one, i) => `${(from + i * step).toFixed(1)} ${(HEIGHT - 1 - (tile.of(one) / most) * (HEIGHT - 3)).toFixed(1)}`);
      tile.line.setAttribute('d', `M${points.join('L')}`);
      tile.area.setAttribute('d', `M${from.toFixed(1)} ${HEIGHT}L${points.join('L')}L${WIDTH} ${HEIGHT}Z`);
    }
  }
}
