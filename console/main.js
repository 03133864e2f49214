// Joins the page's parts: the feed in, tiles, charts, tables and panels out.

import { AttackPanel, KINDS } from './attack.js';
import { byId, element, setText } from './element.js';
import { Feed } from './feed.js';
import { duration } from './format.js';
import { Guard } from './guard.js';
import { Lists } from './lists.js';
import { Reasons } from './palette.js';
import { Tiles } from './tiles.js';
import { Timeline } from './timeline.js';
import { views } from './views.js';

/** Charts slide at this rate; a minute of chart moves a few pixels a second, and the server may share the processor with this page. */
const FRAMES_PER_SECOND = 12;
const WINDOWS = { '1 min': 60_000, '2 min': 120_000, '5 min': 300_000 };

let reasons = new Reasons([]);
/** For people at the developer tools, and for tests: samples seen, verdicts seen. */
const seen = { samples: 0, attacks: [] };
window.hillfortConsole = seen;

const tiles = new Tiles();
const lists = new Lists();
const guard = new Guard();
const timeline = new Timeline(byId('canvas'), () => feed.now());
const attack = new AttackPanel(() => reasons, () => feed.now());
const shown = views(() => reasons);

const feed = new Feed({
  hello(hello) {
    reasons = new Reasons(hello.rejects);
    setLive(true);
    setText(byId('version'), hello.version);
    byId('mode').hidden = !hello.development;
    byId('attack').hidden = !hello.attacks;
    document.body.classList.toggle('with-attack', hello.attacks);
    byId('game').hidden = hello.gamePort === null;
    byId('game').href = `${location.protocol}//${location.hostname}:${hello.gamePort}/`;
  },
  samples(samples) {
    seen.samples = samples.length;
    timeline.samples = samples;
    tiles.update(samples);
    lists.update(feed.tables, feed.latest());
    describe();
  },
  tables(tables) {
    lists.update(tables, feed.latest());
    guard.update(tables);
  },
  attack(board) {
    timeline.marks = board.marks.map((mark) => ({ ...mark, name: KINDS[mark.kind].name }));
    if (board.verdict && board.verdict !== seen.attacks.at(-1) && attack.board?.running) seen.attacks.push(board.verdict);
    attack.update(board);
  },
  lost() {
    setLive(false);
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
}
requestAnimationFrame(frame);

setInterval(() => {
  if (feed.started) setText(byId('uptime'), duration(Date.now() - feed.started));
}, 1000);
