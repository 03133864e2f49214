// Marks that tell the player what is what: selection rings, orders, badges with strength, the selection box. Amber's badge is a disc,
// Teal's a lozenge; own squads carry their number.

import { AMBER, slotOf } from './format.js';
import { FIGURE_UNITS } from './figures.js';
import { coloursOf } from './palette.js';

/** Ring under an own squad. */
export function drawSelection(pen, squad, selected, time) {
  const { context, scale, dpr } = pen;
  const [x, y] = pen.at(squad.x, squad.y);
  const radius = Math.max(2.4 * scale, 15 * dpr);
  context.beginPath();
  context.ellipse(x, y, radius, radius * 0.78, 0, 0, 2 * Math.PI);
  context.fillStyle = selected ? 'rgba(255, 255, 255, 0.13)' : 'rgba(255, 255, 255, 0.05)';
  context.fill();
  context.lineWidth = (selected ? 2.2 : 1.2) * dpr;
  context.strokeStyle = selected ? 'rgba(255, 255, 255, 0.95)' : 'rgba(255, 255, 255, 0.42)';
  if (selected) {
    context.setLineDash([radius * 0.62, radius * 0.24]);
    context.lineDashOffset = -time * radius * 0.5;
  }
  context.stroke();
  context.setLineDash([]);
  context.lineDashOffset = 0;
}

/** The way of an own squad to where it was sent. */
export function drawOrder(pen, squad, order, team, time) {
  const { context, dpr } = pen;
  const [x0, y0] = pen.at(squad.x, squad.y);
  const [x1, y1] = pen.at(order.x, order.y);
  const colours = coloursOf(team);
  context.lineCap = 'round';
  context.lineWidth = 2 * dpr;
  context.setLineDash([1 * dpr, 7 * dpr]);
  context.lineDashOffset = -time * 26 * dpr;
  context.strokeStyle = colours.light;
  context.globalAlpha = 0.75;
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
  context.setLineDash([]);
  context.lineDashOffset = 0;
  const size = (5 + Math.sin(time * 6) * 1) * dpr;
  context.globalAlpha = 1;
  for (const [width, style] of [[4 * dpr, 'rgba(10, 12, 10, 0.6)'], [1.8 * dpr, colours.light]]) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.beginPath();
    for (const turn of [0.25, 0.75, 1.25, 1.75]) {
      const angle = turn * Math.PI;
      context.moveTo(x1 + Math.cos(angle) * size * 0.5, y1 + Math.sin(angle) * size * 0.4);
      context.lineTo(x1 + Math.cos(angle) * size * 1.5, y1 + Math.sin(angle) * size * 1.2);
    }
    context.stroke();
  }
}

/** Badge and strength above a squad; the player's name when pointed at. */
export function drawBadge(pen, match, squad, pointedAt) {
  const { context, dpr } = pen;
  const own = match.isOwn(squad.id);
  const colours = coloursOf(squad.team);
  const [x, foot] = pen.at(squad.x, squad.y, FIGURE_UNITS * 1.15 + 0.9);
  const y = foot - 9 * dpr;
  const size = (own ? 7.5 : 4) * dpr;
  const bar = (own ? 26 : 18) * dpr;
  const high = (own ? 4 : 3) * dpr;

  context.fillStyle = 'rgba(10, 12, 12, 0.72)';
  context.beginPath();
  context.roundRect(x - bar / 2 - dpr, y + size + dpr, bar + 2 * dpr, high + 2 * dpr, 2 * dpr);
  context.fill();
  context.fillStyle = squad.strength > 30 ? colours.main : '#ff6b57';
  context.beginPath();
  context.roundRect(x - bar / 2, y + size + 2 * dpr, bar * (squad.strength / 100), high, 1.2 * dpr);
  context.fill();

  context.beginPath();
  if (squad.team === AMBER) context.arc(x, y, size, 0, 2 * Math.PI);
  else for (const [dx, dy] of [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]]) context.lineTo(x + dx * size, y + dy * size);
  context.closePath();
  context.lineWidth = (own ? 3.4 : 2.2) * dpr;
  context.lineJoin = 'round';
  context.strokeStyle = own ? '#ffffff' : colours.ink;
  context.stroke();
  context.fillStyle = colours.main;
  context.fill();
  if (own) {
    context.fillStyle = colours.ink;
    context.font = `800 ${Math.round(11 * dpr)}px system-ui, sans-serif`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(String(match.indexOf(squad.id) + 1), x, y + 0.6 * dpr);
  }
  if (pointedAt) drawName(pen, match.nameOf(slotOf(squad.id)), x, y - size - 7 * dpr);
}

export function drawSelectionBox(pen, { x0, y0, x1, y1 }) {
  const { context, dpr } = pen;
  context.fillStyle = 'rgba(255, 255, 255, 0.08)';
  context.strokeStyle = 'rgba(255, 255, 255, 0.8)';
  context.lineWidth = dpr;
  context.setLineDash([5 * dpr, 4 * dpr]);
  context.beginPath();
  context.rect(x0 * dpr, y0 * dpr, (x1 - x0) * dpr, (y1 - y0) * dpr);
  context.fill();
  context.stroke();
  context.setLineDash([]);
}

function drawName(pen, name, x, y) {
  const { context, dpr } = pen;
  context.font = `600 ${Math.round(12 * dpr)}px system-ui, sans-serif`;
  context.textAlign = 'center';
  context.textBaseline = 'bottom';
  context.lineWidth = 3 * dpr;
  context.lineJoin = 'round';
  context.strokeStyle = 'rgba(10, 12, 12, 0.8)';
  context.strokeText(name, x, y);
  context.fillStyle = '#fff';
  context.fillText(name, x, y);
}
