// Joins the page's parts: the feed in, tiles, charts, tables and panels out.

import { AttackPanel } from './attack.js';
import { byId, element, setText } from './element.js';
import { Feed } from './feed.js';
import { duration } from './format.js';
import { Guard } from './guard.js';
import { KINDS } from './kinds.js';
import { Lists } from './lists.js';
import { openPages } from './pages.js';
import { Reasons, setTheme } from './palette.js';
import { RoomPage } from './room.js';
import { enter, stillIn } from './session.js';
import { Tiles } from './tiles.js';
import { Timeline } from './timeline.js';
import { views } from './views.js';
import { Wall } from './wall.js';

/** Charts slide at this rate; a minute of chart moves a few pixels a second, and the server may share the processor with this page. */
const FRAMES_PER_SECOND = 12;
const WINDOWS = { '1 min': 60_000, '2 min': 120_000, '5 min': 300_000 };

const bright = window.matchMedia('(prefers-color-scheme: light)');
setTheme(bright.matches);
let reasons = new Reasons([]);
let threats = new Map();
/** For people at the developer tools, and for tests: samples seen, verdicts seen, names that attacks were given. */
const seen = { samples: 0, attacks: [], names: new Set() };
window.hillfortConsole = seen;

const tiles = new Tiles();
const lists = new Lists();
const guard = new Guard();
const room = new RoomPage();
const timeline = new Timeline(byId('canvas'), () => feed.now());
const attack = new AttackPanel(() => reasons, () => threats, () => feed.now());
const wall = new Wall(() => reasons, () => threats);
let shown = views(() => reasons);

await enter();
openPages();

const feed = new Feed({
  hello(hello) {
    reasons = new Reasons(hello.rejects);
    threats = new Map(hello.threats.map(([id, name, sign]) => [id, { name, sign }]));
    setLive(true);
    setText(byId('version'), hello.version);
    byId('mode').hidden = !hello.development;
    room.offer(hello.development);
    byId('attack').hidden = hello.attacks === null;
    document.body.classList.toggle('with-attack', hello.attacks !== null);
    if (hello.attacks) attack.offer(hello.attacks);
    byId('game').hidden = hello.gamePort === null;
    byId('game').href = `${location.protocol}//${location.hostname}:${hello.gamePort}/`;
  },
  samples(samples) {
    seen.samples = samples.length;
    timeline.samples = samples;
    samples.at(-1)?.wall.named.forEach((name) => seen.names.add(name));
    tiles.update(samples);
    wall.update(samples);
    lists.update(feed.tables, feed.latest());
    describe();
  },
  tables(tables) {
    lists.update(tables, feed.latest());
    guard.update(tables);
    wall.tables(tables);
  },
  attack(board) {
    timeline.marks = board.marks.map((mark) => ({ ...mark, name: KINDS[mark.kind]?.name ?? mark.kind }));
    if (board.verdict && board.verdict !== seen.attacks.at(-1) && attack.board?.running) seen.attacks.push(board.verdict);
    attack.update(board);
  },
  lost() {
    setLive(false);
    stillIn();
  },
});

function setLive(live) {
  byId('live').classList.toggle('on', live);
  document.body.classList.toggle('lost', !live);
  setText(byId('live').lastElementChild, live ? 'live' : 'connection lost, trying again');
}

/** Buttons of which one is on. */
function choice(parent, names, first, choose, role) {
  const buttons = names.map((name) => element('button', { type: 'button', role, onclick: () => pick(name) }, name));
  const pick = (name) => {
    buttons.forEach((button, i) => button.setAttribute(role === 'tab' ? 'aria-selected' : 'aria-pressed', String(names[i] === name)));
    choose(name);
  };
  parent.append(...buttons);
  pick(first);
}

choice(byId('views'), Object.keys(shown), Object.keys(shown)[0], (name) => timeline.show(shown[name]), 'tab');
choice(byId('windows'), Object.keys(WINDOWS), '2 min', (name) => { timeline.window = WINDOWS[name]; });

/** The legend names what the stack shows; lines carry their names at their ends. */
function legend() {
  const named = (timeline.places ?? []).flatMap(({ series }) => series ?? []).filter((one) => one.kind === 'stack');
  const key = named.map(({ name }) => name).join();
  if (key === legend.key) return;
  legend.key = key;
  byId('legend').replaceChildren(...named.map(({ name, colour }) => {
    const dot = element('i');
    dot.style.background = colour;
    return element('li', {}, dot, name);
  }));
}

timeline.onpoint = (read) => {
  const box = byId('readout');
  box.hidden = !read;
  if (!read) return;
  const time = element('time', {}, new Date(read.sample.at).toLocaleTimeString('en-GB'));
  const lines = read.lanes.flatMap(({ lane, series }) => (series ?? []).map((one) => [lane, one, one.of(read.sample)]))
    .filter(([, one, value]) => one.kind !== 'stack' || value > 0)
    .map(([lane, one, value]) => {
      const dot = element('i');
      dot.style.background = one.colour;
      return element('p', {}, dot, element('span', {}, one.name), element('b', {}, lane.format(value)));
    });
  box.replaceChildren(time, ...(read.mark ? [element('p', { class: 'hot' }, read.mark.name)] : []), ...lines);
  const left = read.x > timeline.width / 2;
  box.style.left = left ? 'auto' : `${read.x + 14}px`;
  box.style.right = left ? `${timeline.width - read.x + 14}px` : 'auto';
};

/** What the canvas shows, in words. */
function describe() {
  const sample = feed.latest();
  if (!sample || seen.samples % 20 !== 0) return;
  const text = `Median round trip ${sample.latency[0]} ms, 99th percentile ${sample.latency[1]} ms; ${sample.refused.length} reasons of refusal now`;
  byId('canvas').setAttribute('aria-label', text);
}

const still = window.matchMedia('(prefers-reduced-motion: reduce)');
let drawn = 0;
function frame(time) {
  requestAnimationFrame(frame);
  if (time - drawn < (still.matches ? 500 : 1000 / FRAMES_PER_SECOND)) return;
  drawn = time;
  timeline.draw();
  if (timeline.pointer !== null) timeline.onpoint(timeline.read());
  legend();
  attack.step();
  wall.step();
}
requestAnimationFrame(frame);

bright.addEventListener('change', () => {
  setTheme(bright.matches);
  if (feed.hello) reasons = new Reasons(feed.hello.rejects);
  shown = views(() => reasons);
  timeline.show(shown[byId('views').querySelector('[aria-selected="true"]').textContent]);
  legend.key = null;
});

setInterval(() => {
  if (feed.started) setText(byId('uptime'), duration(Date.now() - feed.started));
}, 1000);
