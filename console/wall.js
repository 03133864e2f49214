// The wall in a glance: what is going on and what it is called, how many want in, where they are refused, how honest players fare.

import { byId, drawing, element, setText } from './element.js';
import { calmLatency, height, outcome, sees, stages } from './flow.js';
import { compact, kept, ms, percent } from './format.js';
import { Top } from './top.js';

const COLUMN = 100;
const HEIGHT = 100;
/** Part of the way to its place that a shape goes in one frame. */
const GLIDE = 0.28;
/** Least half height of what flows at all, so that one player is seen. */
const THIN = 1.2;
/** Reasons shown of a stage. */
const REASONS_MAX = 8;
/** A round trip is called steady up to this many times and milliseconds above the calm one. */
const [STEADY_TIMES, STEADY_MS] = [2, 10];

const RUNGS = { native: 'XDP in the driver', generic: 'XDP, generic', socket: 'filter on the socket', user_space: 'no kernel filter' };

export class Wall {
  /** `reasons()` and `threats()` give the tables that the server has said. */
  constructor(reasons, threats) {
    Object.assign(this, { reasons, threats, columns: [], shown: [], wanted: [], open: null });
    this.top = new Top();
    byId('funnel').addEventListener('keydown', (event) => { if (event.key === 'Escape') this.reveal(null); });
    byId('funnel').addEventListener('pointerleave', () => this.reveal(null));
  }

  update(samples) {
    const sample = samples.at(-1);
    if (!sample) return;
    this.stages = stages(samples, this.reasons());
    if (this.columns.length !== this.stages.length) this.build();
    const most = Math.max(...this.stages.slice(0, -1).map((stage) => stage.in));
    this.wanted = this.stages.map((stage) => {
      const peak = stage.id === 'messages' ? Math.max(stage.in, stage.refused) : most;
      return [stage.in, stage.out].map((rate) => (rate > 0 ? Math.max(THIN, (height(rate, peak) * HEIGHT) / 2 - 2) : 0));
    });
    this.stages.forEach((stage, i) => this.columns[i].update(stage));
    if (this.open !== null) this.fill(this.open);
    this.say(sample, samples);
  }

  tables(tables) {
    this.top.update(tables.top);
  }

  /** Moves the shapes towards where they belong; called at each frame. */
  step() {
    this.wanted.forEach((wanted, i) => {
      const shown = (this.shown[i] ??= [0, 0]);
      let moved = false;
      wanted.forEach((goal, end) => {
        if (Math.abs(goal - shown[end]) < 0.05) return;
        shown[end] += (goal - shown[end]) * GLIDE;
        moved = true;
      });
      if (moved) this.columns[i].draw(...shown);
    });
  }

  build() {
    this.shown = [];
    this.columns = this.stages.map((stage, i) => new Column(stage, i, () => this.reveal(i)));
    byId('shapes').setAttribute('viewBox', `0 0 ${this.columns.length * COLUMN} ${HEIGHT}`);
    byId('shapes').replaceChildren(...this.columns.map(({ shape }) => shape));
    byId('stages').replaceChildren(...this.columns.map(({ node }) => node));
  }

  /** Name of what is going on, how the wall stands, how players fare. */
  say(sample, samples) {
    const { wall } = sample;
    const [first, ...others] = wall.named.map((id) => this.threats().get(id) ?? { name: id, sign: '' });
    const crowd = wall.named[0] === 'crowd';
    byId('wall').classList.toggle('attacked', wall.named.length > 0 && !crowd);
    byId('wall').classList.toggle('crowded', crowd);
    setText(byId('threat'), first?.name ?? 'Calm');
    const also = others.length > 0 ? ` Also: ${others.map(({ name }) => name.toLowerCase()).join(', ')}.` : '';
    setText(byId('threat-sign'), first ? first.sign + also : 'Nothing unusual in the last seconds.');
    const { offered, refused, part } = outcome(this.stages);
    setText(byId('threat-sum'), refused > 0 ? `${compact(offered)}/s want in, ${kept(part)} kept out` : `${compact(offered)}/s want in, none kept out`);
    this.standing(wall);
    this.latency(sample, samples);
  }

  standing({ kernel, posture }) {
    const rung = byId('rung');
    setText(rung, RUNGS[kernel?.rung ?? 'user_space']);
    rung.title = kernel?.why_not_higher ?? (kernel ? '' : 'No kernel filter is attached: the doors refuse by themselves.');
    rung.classList.toggle('dim', (kernel?.rung ?? 'user_space') === 'user_space');
    byId('kernel-mode').hidden = kernel === null || !sees(kernel);
    setText(byId('kernel-mode'), kernel?.mode === 'flood' ? 'flood mode: SYN cookies' : 'passive');
    byId('kernel-mode').classList.toggle('hot', kernel?.mode === 'flood');
    byId('posture').hidden = posture === null;
    setText(byId('posture'), posture === 'attack' ? 'under attack: strangers pay more' : 'posture calm');
    byId('posture').classList.toggle('hot', posture === 'attack');
  }

  latency(sample, samples) {
    const calm = calmLatency(samples);
    const [p50, p99] = sample.latency;
    setText(byId('rtt-p50'), p99 > 0 ? ms(p50) : '–');
    setText(byId('rtt-p99'), p99 > 0 ? ms(p99) : '–');
    const steady = calm === null || p99 <= STEADY_TIMES * calm[1] + STEADY_MS;
    const word = p99 === 0 ? 'Nobody plays.' : calm === null ? '' : `${steady ? 'Steady' : 'Shaken'}: p99 ${ms(calm[1])} ms when calm.`;
    setText(byId('rtt-word'), word);
    byId('rtt-word').className = steady ? 'calm' : 'warn';
    setText(byId('pause'), `${ms(sample.wall.pause)} ms`);
  }

  reveal(i) {
    this.open = i;
    byId('why').hidden = i === null;
    this.columns.forEach((column, at) => column.node.firstElementChild.setAttribute('aria-expanded', String(at === i)));
    if (i !== null) this.fill(i);
  }

  fill(i) {
    const stage = this.stages[i];
    const lines = stage.reasons.slice(0, REASONS_MAX).map(({ label, rate, colour }) => {
      const dot = element('i');
      if (colour) dot.style.background = colour;
      return element('p', {}, dot, element('span', {}, label), element('b', {}, `${compact(rate)}/s`));
    });
    const silent = element('p', { class: 'dim' }, stage.absent ? 'No kernel filter is attached.' : 'Nothing is refused here.');
    byId('why').replaceChildren(element('h3', {}, stage.name), element('p', { class: 'dim' }, `${compact(stage.in)} ${stage.unit}/s come, ${compact(stage.out)}/s go on`), ...(lines.length > 0 ? lines : [silent]));
    byId('why').style.left = `${Math.min(i / this.columns.length, 0.68) * 100}%`;
  }
}

/** One stage: its part of the drawing, its figures, and the button that tells its reasons. */
class Column {
  constructor(stage, at, reveal) {
    this.from = at * COLUMN;
    this.lost = drawing('path', { class: 'lost' });
    this.flow = drawing('path', { class: 'flow' });
    this.shape = drawing('g', { class: `at-${stage.id}` }, this.lost, this.flow);
    [this.rate, this.refused, this.part, this.bar, this.cut] = [element('b'), element('span', { class: 'refused' }), element('small'), element('i', { class: 'in' }), element('i', { class: 'out' })];
    const button = element('button', { type: 'button', 'data-stage': stage.id, 'aria-expanded': 'false', 'aria-controls': 'why', onclick: reveal, onfocus: reveal, onpointerenter: reveal },
      element('span', { class: 'name' }, stage.name), element('span', { class: 'rate' }, this.rate, element('small', {}, stage.unit === 'messages' ? ' msg/s' : '/s')), this.refused, this.part,
      element('span', { class: 'bars', 'aria-hidden': 'true' }, this.bar, this.cut));
    this.node = element('li', { class: `at-${stage.id}` }, button);
  }

  update(stage) {
    const part = stage.in > 0 ? Math.min(1, stage.refused / stage.in) : 0;
    this.node.classList.toggle('absent', Boolean(stage.absent));
    this.node.classList.toggle('refuses', stage.refused > 0);
    setText(this.rate, compact(stage.in));
    setText(this.refused, stage.absent ? 'no filter' : stage.refused > 0 ? `−${compact(stage.refused)}/s` : 'none refused');
    setText(this.part, stage.refused > 0 ? `${percent(part)}, ${stage.reasons[0].label}` : '');
    this.node.firstElementChild.setAttribute('aria-label', `${stage.name}: ${compact(stage.in)} ${stage.unit} a second come, ${compact(stage.refused)} are kept out, ${compact(stage.out)} go on`);
    const scale = Math.max(stage.in, stage.refused);
    this.bar.style.width = `${height(stage.in, scale) * 100}%`;
    this.cut.style.width = `${height(stage.out, scale) * 100}%`;
  }

  /** `into` and `out` are half heights at the two ends. */
  draw(into, out) {
    // A hair beyond its end, so that no seam is seen.
    const [a, b, m, c, d] = [0, 0.3, 0.5, 0.7, 1.004].map((part) => this.from + COLUMN * part);
    const edge = (sign) => {
      const [from, to] = [HEIGHT / 2 + sign * into, HEIGHT / 2 + sign * out];
      return { from, to, there: `C${m} ${from} ${m} ${to} ${c} ${to}`, back: `C${m} ${to} ${m} ${from} ${b} ${from}` };
    };
    const [up, low] = [edge(-1), edge(1)];
    const lost = ({ from, to, there }) => `M${b} ${from}${there}L${d} ${to}L${d} ${from}Z`;
    this.flow.setAttribute('d', `M${a} ${up.from}L${b} ${up.from}${up.there}L${d} ${up.to}L${d} ${low.to}L${c} ${low.to}${low.back}L${a} ${low.from}Z`);
    this.lost.setAttribute('d', out < into ? lost(up) + lost(low) : '');
  }
}
