// Draws a match on the canvas: land, hills, squads, effects and marks, in that order, once a frame. Owns the picture's own memory
// (soldiers, effects, the painted land); decides nothing about the game.

import { Camera } from './camera.js';
import { Effects } from './effects.js';
import { AIM, Figures, FIGURE_UNITS, MUZZLE, STAND, STEP_LEFT, STEP_RIGHT } from './figures.js';
import { NO_SQUAD, NOBODY, PHASE_PLAY } from './format.js';
import { drawHillBanner, drawHillGround, drawHillName } from './hills.js';
import { paintLand } from './land.js';
import { drawBadge, drawOrder, drawSelection, drawSelectionBox } from './marks.js';
import { SEA, SHADOW, TEAMS } from './palette.js';
import { Troops } from './troops.js';

/** Pixels a unit that the land is painted with, at least and at most. */
const PAINT_MIN = 6;
const PAINT_MAX = 12;
/** Shots a squad fires a second, for the eye. */
const SHOTS_PER_S = 5;

export class Scene {
  camera = new Camera();
  effects = new Effects();
  troops = new Troops();
  /** The painted land for the small map, or null while it is being painted. */
  land = null;
  /** What the pointer is over or drags; the controls set it. */
  hover = { squad: null, box: null };
  #canvas;
  #context;
  #figures = new Figures();
  #size = { width: 1, height: 1, dpr: 1 };
  #map = null; // whose land is painted
  #cancelPainting = () => {};
  #landSince = 0;
  #backdrop = document.createElement('canvas');
  #backdropView = '';
  #downAt = new Map(); // squad → time, to greet it when it is back

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false });
  }

  get size() {
    return this.#size;
  }

  /** `insets` are the CSS pixels that the display covers at top and bottom. */
  resize(width, height, dpr, insets) {
    this.#size = { width, height, dpr };
    this.#canvas.width = Math.round(width * dpr);
    this.#canvas.height = Math.round(height * dpr);
    this.camera.setScreen({ width, height, ...insets });
  }

  /** Begins to paint another map's land; the old one stays until the new one is ready. */
  setMap(map) {
    this.camera.setMap(map);
    this.troops.clear();
    this.#cancelPainting();
    const scale = Math.max(PAINT_MIN, Math.min(PAINT_MAX, Math.ceil(this.camera.scale * this.#size.dpr)));
    this.#cancelPainting = paintLand(map, scale, (land) => {
      if (map !== this.#map) this.#landSince = performance.now();
      this.land = land;
      this.#map = map;
    });
  }

  /** Draws the moment `now` (ms); `dt` seconds went by. `match` is null before there is one. */
  draw(now, dt, map, match) {
    const pen = this.#pen();
    this.camera.step(dt);
    this.effects.step(dt);
    this.#drawLand(pen, now);
    if (map === null) return;
    const time = now / 1000;
    const seen = match?.timeline.at(now) ?? null;
    const hills = map.hills.map((hill, i) => ({ hill, seen: seen?.state.hills[i] ?? null }));
    if (seen !== null) this.#step(match, seen, now, dt);
    this.#figures.prepare(FIGURE_UNITS * pen.scale);

    for (const { hill, seen: state } of hills) drawHillGround(pen, hill, state, time);
    this.effects.drawGround(pen);
    if (match !== null) this.#drawGroundMarks(pen, match, time);
    this.effects.drawFallen(pen, (body, part) => this.#drawBody(pen, body, part));
    this.#drawStanding(pen, hills, time);
    this.effects.drawAir(pen);
    if (match !== null) {
      // Own ones last: they lie on top.
      for (const own of [false, true]) {
        for (const squad of this.troops.squads) {
          if (!squad.down && match.isOwn(squad.id) === own) drawBadge(pen, match, squad, this.hover.squad === squad.id);
        }
      }
    }
    this.effects.drawWords(pen);
    if (this.hover.box !== null) drawSelectionBox(pen, this.hover.box);
  }

  /** The event that a squad is down. */
  onDown(match, { squad, by }) {
    const where = this.troops.get(squad);
    if (where === undefined) return;
    this.effects.rout(where.x, where.y, match.teamOf(squad));
    if (by !== NO_SQUAD && match.isOwn(by)) this.effects.word(where.x, where.y, '+10', { size: 20 });
  }

  #pen() {
    const { dpr } = this.#size;
    const { camera } = this;
    const scale = camera.scale * dpr;
    return {
      context: this.#context,
      dpr,
      scale,
      at: (x, y, up = 0) => {
        const [px, py] = camera.toScreen(x, y);
        return [px * dpr, py * dpr - up * scale];
      },
    };
  }

  #drawLand(pen, now) {
    const { context } = pen;
    const fade = Math.min(1, (now - this.#landSince) / 700);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 1;
    this.#prepareBackdrop(pen);
    if (fade < 1) {
      context.fillStyle = SEA;
      context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
      context.globalAlpha = Math.max(0, fade);
    }
    context.drawImage(this.#backdrop, 0, 0);
    context.globalAlpha = 1;
  }

  /** The land as it lies on the screen now. Scaling it is dear, so it is done only when the view has changed. */
  #prepareBackdrop(pen) {
    const { width, height } = this.#canvas;
    const [x, y] = pen.at(0, 0);
    const view = [width, height, x, y, pen.scale, this.#landSince, this.land?.canvas.width].join();
    if (view === this.#backdropView) return;
    this.#backdropView = view;
    this.#backdrop.width = width;
    this.#backdrop.height = height;
    const context = this.#backdrop.getContext('2d', { alpha: false });
    context.fillStyle = SEA;
    context.fillRect(0, 0, width, height);
    if (this.land !== null) {
      const [left, top] = pen.at(this.land.left, this.land.top);
      context.imageSmoothingQuality = 'high';
      context.drawImage(this.land.canvas, left, top, this.land.width * pen.scale, this.land.height * pen.scale);
    }
    for (const hill of this.#map?.hills ?? []) drawHillName({ ...pen, context }, hill);
    const vignette = context.createRadialGradient(width / 2, height / 2, Math.min(width, height) * 0.55, width / 2, height / 2, Math.hypot(width, height) * 0.55);
    vignette.addColorStop(0, 'rgba(4, 9, 14, 0)');
    vignette.addColorStop(1, 'rgba(4, 9, 14, 0.5)');
    context.fillStyle = vignette;
    context.fillRect(0, 0, width, height);
  }

  /** Moves soldiers and lets the shots of this frame happen. */
  #step(match, seen, now, dt) {
    match.settleOrders(seen.squads, now);
    this.troops.step(seen.squads, (id) => match.teamOf(id), dt, (squad, soldier) => {
      this.effects.fall(soldier.x, soldier.y, squad.team, soldier.side);
    });
    for (const squad of this.troops.squads) {
      if (squad.down) this.#downAt.set(squad.id, now);
      else if (this.#downAt.delete(squad.id)) this.effects.arrive(squad.x, squad.y, squad.team);
      if (squad.firing && !squad.down && seen.state.phase === PHASE_PLAY) this.#shoot(squad, dt);
    }
  }

  #shoot(squad, dt) {
    const target = this.troops.get(squad.target);
    if (target === undefined || squad.soldiers.length === 0) return;
    for (const soldier of squad.soldiers) soldier.side = target.x > squad.x ? 1 : -1;
    if (Math.random() > dt * SHOTS_PER_S || target.soldiers.length === 0) return;
    const from = squad.soldiers[Math.floor(Math.random() * squad.soldiers.length)];
    const to = target.soldiers[Math.floor(Math.random() * target.soldiers.length)];
    const muzzle = { x: from.x + MUZZLE.x * FIGURE_UNITS * from.side, y: from.y, up: -MUZZLE.y * FIGURE_UNITS };
    const hit = { x: to.x + (Math.random() - 0.5), y: to.y + (Math.random() - 0.5) * 0.6, up: FIGURE_UNITS * 0.5 };
    this.effects.shot(muzzle, hit, squad.team);
  }

  #drawGroundMarks(pen, match, time) {
    for (const squad of this.troops.squads) {
      if (!match.isOwn(squad.id) || squad.down) continue;
      const order = match.orders[match.indexOf(squad.id)];
      if (order !== null) drawOrder(pen, squad, order, match.team, time);
      drawSelection(pen, squad, match.isSelected(squad.id), time);
    }
  }

  /** All that stands upright, from the back to the front. */
  #drawStanding(pen, hills, time) {
    const { context } = pen;
    const standing = [];
    context.fillStyle = SHADOW;
    context.beginPath();
    for (const squad of this.troops.squads) {
      for (const soldier of squad.soldiers) {
        standing.push({ y: soldier.y, squad, soldier });
        const [x, y] = pen.at(soldier.x, soldier.y);
        const size = FIGURE_UNITS * pen.scale;
        context.moveTo(x + size * 0.5, y);
        context.ellipse(x + size * 0.16, y + size * 0.02, size * 0.36, size * 0.13, 0.2, 0, 2 * Math.PI);
      }
    }
    context.fill();
    for (const { hill, seen } of hills) standing.push({ y: hill.y, hill, seen });
    standing.sort((a, b) => a.y - b.y);
    for (const { squad, soldier, hill, seen } of standing) {
      if (hill !== undefined) drawHillBanner(pen, hill, seen, time);
      else this.#drawSoldier(pen, squad, soldier);
    }
  }

  #drawSoldier(pen, squad, soldier) {
    const marching = soldier.pace > 0.6;
    const step = Math.floor(soldier.stride * 2) % 2 === 0;
    const pose = marching ? (step ? STEP_LEFT : STEP_RIGHT) : squad.firing ? AIM : STAND;
    const bob = marching ? Math.abs(Math.sin(soldier.stride * 2 * Math.PI)) * 0.14 : 0;
    const [x, y] = pen.at(soldier.x, soldier.y, bob);
    pen.context.globalAlpha = Math.min(1, soldier.age * 4 + 0.2);
    this.#figures.draw(pen.context, squad.team === NOBODY ? 0 : squad.team, pose, soldier.side, x, y);
    pen.context.globalAlpha = 1;
  }

  #drawBody(pen, { x, y, team, side }, part) {
    const { context } = pen;
    const [px, py] = pen.at(x, y);
    context.save();
    context.translate(px, py);
    context.rotate(-side * part * 1.45);
    if (TEAMS[team] !== undefined) this.#figures.draw(context, team, STAND, side, 0, 0);
    context.restore();
  }
}
