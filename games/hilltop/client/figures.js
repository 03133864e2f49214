// The little soldiers: drawn once for each team, pose and side at the size of the screen, then only copied. Amber wears round hats,
// Teal pointed ones. Knows nothing of who stands where.

import { AMBER, TEAL } from './format.js';
import { TEAMS } from './palette.js';

/** Height of a soldier in units, hat included; larger than life, so that it can be seen. */
export const FIGURE_UNITS = 2.05;
export const STAND = 0;
export const STEP_LEFT = 1;
export const STEP_RIGHT = 2;
export const AIM = 3;
const POSES = 4;

/** Where a musket ends when it aims, in figure heights from the foot. */
export const MUZZLE = { x: 0.58, y: -0.6 };

export class Figures {
  #height = 0;
  #sprites = new Map();

  /** Prepares sprites for soldiers `height` device pixels tall. */
  prepare(height) {
    const whole = Math.max(6, Math.round(height));
    if (whole === this.#height) return;
    this.#height = whole;
    this.#sprites.clear();
    for (const team of [AMBER, TEAL]) {
      for (let pose = 0; pose < POSES; pose += 1) {
        for (const side of [1, -1]) this.#sprites.set(key(team, pose, side), drawSprite(team, pose, side, whole));
      }
    }
  }

  /** Draws a soldier whose feet are at (x, y) in device pixels. `side` is 1 when it looks right. */
  draw(context, team, pose, side, x, y) {
    const sprite = this.#sprites.get(key(team, pose, side));
    context.drawImage(sprite, Math.round(x - sprite.width / 2), Math.round(y - sprite.height * 0.9));
  }
}

function key(team, pose, side) {
  return team * 100 + pose * 10 + side;
}

function drawSprite(team, pose, side, height) {
  const canvas = document.createElement('canvas');
  canvas.width = Math.ceil(height * 1.5);
  canvas.height = Math.ceil(height * 1.5);
  const context = canvas.getContext('2d');
  context.translate(canvas.width / 2, canvas.height * 0.9);
  context.scale(height * side, height);
  context.lineJoin = 'round';
  context.lineCap = 'round';
  drawLegs(context, pose);
  drawCoat(context, TEAMS[team]);
  drawHead(context, team, TEAMS[team]);
  drawMusket(context, pose);
  return canvas;
}

function drawLegs(context, pose) {
  const stride = pose === STEP_LEFT ? 0.13 : pose === STEP_RIGHT ? -0.13 : 0;
  context.strokeStyle = '#15120d';
  context.lineWidth = 0.15;
  context.beginPath();
  context.moveTo(-0.09, -0.36);
  context.lineTo(-0.1 - stride, -0.05 - Math.max(0, stride) * 0.3);
  context.moveTo(0.09, -0.36);
  context.lineTo(0.1 + stride, -0.05 - Math.max(0, -stride) * 0.3);
  context.stroke();
}

function drawCoat(context, colours) {
  const coat = new Path2D('M-0.2 -0.74 Q0 -0.82 0.2 -0.74 L0.27 -0.27 Q0 -0.18 -0.27 -0.27 Z');
  context.lineWidth = 0.11;
  context.strokeStyle = colours.ink;
  context.stroke(coat);
  context.fillStyle = colours.main;
  context.fill(coat);
  context.save();
  context.clip(coat);
  context.fillStyle = 'rgba(0, 0, 0, 0.22)';
  context.fillRect(0.06, -0.9, 0.4, 0.8);
  context.strokeStyle = colours.light;
  context.lineWidth = 0.085;
  context.beginPath();
  context.moveTo(-0.2, -0.78);
  context.lineTo(0.22, -0.26);
  context.stroke();
  context.restore();
}

function drawHead(context, team, colours) {
  context.fillStyle = '#f0cda6';
  context.beginPath();
  context.arc(0.03, -0.86, 0.135, 0, 2 * Math.PI);
  context.fill();
  context.strokeStyle = colours.ink;
  context.lineWidth = 0.06;
  const hat =
    team === AMBER
      ? new Path2D('M-0.3 -0.9 Q0 -0.82 0.3 -0.9 Q0.2 -0.98 0.17 -0.99 Q0.12 -1.2 0 -1.2 Q-0.12 -1.2 -0.17 -0.99 Q-0.2 -0.98 -0.3 -0.9 Z')
      : new Path2D('M-0.2 -0.9 L0.2 -0.9 L0.02 -1.36 Z');
  context.stroke(hat);
  context.fillStyle = team === AMBER ? '#fff1d0' : colours.dark;
  context.fill(hat);
  context.fillStyle = colours.main;
  if (team === AMBER) context.fillRect(-0.17, -1.01, 0.34, 0.07);
  else context.fillRect(-0.18, -0.97, 0.36, 0.08);
}

function drawMusket(context, pose) {
  const [fromX, fromY, toX, toY] = pose === AIM ? [-0.08, -0.56, MUZZLE.x, MUZZLE.y] : [0.24, -0.36, 0.16, -1.14];
  context.strokeStyle = '#1d1710';
  context.lineWidth = 0.1;
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
  context.strokeStyle = '#c9d2d6';
  context.lineWidth = 0.045;
  context.beginPath();
  context.moveTo(fromX + (toX - fromX) * 0.55, fromY + (toY - fromY) * 0.55);
  context.lineTo(toX, toY);
  context.stroke();
}
