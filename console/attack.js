// The attack panel: buttons, what the attacker says while it runs, and the verdict when it is over.

import { attempt } from './dialog.js';
import { byId, drawing, element } from './element.js';
import { post } from './feed.js';
import { compact, kept, ms, whole } from './format.js';

/** How long an attack takes, for the bar. */
const LASTS_MS = 8000;

export const KINDS = {
  'bad-hello': { name: 'Bad-hello flood', what: 'wrong keys, clocks', icon: 'M7 11V8a5 5 0 0 1 9.6-2M5 11h14v9H5zM9.5 18l5-5m0 5-5-5' },
  'replay-hello': { name: 'Replayed hello', what: 'overheard, sent again', icon: 'M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5M12 8v4.5l3 2' },
  'connect-flood': { name: 'Connection flood', what: 'from 32 addresses', icon: 'M3 6h9m-3-3 3 3-3 3M3 18h9m-3-3 3 3-3 3M3 12h6m6-9h5v18h-5' },
  'slow-hello': { name: 'Slow hello', what: 'byte by byte', icon: 'M7 3h10M7 21h10M8 3c0 5 8 4 8 9s-8 4-8 9M16 3c0 5-8 4-8 9s8 4 8 9' },
  'command-flood': { name: 'Command flood', what: 'from real sessions', icon: 'M4 6l5 5-5 5m8 1h8M13 7h7m-5 5h5' },
  'oversize-frame': { name: 'Oversized frames', what: 'far over the limit', icon: 'M9 9h6v6H9zM4 4l4 4M4 8V4h4m12 0-4 4m0-4h4v4M4 20l4-4m-4 0v4h4m12 0-4-4m4 0v4h-4' },
};

export class AttackPanel {
  constructor(reasons, now) {
    [this.reasons, this.now, this.board] = [reasons, now, null];
    this.buttons = Object.entries(KINDS).map(([kind, { name, what, icon }]) => {
      const drawn = drawing('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, drawing('path', { d: icon }));
      return element('button', { type: 'button', 'data-attack': kind, onclick: () => this.start(kind) }, drawn, element('span', {}, element('b', {}, name), element('small', {}, what)));
    });
    byId('kinds').replaceChildren(...this.buttons);
  }

  async start(kind) {
    this.lock(true);
    if (!(await attempt(() => post('/api/attack', { kind })))) this.lock(this.board?.running);
  }

  update(board) {
    this.board = board;
    this.lock(board.running);
    const last = board.marks.at(-1);
    for (const button of this.buttons) button.classList.toggle('on', board.running && last?.kind === button.dataset.attack);
    byId('outcome').replaceChildren(...this.outcome(board, last));
  }

  /** Moves the bar; called at each frame. */
  step() {
    const last = this.board?.marks.at(-1);
    if (!this.board?.running || !this.bar || !last) return;
    const part = last.to ? 1 : Math.min(1, (this.now() - last.from) / LASTS_MS);
    this.bar.style.transform = `scaleX(${part})`;
  }

  lock(running) {
    this.buttons.forEach((button) => { button.disabled = Boolean(running); });
  }

  outcome(board, last) {
    if (board.verdict) return [this.verdict(board.verdict, board.end)];
    if (board.end?.how === 'failed') return [element('p', { class: 'failed' }, `The load tool failed: ${board.end.why}`)];
    if (!board.running) return [idle()];
    const { refused, succeeded, open } = board.progress;
    this.bar = element('i');
    return [element('div', { class: 'running' },
      element('h3', {}, KINDS[last.kind].name, element('small', {}, last.to ? ' over; waiting for the last samples' : ' running')),
      element('div', { class: 'bar' }, this.bar),
      element('dl', {},
        figure('attempts', whole(attempts(board.progress))), figure('refused', whole(refused), 'hot'),
        figure('got through', whole(succeeded), succeeded > 0 ? 'warn' : 'calm'), figure('sockets open', whole(open))))];
  }

  verdict(verdict, end) {
    const { attacker, latency_p99: p99, latency_p50: p50, late_p99: late, ticks_kept: ticksKept, cpu } = verdict;
    const smooth = p99.during <= 2 * p99.before + 5 && (ticksKept ?? 1) >= 0.99;
    const held = smooth && attacker.succeeded * 100 <= attempts(attacker);
    // Without players or rooms there is nothing to say about how they fared.
    const watched = p99.before > 0 || p99.during > 0 || ticksKept !== null;
    const busy = late.before > 50;
    const title = !watched ? 'Over; nobody played' : held ? 'The fort held' : smooth ? 'Players noticed nothing' : busy ? 'This machine was busy already' : 'Players noticed';
    const total = verdict.refused.reduce((sum, [, n]) => sum + n, 0);
    const shown = verdict.refused.slice(0, 3);
    return element('article', { class: `verdict ${smooth && watched ? 'held' : 'shaken'}` },
      element('h3', {}, title, element('small', {}, `${KINDS[verdict.kind].name}, ${(verdict.lasted_ms / 1000).toFixed(1)} s${end?.how === 'killed' ? ', killed' : ''}`)),
      element('dl', { class: 'counts' },
        figure('attempts', whole(attempts(attacker))), figure('refused', whole(attacker.refused), 'hot'), figure('got through', whole(attacker.succeeded), attacker.succeeded > 0 ? 'warn' : 'calm')),
      element('div', { class: 'reasons' }, ...shown.map(([code, n]) => this.reason(code, n, total))),
      element('table', {},
        element('thead', {}, element('tr', {}, element('th', {}, 'Honest players'), element('th', { class: 'right' }, 'before'), element('th', { class: 'right' }, 'during'))),
        element('tbody', {},
          pair('Round trip, median', p50, (n) => `${ms(n)} ms`), pair('Round trip, worst p99', p99, (n) => `${ms(n)} ms`),
          pair('Tick lateness, worst p99', late, (n) => `${ms(n)} ms`), pair('Frames out per second', verdict.frames_out, compact),
          pair('Processor, cores', cpu, (n) => n.toFixed(2)),
          ...(ticksKept === null ? [] : [line('Room ticks that ran', '', kept(ticksKept))]))),
      ...(this.onlyBanned(verdict.refused, total) ? [element('p', { class: 'hint' }, 'Its addresses are banned. Lift the bans to see the walls behind. ', element('button', { type: 'button', class: 'small', onclick: () => byId('lift-all').click() }, 'Lift all'))] : []));
  }

  /** Whether the ban of earlier attacks' addresses was all that this one met. */
  onlyBanned(refused, total) {
    const [first] = refused;
    return first !== undefined && this.reasons().of(first[0]).label === 'banned' && first[1] > total * 0.95;
  }

  reason(code, n, total) {
    const { label, stage, colour } = this.reasons().of(code);
    const bar = element('i');
    bar.style.background = colour;
    bar.style.width = `${Math.max(1, (n / total) * 100)}%`;
    return element('p', { title: `refused at stage: ${stage}` }, element('span', {}, label), element('span', { class: 'bar' }, bar), element('b', {}, compact(n)));
  }
}

function idle() {
  return element('div', { class: 'idle' },
    element('p', {}, 'Press one and watch the chart: the refusals rise, the players’ lines stay flat.'),
    element('p', {}, 'The attacker is another process. Its verdict is shown here.'));
}

/** An attack on the door never comes to its strokes: then its connections are the attempts. */
const attempts = ({ offered, sent }) => Math.max(offered, sent);

const figure = (name, value, tone = '') => element('div', {}, element('dt', {}, name), element('dd', { class: tone }, value));

const pair = (name, { before, during }, text) => line(name, text(before), text(during));

const line = (name, ...values) => element('tr', {}, element('td', {}, name), ...values.map((value) => element('td', { class: 'right' }, value)));
