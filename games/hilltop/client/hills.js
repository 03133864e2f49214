// Draws a hill's ring, its tug of war and its banner. Amber's banner is a swallow-tail, Teal's a pointed pennon, nobody's a plain cloth.

import { AMBER, NOBODY, TEAL } from './format.js';
import { coloursOf, MAP_FONT, NEUTRAL, PAPER, TEAMS } from './palette.js';

/** Height of a banner's pole in units. */
export const POLE_UNITS = 7.5;

/** The ring on the ground. `seen` is the hill's part of the state, or null before the first. */
export function drawHillGround(pen, hill, seen, time) {
  const { context, scale, dpr } = pen;
  const [x, y] = pen.at(hill.x, hill.y);
  const radius = hill.radius * scale;
  const holder = seen?.holder ?? NOBODY;
  const colours = coloursOf(holder);

  const glow = context.createRadialGradient(x, y, radius * 0.2, x, y, radius);
  glow.addColorStop(0, alpha(colours.main, 0));
  glow.addColorStop(0.6, alpha(colours.main, holder === NOBODY ? 0.02 : 0.08));
  glow.addColorStop(0.97, alpha(colours.main, holder === NOBODY ? 0.1 : 0.36));
  glow.addColorStop(1, alpha(colours.main, 0));
  context.fillStyle = glow;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();

  context.lineWidth = 5 * dpr;
  context.strokeStyle = 'rgba(12, 13, 10, 0.42)';
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
  context.lineWidth = 1.2 * dpr;
  context.strokeStyle = alpha(NEUTRAL.main, 0.55);
  context.setLineDash([2 * dpr, 4 * dpr]);
  context.stroke();
  context.setLineDash([]);

  if (seen === null) return;
  // The pull: from the top, Amber's to the right and Teal's to the left.
  const pull = (seen.control - 100) / 100;
  if (pull !== 0) {
    const team = pull > 0 ? AMBER : TEAL;
    context.lineCap = 'round';
    context.lineWidth = 3.6 * dpr;
    context.strokeStyle = TEAMS[team].main;
    context.beginPath();
    context.arc(x, y, radius, -Math.PI / 2, -Math.PI / 2 + pull * 2 * Math.PI, pull < 0);
    context.stroke();
  }
  if (seen.contested) {
    context.lineCap = 'butt';
    context.lineWidth = 2 * dpr;
    context.strokeStyle = alpha('#ffffff', 0.55 + 0.3 * Math.sin(time * 7));
    context.setLineDash([radius * 0.16, radius * 0.2]);
    context.lineDashOffset = -time * radius * 0.35;
    context.beginPath();
    context.arc(x, y, radius + 5 * dpr, 0, 2 * Math.PI);
    context.stroke();
    context.setLineDash([]);
    context.lineDashOffset = 0;
  }
}

/** Pole and banner; the cloth climbs as the control grows. */
export function drawHillBanner(pen, hill, seen, time) {
  const { context, scale, dpr } = pen;
  const [x, y] = pen.at(hill.x, hill.y);
  const tall = Math.max(POLE_UNITS * scale, 34 * dpr);
  const holder = seen?.holder ?? NOBODY;
  const pull = Math.abs((seen?.control ?? 100) - 100) / 100;

  context.fillStyle = 'rgba(8, 10, 10, 0.4)';
  context.beginPath();
  context.ellipse(x + tall * 0.1, y + tall * 0.03, tall * 0.16, tall * 0.05, 0.25, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = '#8d8771';
  context.beginPath();
  context.ellipse(x, y, tall * 0.1, tall * 0.055, 0, 0, 2 * Math.PI);
  context.fill();
  context.lineCap = 'round';
  context.strokeStyle = '#1c1710';
  context.lineWidth = tall * 0.065;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x, y - tall);
  context.stroke();
  context.strokeStyle = '#a98d5c';
  context.lineWidth = tall * 0.034;
  context.stroke();

  const rise = holder === NOBODY ? 0.62 + 0.2 * pull : 0.75 + 0.25 * pull;
  drawFlag(context, x, y - tall * rise, tall * 0.62, tall * 0.4, holder, time + hill.x);
}

/** A waving flag with its upper corner at the pole. */
export function drawFlag(context, x, y, long, high, holder, time) {
  const colours = coloursOf(holder);
  const wave = (part) => Math.sin(part * 5 - time * 5) * high * 0.1 * part;
  const steps = 7;
  const shape = new Path2D();
  shape.moveTo(x, y);
  for (let i = 1; i <= steps; i += 1) shape.lineTo(x + (long * i) / steps, y + wave(i / steps) + inset(holder, i / steps) * high);
  if (holder === AMBER) shape.lineTo(x + long * 0.74, y + high / 2 + wave(0.74));
  for (let i = steps; i >= 0; i -= 1) shape.lineTo(x + (long * i) / steps, y + high + wave(i / steps) - inset(holder, i / steps) * high);
  shape.closePath();
  context.lineJoin = 'round';
  context.lineWidth = Math.max(2, high * 0.14);
  context.strokeStyle = colours.ink;
  context.stroke(shape);
  context.fillStyle = colours.main;
  context.fill(shape);
  context.save();
  context.clip(shape);
  for (let i = 0; i < steps; i += 1) {
    const shade = Math.cos((i / steps) * 5 - time * 5) * 0.2 * (i / steps);
    context.fillStyle = shade > 0 ? `rgba(0, 0, 0, ${shade})` : `rgba(255, 255, 255, ${-shade})`;
    context.fillRect(x + (long * i) / steps, y - high, long / steps + 1, high * 3);
  }
  drawMark(context, holder, x + long * 0.36, y + high / 2 + wave(0.36), high * 0.24);
  context.restore();
}

/** A team's mark: Amber's disc, Teal's lozenge. */
export function drawMark(context, holder, x, y, size) {
  if (holder === NOBODY) return;
  context.fillStyle = coloursOf(holder).ink;
  context.beginPath();
  if (holder === AMBER) context.arc(x, y, size, 0, 2 * Math.PI);
  else for (const [dx, dy] of [[0, -1.3], [1.2, 0], [0, 1.3], [-1.2, 0]]) context.lineTo(x + dx * size, y + dy * size);
  context.fill();
}

export function drawHillName(pen, hill) {
  const { context, dpr } = pen;
  const [x, y] = pen.at(hill.x, hill.y + hill.radius);
  const size = Math.max(11, Math.min(17, pen.scale / dpr * 1.75)) * dpr;
  context.font = `italic 600 ${size}px ${MAP_FONT}`;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  context.lineWidth = 3 * dpr;
  context.lineJoin = 'round';
  context.strokeStyle = 'rgba(18, 18, 12, 0.62)';
  context.strokeText(hill.name, x, y + 6 * dpr);
  context.fillStyle = PAPER;
  context.fillText(hill.name, x, y + 6 * dpr);
}

/** `#rrggbb` with an alpha. */
export function alpha(hex, part) {
  const digits = Math.round(Math.max(0, Math.min(1, part)) * 255).toString(16).padStart(2, '0');
  return hex + digits;
}

function inset(holder, part) {
  return holder === TEAL ? part * 0.47 : 0;
}
