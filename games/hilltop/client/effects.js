// What flashes, drifts and fades: shots, smoke, sparks, the fallen, rings of a capture, floating numbers. Everything here is short and
// bounded. Positions in units; heights above the ground in units as well.

import { coloursOf, GOLD, NEUTRAL } from './palette.js';

/** Effects of one kind at most: the oldest make room. */
const MOST = 420;

export class Effects {
  #tracers = [];
  #puffs = [];
  #sparks = [];
  #rings = [];
  #words = [];
  #fallen = [];

  /** A shot from one place to another. */
  shot(from, to, team) {
    add(this.#tracers, { from, to, team, age: 0, life: 0.13 });
    this.#puff(from.x, from.y, from.up, 0.35, 0.9);
    for (let i = 0; i < 2; i += 1) {
      const angle = Math.random() * 2 * Math.PI;
      const speed = 1.5 + Math.random() * 2.5;
      add(this.#sparks, { x: to.x, y: to.y, up: to.up, dx: Math.cos(angle) * speed, dy: Math.sin(angle) * speed, rise: 3, colour: '#ffe9b0', age: -0.06, life: 0.22 });
    }
  }

  /** A soldier falls. */
  fall(x, y, team, side) {
    add(this.#fallen, { x, y, team, side, age: 0, life: 2.6 });
    this.#puff(x, y, 0.3, 0.5, 0.7);
  }

  /** A squad is down. */
  rout(x, y, team) {
    for (let i = 0; i < 7; i += 1) this.#puff(x + (Math.random() - 0.5) * 2.4, y + (Math.random() - 0.5) * 1.8, 0.4, 0.9, 1.4);
    add(this.#rings, { x, y, radius: 3.2, colour: coloursOf(team).main, age: 0, life: 0.6 });
  }

  /** A hill changes hands. */
  capture(hill, holder) {
    const colours = coloursOf(holder);
    add(this.#rings, { x: hill.x, y: hill.y, radius: hill.radius * 1.7, colour: colours.main, age: 0, life: 1.1 });
    add(this.#rings, { x: hill.x, y: hill.y, radius: hill.radius * 1.2, colour: colours.light, age: -0.15, life: 0.9 });
    for (let i = 0; i < 34; i += 1) {
      const angle = Math.random() * 2 * Math.PI;
      const speed = 1 + Math.random() * 4;
      const colour = Math.random() < 0.3 ? NEUTRAL.light : Math.random() < 0.5 ? colours.main : colours.light;
      add(this.#sparks, { x: hill.x, y: hill.y, up: 4.5, dx: Math.cos(angle) * speed, dy: Math.sin(angle) * speed * 0.7, rise: 4 + Math.random() * 5, colour, paper: true, age: 0, life: 1.1 + Math.random() * 0.6 });
    }
  }

  /** Squads come back. */
  arrive(x, y, team) {
    add(this.#rings, { x, y, radius: 2.6, colour: coloursOf(team).light, age: 0, life: 0.7 });
  }

  /** An order was given here. */
  tap(x, y, team) {
    add(this.#rings, { x, y, radius: 1.6, colour: coloursOf(team).light, age: 0, life: 0.45 });
  }

  /** A word that floats up. */
  word(x, y, text, { colour = GOLD, size = 17 } = {}) {
    add(this.#words, { x, y, text, colour, size, age: 0, life: 1.3 });
  }

  step(dt) {
    for (const kind of [this.#tracers, this.#puffs, this.#sparks, this.#rings, this.#words, this.#fallen]) {
      for (const effect of kind) effect.age += dt;
      drop(kind);
    }
    for (const spark of this.#sparks) {
      if (spark.age < 0) continue;
      const slow = Math.exp(-dt * 2.2);
      spark.x += spark.dx * dt;
      spark.y += spark.dy * dt;
      spark.up = Math.max(0, spark.up + spark.rise * dt);
      spark.dx *= slow;
      spark.dy *= slow;
      spark.rise -= (spark.paper ? 9 : 14) * dt;
    }
  }

  /** What lies on the ground, before soldiers are drawn. */
  drawGround(pen) {
    const { context } = pen;
    for (const ring of this.#rings) {
      if (ring.age < 0) continue;
      const part = ring.age / ring.life;
      const [x, y] = pen.at(ring.x, ring.y);
      const radius = ring.radius * pen.scale * (1 - (1 - part) ** 3);
      context.globalAlpha = (1 - part) * 0.9;
      context.strokeStyle = ring.colour;
      context.lineWidth = (1 - part) * 4 * pen.dpr + 0.5;
      context.beginPath();
      context.ellipse(x, y, radius, radius * 0.86, 0, 0, 2 * Math.PI);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  drawFallen(pen, drawBody) {
    for (const body of this.#fallen) {
      pen.context.globalAlpha = Math.min(1, (body.life - body.age) / 1.4);
      drawBody(body, Math.min(1, body.age / 0.28));
    }
    pen.context.globalAlpha = 1;
  }

  /** What flies, after soldiers are drawn. */
  drawAir(pen) {
    const { context } = pen;
    this.#drawPuffs(pen);
    context.lineCap = 'round';
    for (const { from, to, team, age, life } of this.#tracers) {
      const part = age / life;
      const [x0, y0] = pen.at(from.x, from.y, from.up);
      const [x1, y1] = pen.at(to.x, to.y, to.up);
      const head = Math.min(1, part * 1.6);
      const tail = Math.max(0, part * 1.6 - 0.5);
      context.globalAlpha = 0.85 * (1 - part);
      context.strokeStyle = coloursOf(team).light;
      context.lineWidth = 1.4 * pen.dpr;
      context.beginPath();
      context.moveTo(x0 + (x1 - x0) * tail, y0 + (y1 - y0) * tail);
      context.lineTo(x0 + (x1 - x0) * head, y0 + (y1 - y0) * head);
      context.stroke();
      if (age < 0.07) this.#drawFlash(pen, x0, y0);
    }
    for (const spark of this.#sparks) {
      if (spark.age < 0) continue;
      const [x, y] = pen.at(spark.x, spark.y, spark.up);
      const size = (spark.paper ? 3.4 : 1.8) * pen.dpr;
      context.globalAlpha = 1 - spark.age / spark.life;
      context.fillStyle = spark.colour;
      const squeeze = spark.paper ? Math.abs(Math.cos(spark.age * 11 + spark.dx)) : 1;
      context.fillRect(x - size / 2, y - (size * squeeze) / 2, size, size * squeeze);
    }
    context.globalAlpha = 1;
  }

  drawWords(pen) {
    const { context } = pen;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (const { x, y, text, colour, size, age, life } of this.#words) {
      const part = age / life;
      const [px, py] = pen.at(x, y);
      const lift = (14 + 34 * (1 - (1 - part) ** 2)) * pen.dpr;
      const grow = part < 0.12 ? 0.6 + (part / 0.12) * 0.5 : 1.1 - Math.min(0.1, part - 0.12);
      context.globalAlpha = part < 0.65 ? 1 : (1 - part) / 0.35;
      context.font = `700 ${Math.round(size * grow * pen.dpr)}px system-ui, sans-serif`;
      context.lineWidth = 3.5 * pen.dpr;
      context.strokeStyle = 'rgba(10, 10, 8, 0.8)';
      context.lineJoin = 'round';
      context.strokeText(text, px, py - lift);
      context.fillStyle = colour;
      context.fillText(text, px, py - lift);
    }
    context.globalAlpha = 1;
  }

  #puff(x, y, up, size, life) {
    add(this.#puffs, { x, y, up, size, drift: 0.5 + Math.random() * 0.6, age: 0, life });
  }

  #drawPuffs(pen) {
    const { context } = pen;
    context.fillStyle = '#d9d6cc';
    for (const puff of this.#puffs) {
      const part = puff.age / puff.life;
      const [x, y] = pen.at(puff.x + puff.drift * puff.age, puff.y, puff.up + puff.age * 0.9);
      context.globalAlpha = 0.34 * (1 - part) ** 1.4;
      context.beginPath();
      context.arc(x, y, puff.size * (0.6 + part * 1.5) * pen.scale, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  #drawFlash(pen, x, y) {
    const { context } = pen;
    context.globalAlpha = 0.95;
    context.fillStyle = '#fff3c4';
    context.beginPath();
    context.arc(x, y, 2.3 * pen.dpr, 0, 2 * Math.PI);
    context.fill();
    context.globalAlpha = 0.4;
    context.fillStyle = '#ffc14d';
    context.beginPath();
    context.arc(x, y, 4.8 * pen.dpr, 0, 2 * Math.PI);
    context.fill();
  }
}

function add(kind, effect) {
  if (kind.length >= MOST) kind.shift();
  kind.push(effect);
}

/** Takes out what is over, in place. */
function drop(kind) {
  let kept = 0;
  for (const effect of kind) {
    if (effect.age < effect.life) {
      kind[kept] = effect;
      kept += 1;
    }
  }
  kind.length = kept;
}
