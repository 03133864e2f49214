// The display around the map: points, clock, players, own squads, latency, words. Writes into the page only what has changed; knows the
// match by reading it, and decides nothing.

import { NOBODY, PHASE_INTERMISSION, SQUADS_PER_PLAYER } from './format.js';
import { NEUTRAL, TEAMS } from './palette.js';
import { clockWords, squadWords } from './words.js';

/** Points that win a round (FORMAT.md). */
const POINTS_TO_WIN = 300;
const LINES_IN_FEED = 6;
const SHORT_NOTICE_MS = 3200;
const SPARK_SAMPLES = 48;

const find = (selector) => document.querySelector(selector);

export class Hud {
  #noticeUntil = Infinity;
  #lasting = null; // words that stay until others take their place
  #aboutLine = false; // short words about the connection are shown
  #samples = [];
  #rankingKey = '';
  #frames = [];

  /** `deeds`: { select(mask, add), centre(index) }. */
  constructor(deeds) {
    find('#show-ranking').addEventListener('click', () => document.body.classList.toggle('ranking-open'));
    find('#show-help').addEventListener('click', () => this.showHelp());
    find('#close-help').addEventListener('click', () => this.#closeHelp());
    find('#help').addEventListener('click', (event) => {
      if (event.target.id === 'help') this.#closeHelp();
    });
    window.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#closeHelp();
      if (event.key === '?') this.showHelp();
    });
    for (let i = 0; i < SQUADS_PER_PLAYER; i += 1) {
      const button = document.createElement('button');
      button.type = 'button';
      button.innerHTML = `<b>${i + 1}</b><span></span><i></i>`;
      button.addEventListener('click', (event) => deeds.select(1 << i, event.shiftKey));
      button.addEventListener('dblclick', () => deeds.centre(i));
      find('#squads').append(button);
    }
  }

  showHelp() {
    find('#help').hidden = false;
    find('#close-help').focus();
  }

  /** Shows the newest state. */
  show(match) {
    const state = match.timeline.newest;
    if (state === null) return;
    this.#showPoints(match, state);
    this.#showSquads(match, state);
    this.#showRanking(match);
    text('#score', match.score);
  }

  /** A word about the match, for a while; words about the connection go first. `tone`: good, bad, amber, teal or nothing. */
  say(words, tone = '') {
    if (this.#lasting === null && !this.#aboutLine) this.#sayShortly(words, tone);
  }

  /** Words about the connection; null: there is nothing to say. Lasting ones stay until the next call. */
  sayStatus(words) {
    if (words === null) {
      if (this.#lasting !== null) this.#hideNotice();
    } else if (words.lasting) {
      this.#lasting = words;
      this.#showNotice(words.text, words.tone);
    } else {
      this.#lasting = null;
      this.#aboutLine = true;
      this.#sayShortly(words.text, words.tone);
    }
  }

  /** A line in the list of what happened. `parts` are strings or { text, team }. */
  tell(parts) {
    const line = document.createElement('li');
    for (const part of parts) {
      const span = document.createElement('span');
      span.textContent = part.text ?? part;
      if (part.team !== undefined) span.className = teamClass(part.team);
      line.append(span);
    }
    line.addEventListener('animationend', () => line.remove());
    const feed = find('#feed');
    feed.append(line);
    while (feed.childElementCount > LINES_IN_FEED) feed.firstChild.remove();
  }

  roundOver({ winner, points }) {
    const result = find('#result');
    result.dataset.team = winner;
    text('#result-title', winner === NOBODY ? 'A draw' : `${TEAMS[winner].name} holds the field`);
    text('#result-points', `${points[0]} : ${points[1]}`);
    result.hidden = false;
  }

  /** What the account keeps of all rounds, below the result of the last. */
  showRecord({ status, record }) {
    text('#result-record', status === 'known' ? `${record.won} of your ${record.rounds} rounds won` : '');
  }

  addRtt(ms) {
    this.#samples.push(ms);
    if (this.#samples.length > SPARK_SAMPLES) this.#samples.shift();
    text('#rtt', ms < 10 ? ms.toFixed(1) : Math.round(ms));
    this.#drawSpark();
  }

  /** Once a frame: takes down what has been shown long enough. */
  frame(now) {
    if (this.#lasting === null && now > this.#noticeUntil) this.#hideNotice();
    this.#frames.push(now);
    while (this.#frames[0] < now - 1000) this.#frames.shift();
    if (this.#frames.length % 15 === 0) text('#fps', `${this.#frames.length} fps`);
  }

  #showPoints(match, state) {
    for (const [team, name] of [[0, 'amber'], [1, 'teal']]) {
      text(`#points-${name}`, state.points[team]);
      find(`#rail-${name}`).style.transform = `scaleX(${Math.min(1, state.points[team] / POINTS_TO_WIN)})`;
    }
    text('#clock', clockWords(state.secondsLeft));
    find('#clock').classList.toggle('late', state.phase !== PHASE_INTERMISSION && state.secondsLeft <= 30);
    const holders = find('#holders');
    while (holders.childElementCount < state.hills.length) holders.append(document.createElement('li'));
    state.hills.forEach(({ holder, contested }, i) => {
      const mark = holders.children[i];
      mark.dataset.team = holder;
      mark.title = match.map.hills[i]?.name ?? '';
      mark.classList.toggle('contested', contested);
    });
    const result = find('#result');
    if (state.phase === PHASE_INTERMISSION) {
      // Who joins between two rounds has missed the event.
      if (result.hidden) this.roundOver({ winner: leaderOf(state.points), points: state.points });
      text('#result-next', `Next round in ${state.secondsLeft} s`);
    } else if (!result.hidden) {
      result.hidden = true;
    }
  }

  #showSquads(match, state) {
    const box = find('#squads');
    box.dataset.team = match.team;
    for (const squad of state.squads) {
      if (!match.isOwn(squad.id)) continue;
      const card = box.children[match.indexOf(squad.id)];
      const near = match.map.hills.findIndex((hill) => Math.hypot(hill.x - squad.x, hill.y - squad.y) <= hill.radius);
      const held = near >= 0 && state.hills[near]?.holder === match.team;
      const words = squadWords(squad, held);
      if (card.children[1].textContent !== words) card.children[1].textContent = words;
      card.children[2].style.setProperty('--strength', squad.strength);
      card.className = squad.down ? 'down' : squad.strength <= 30 ? 'weak' : '';
      card.setAttribute('aria-pressed', String(match.isSelected(squad.id)));
    }
  }

  #showRanking(match) {
    const ranking = match.ranking();
    const key = JSON.stringify(ranking);
    if (key === this.#rankingKey) return;
    this.#rankingKey = key;
    find('#ranking ol').replaceChildren(
      ...ranking.map(({ name, team, score, own, away }) => {
        const line = document.createElement('li');
        line.className = [teamClass(team), own ? 'own' : '', away ? 'away' : ''].join(' ');
        line.innerHTML = '<span class="name"></span><span></span>';
        line.children[0].textContent = name;
        line.children[1].textContent = score;
        return line;
      }),
    );
  }

  #sayShortly(words, tone) {
    this.#noticeUntil = performance.now() + SHORT_NOTICE_MS;
    this.#showNotice(words, tone);
  }

  #showNotice(words, tone) {
    const notice = find('#notice');
    if (notice.textContent !== words) notice.textContent = words;
    notice.dataset.tone = tone;
    notice.classList.add('shown');
  }

  #hideNotice() {
    this.#lasting = null;
    this.#aboutLine = false;
    this.#noticeUntil = Infinity;
    find('#notice').classList.remove('shown');
  }

  #closeHelp() {
    find('#help').hidden = true;
  }

  #drawSpark() {
    const canvas = find('#spark');
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0) return;
    const dpr = window.devicePixelRatio;
    canvas.width = Math.round(width * dpr);
    canvas.height = Math.round(height * dpr);
    const context = canvas.getContext('2d');
    context.scale(dpr, dpr);
    const most = Math.max(20, ...this.#samples) * 1.1;
    const step = width / (SPARK_SAMPLES - 1);
    const from = width - (this.#samples.length - 1) * step;
    const line = new Path2D();
    this.#samples.forEach((ms, i) => line.lineTo(from + i * step, height - 1 - (ms / most) * (height - 3)));
    const last = this.#samples.at(-1);
    context.strokeStyle = last < 80 ? '#a7e07a' : last < 180 ? TEAMS[0].main : '#ff8a75';
    context.lineWidth = 1.4;
    context.lineJoin = 'round';
    context.stroke(line);
    line.lineTo(width, height);
    line.lineTo(from, height);
    context.globalAlpha = 0.16;
    context.fillStyle = context.strokeStyle;
    context.fill(line);
  }
}

/** The small map of where everybody is; shown when the large one does not show all. */
export class Minimap {
  #canvas = find('#minimap');

  constructor(camera) {
    const look = (event) => {
      if (event.buttons === 0 || this.map === undefined) return;
      const { left, top, width, height } = this.#canvas.getBoundingClientRect();
      camera.goTo(((event.clientX - left) / width) * this.map.width, ((event.clientY - top) / height) * this.map.height);
    };
    this.#canvas.addEventListener('pointerdown', look);
    this.#canvas.addEventListener('pointermove', look);
  }

  draw(scene, match) {
    const hidden = scene.camera.showsAll || match === null;
    this.#canvas.hidden = hidden;
    if (hidden) return;
    this.map = match.map;
    const { width, height } = match.map;
    const { clientWidth, clientHeight } = this.#canvas;
    const { dpr } = scene.size;
    this.#canvas.width = Math.round(clientWidth * dpr);
    this.#canvas.height = Math.round(clientHeight * dpr);
    const context = this.#canvas.getContext('2d');
    context.scale(this.#canvas.width / width, this.#canvas.height / height);
    if (scene.land !== null) context.drawImage(scene.land.canvas, scene.land.left, scene.land.top, scene.land.width, scene.land.height);
    const unit = width / clientWidth;
    match.map.hills.forEach((hill, i) => {
      const holder = match.timeline.newest?.hills[i]?.holder ?? NOBODY;
      context.strokeStyle = (TEAMS[holder] ?? NEUTRAL).main;
      context.lineWidth = 1.8 * unit;
      context.beginPath();
      context.arc(hill.x, hill.y, hill.radius, 0, 2 * Math.PI);
      context.stroke();
    });
    for (const squad of scene.troops.squads) {
      if (squad.down) continue;
      const own = match.isOwn(squad.id);
      const size = (own ? 3.6 : 2.3) * unit;
      context.fillStyle = TEAMS[squad.team]?.main ?? NEUTRAL.main;
      context.strokeStyle = own ? '#fff' : '#10161a';
      context.lineWidth = unit;
      context.beginPath();
      if (squad.team === 0) context.arc(squad.x, squad.y, size, 0, 2 * Math.PI);
      else for (const [dx, dy] of [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]]) context.lineTo(squad.x + dx * size, squad.y + dy * size);
      context.closePath();
      context.fill();
      context.stroke();
    }
    const { left, top, right, bottom } = scene.camera.window;
    context.strokeStyle = 'rgba(255, 255, 255, 0.85)';
    context.lineWidth = unit;
    context.strokeRect(left, top, right - left, bottom - top);
  }
}

function text(selector, value) {
  const element = find(selector);
  const words = String(value);
  if (element.textContent !== words) element.textContent = words;
}

function leaderOf([amber, teal]) {
  return amber === teal ? NOBODY : amber > teal ? 0 : 1;
}

function teamClass(team) {
  return team === 0 ? 'amber' : 'teal';
}
