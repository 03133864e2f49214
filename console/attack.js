// The attack panel: buttons, what the attacker says while it runs, and the verdict when it is over.

import { attempt } from './dialog.js';
import { byId, drawing, element } from './element.js';
import { post } from './feed.js';
import { compact, kept, ms, whole } from './format.js';
import { KINDS } from './kinds.js';

/** How long an attack takes, for the bar. */
const LASTS_MS = 8000;

export class AttackPanel {
  /** `reasons()` and `threats()` give the tables that the server has said. */
  constructor(reasons, threats, now) {
    Object.assign(this, { reasons, now, board: null, buttons: [] });
    this.nameOf = (id) => threats().get(id)?.name ?? id;
  }

  /** `offers`: { kind, cannot } for each kind; `cannot` says why it cannot run here, or is null. */
  offer(offers) {
    this.buttons = offers.filter(({ kind }) => kind in KINDS).map(({ kind, cannot }) => {
      const { name, what, icon, does, sees } = KINDS[kind];
      const drawn = drawing('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, drawing('path', { d: icon }));
      const button = element('button', { type: 'button', 'data-attack': kind, 'aria-description': cannot ?? `${does} ${sees}`, title: cannot ?? does, onclick: () => this.start(kind), onpointerenter: () => this.tell(kind), onfocus: () => this.tell(kind) },
        drawn, element('span', {}, element('b', {}, name), element('small', {}, cannot ?? what)));
      button.classList.toggle('cannot', cannot !== null);
      button.cannot = cannot;
      return button;
    });
    byId('kinds').replaceChildren(...this.buttons);
    this.lock(this.board?.running);
  }

  /** Says beforehand what an attack does; nothing while there is something newer to say. */
  tell(kind) {
    if (this.board?.running || this.board?.verdict || this.board?.end) return;
    byId('outcome').replaceChildren(foretold(kind));
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
    this.buttons.forEach((button) => { button.disabled = Boolean(running) || button.cannot !== null; });
  }

  outcome(board, last) {
    if (board.verdict) return [this.verdict(board.verdict, board.end, board.ground)];
    if (board.end?.how === 'failed') return [element('p', { class: 'failed' }, `The load tool failed: ${board.end.why}`)];
    if (!board.running) return [idle()];
    const { refused, succeeded, open, packets } = board.progress;
    const { name, sees } = KINDS[last.kind];
    this.bar = element('i');
    return [element('div', { class: 'running' },
      element('h3', {}, name, element('small', {}, last.to ? ' over; waiting for the last samples' : ' running')),
      element('div', { class: 'bar' }, this.bar),
      // What becomes of a single packet only the wall can say.
      packets > 0 ? element('dl', {}, figure('packets sent', whole(packets))) : element('dl', {},
        figure('attempts', whole(attempts(board.progress))), figure('refused', whole(refused), 'hot'),
        figure('got through', whole(succeeded), succeeded > 0 ? 'warn' : 'calm'), figure('sockets open', whole(open))),
      ...standing(board.ground),
      element('p', { class: 'sees' }, element('b', {}, 'Should be seen: '), sees))];
  }

  verdict(verdict, end, ground) {
    const { attacker, latency_p99: p99, latency_p50: p50, late_p99: late, ticks_kept: ticksKept, cpu } = verdict;
    const smooth = p99.during <= 2 * p99.before + 5 && (ticksKept ?? 1) >= 0.99;
    const blind = attacker.packets > 0;
    const held = smooth && attacker.succeeded * 100 <= attempts(attacker);
    // Without players or rooms there is nothing to say about how they fared.
    const watched = p99.before > 0 || p99.during > 0 || ticksKept !== null;
    const busy = late.before > 50;
    const title = !watched ? 'Over; nobody played' : held ? 'The fort held' : smooth ? 'Players noticed nothing' : busy ? 'This machine was busy already' : 'Players noticed';
    const total = verdict.refused.reduce((sum, [, n]) => sum + n, 0);
    const shown = verdict.refused.slice(0, 3);
    return element('article', { class: `verdict ${smooth && watched ? 'held' : 'shaken'}` },
      element('h3', {}, title, element('small', {}, `${KINDS[verdict.kind].name}, ${(verdict.lasted_ms / 1000).toFixed(1)} s${end?.how === 'killed' ? ', killed' : ''}`)),
      blind ? element('dl', { class: 'counts' }, figure('packets sent', whole(attacker.packets)), ...verdict.packets.map(([what, n]) => figure(what, whole(n), what === 'passed' ? '' : 'hot'))) : element('dl', { class: 'counts' },
        figure('attempts', whole(attempts(attacker))), figure('refused', whole(attacker.refused), 'hot'), figure('got through', whole(attacker.succeeded), attacker.succeeded > 0 ? 'warn' : 'calm')),
      element('p', { class: 'called' }, this.called(verdict, blind)), ...standing(ground),
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

  called({ named, packets }, blind) {
    if (named.length > 0) return `The wall called it: ${named.map(this.nameOf).join(', ')}.`;
    return blind && packets.length === 0 ? 'Only a kernel filter sees such packets, and none is attached.' : 'Too little came this far to have a name.';
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

function foretold(kind) {
  const { name, does, sees } = KINDS[kind];
  return element('div', { class: 'told' }, element('h3', {}, name), element('p', {}, does), element('p', {}, element('b', {}, 'Should be seen: '), sees));
}

/** Where an attack by packets takes place: nothing for others, and until it is known. */
function standing(ground) {
  if (!ground) return [];
  const [where, more] = ground.ground === 'loopback'
    ? ['Over loopback', `, where the kernel answers forged packets with resets: weaker. ${ground.why}`]
    : ['From a network namespace of its own', `, in by ${ground.interface}. ${ground.filter ? `The kernel filter stands there (${ground.filter}).` : `No kernel filter: ${ground.why}.`}`];
  return [element('p', { class: 'sees', 'data-ground': ground.ground }, element('b', {}, where), more)];
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
