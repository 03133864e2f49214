// What stands on the land: paths, woods, rocks, grass and the two camps. Draws with a canvas context in units. Knows nothing of players.

import { smoothNoise } from './noise.js';

/** Draws it all; `random` gives numbers from 0 to 1. */
export function paintScenery(context, map, relief, random, teams) {
  const paths = planPaths(map, random);
  drawPaths(context, paths);
  drawGrass(context, map, relief, random);
  map.bases.forEach((base, team) => drawCamp(context, base, teams[team], random));
  drawWoods(context, map, relief, random, paths);
}

// Paths -------------------------------------------------------------------------------------------------------------------------

// Each camp is joined to its two nearest hills and every hill to its nearest two; each path is a bent curve.
function planPaths(map, random) {
  const places = [...map.hills, ...map.bases];
  const joined = new Set();
  const paths = [];
  for (const [i, from] of places.entries()) {
    const nearest = places
      .map((to, j) => ({ to, j, away: Math.hypot(to.x - from.x, to.y - from.y) }))
      .filter(({ j }) => j !== i && j < map.hills.length)
      .sort((a, b) => a.away - b.away)
      .slice(0, 2);
    for (const { to, j, away } of nearest) {
      const pair = `${Math.min(i, j)}-${Math.max(i, j)}`;
      if (joined.has(pair)) continue;
      joined.add(pair);
      const bend = () => (random() - 0.5) * away * 0.34;
      const at = (part, side) => [
        from.x + (to.x - from.x) * part - ((to.y - from.y) / away) * side,
        from.y + (to.y - from.y) * part + ((to.x - from.x) / away) * side,
      ];
      paths.push({ from: [from.x, from.y], one: at(0.33, bend()), two: at(0.67, bend()), to: [to.x, to.y] });
    }
  }
  return paths;
}

function drawPaths(context, paths) {
  const line = new Path2D();
  for (const path of paths) {
    for (let i = 0; i <= 40; i += 1) {
      const [x, y] = pointOn(path, i / 40);
      // Feet do not walk in curves of Bézier.
      const sway = Math.sin(i * 0.9 + x) * 0.35 + Math.sin(i * 0.37 + y) * 0.5;
      if (i === 0) line.moveTo(x + sway, y + sway * 0.6);
      else line.lineTo(x + sway, y + sway * 0.6);
    }
  }
  context.save();
  context.lineCap = 'round';
  context.lineJoin = 'round';
  const stroke = (width, style, dash = []) => {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.setLineDash(dash);
    context.stroke(line);
  };
  stroke(1.9, 'rgba(44, 36, 20, 0.13)');
  stroke(1.25, 'rgba(58, 46, 26, 0.16)');
  stroke(0.95, 'rgba(198, 178, 130, 0.34)');
  stroke(0.5, 'rgba(226, 208, 164, 0.22)', [1.6, 1.1, 2.7, 0.8]);
  context.restore();
}

function pointOn({ from, one, two, to }, t) {
  const s = 1 - t;
  return [0, 1].map((i) => s * s * s * from[i] + 3 * s * s * t * one[i] + 3 * s * t * t * two[i] + t * t * t * to[i]);
}

// Plants ------------------------------------------------------------------------------------------------------------------------

function drawGrass(context, map, relief, random) {
  const here = {};
  context.save();
  context.lineCap = 'round';
  context.lineWidth = 0.09;
  for (let i = 0; i < 2600; i += 1) {
    const x = random() * (map.width + 12) - 6;
    const y = random() * (map.height + 12) - 6;
    relief.sample(x, y, here);
    if (here.shore < 2 || here.height > 0.75) continue;
    context.strokeStyle = random() < 0.5 ? 'rgba(24, 34, 18, 0.30)' : 'rgba(190, 196, 130, 0.20)';
    context.beginPath();
    for (let blade = -1; blade <= 1; blade += 1) {
      context.moveTo(x + blade * 0.16, y);
      context.lineTo(x + blade * 0.26, y - 0.34 - random() * 0.2);
    }
    context.stroke();
  }
  context.restore();
}

function drawWoods(context, map, relief, random, paths) {
  const where = smoothNoise(map.seed ^ 0x3333);
  const here = {};
  const onPaths = paths.flatMap((path) => Array.from({ length: 24 }, (_, i) => pointOn(path, i / 23)));
  const trees = [];
  for (let i = 0; i < 9000 && trees.length < 620; i += 1) {
    const x = random() * (map.width + 14) - 7;
    const y = random() * (map.height + 14) - 7;
    const wood = where(x / 11, y / 11) + where(x / 4 + 90, y / 4) * 0.35;
    if (wood < 0.3 - random() * 0.12) continue;
    relief.sample(x, y, here);
    if (here.shore < 2.2 || here.height > 0.86) continue;
    if (map.hills.some((hill) => Math.hypot(hill.x - x, hill.y - y) < hill.radius * 1.18 + 1)) continue;
    if (map.bases.some((base) => Math.hypot(base.x - x, base.y - y) < 8.5)) continue;
    if (onPaths.some(([px, py]) => Math.hypot(px - x, py - y) < 2)) continue;
    if (trees.some((tree) => Math.hypot(tree.x - x, (tree.y - y) * 1.3) < 1.25)) continue;
    trees.push({ x, y, size: 0.85 + random() * 0.75, fir: where(x / 20, y / 20 + 50) + here.height * 0.8 > 0.42 + random() * 0.3, tone: random() });
  }
  trees.sort((a, b) => a.y - b.y);
  for (const tree of trees) drawShadow(context, tree);
  for (const tree of trees) (tree.fir ? drawFir : drawLeafy)(context, tree);
}

function drawShadow(context, { x, y, size }) {
  context.fillStyle = 'rgba(8, 12, 12, 0.30)';
  context.beginPath();
  context.ellipse(x + size * 0.6, y + size * 0.34, size * 1.05, size * 0.5, 0.45, 0, 2 * Math.PI);
  context.fill();
}

function drawLeafy(context, { x, y, size, tone }) {
  const crown = (dx, dy, r, style) => {
    context.fillStyle = style;
    context.beginPath();
    context.arc(x + dx * size, y + dy * size, r * size, 0, 2 * Math.PI);
    context.fill();
  };
  const hue = 76 + tone * 26;
  crown(0, -0.35, 0.86, `hsl(${hue} 26% 15%)`);
  crown(-0.05, -0.42, 0.76, `hsl(${hue} 27% ${22 + tone * 4}%)`);
  crown(-0.2, -0.58, 0.5, `hsl(${hue - 6} 29% ${28 + tone * 5}%)`);
  crown(-0.3, -0.7, 0.24, `hsl(${hue - 12} 32% ${36 + tone * 5}%)`);
}

function drawFir(context, { x, y, size, tone }) {
  const hue = 120 + tone * 30;
  for (let tier = 0; tier < 3; tier += 1) {
    const foot = y + size * (0.34 - tier * 0.52);
    const half = size * (0.72 - tier * 0.18);
    const top = foot - size * 0.95;
    const side = (from, to, style) => {
      context.fillStyle = style;
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x + from, foot);
      context.quadraticCurveTo(x + (from + to) / 2, foot + size * 0.16, x + to, foot);
      context.fill();
    };
    side(-half, half, `hsl(${hue} 22% ${13 + tier * 2.5}%)`);
    side(-half, half * 0.1, `hsl(${hue - 14} 22% ${21 + tier * 4 + tone * 4}%)`);
  }
}

// Camps -------------------------------------------------------------------------------------------------------------------------

function drawCamp(context, base, colours, random) {
  context.save();
  context.translate(base.x, base.y);
  const ground = context.createRadialGradient(0, 0, 1, 0, 0, 7.5);
  ground.addColorStop(0, 'rgba(176, 158, 116, 0.55)');
  ground.addColorStop(0.7, 'rgba(150, 134, 96, 0.32)');
  ground.addColorStop(1, 'rgba(150, 134, 96, 0)');
  context.fillStyle = ground;
  context.fillRect(-8, -8, 16, 16);
  // A palisade, open to all sides.
  for (let i = 0; i < 44; i += 1) {
    const angle = (i / 44) * 2 * Math.PI;
    if (Math.abs(Math.sin(angle * 2)) < 0.34) continue;
    const x = Math.cos(angle) * 6.4;
    const y = Math.sin(angle) * 5.6;
    context.fillStyle = 'rgba(8, 10, 8, 0.35)';
    context.fillRect(x, y, 0.7, 0.3);
    context.fillStyle = random() < 0.5 ? '#5d4a30' : '#6b5738';
    context.fillRect(x - 0.2, y - 0.95, 0.42, 1.1);
  }
  for (const [x, y, size] of [[-2.9, -1.9, 1.15], [2.7, -2.3, 1], [-2.3, 2.3, 1], [3, 1.7, 1.15]]) drawTent(context, x, y, size * 1.25, colours);
  context.restore();
}

function drawTent(context, x, y, size, colours) {
  const shape = (style, ...points) => {
    context.fillStyle = style;
    context.beginPath();
    for (const [px, py] of points) context.lineTo(x + px * size, y + py * size);
    context.fill();
  };
  shape('rgba(8, 10, 10, 0.36)', [-0.9, 0.45], [1.9, 0.75], [1.1, -0.1]);
  shape(colours.dark, [-1, 0.4], [0, -1.15], [1, 0.4]);
  shape(colours.main, [-1, 0.4], [0, -1.15], [-0.05, 0.5]);
  shape(colours.ink, [-0.22, 0.44], [0, -0.5], [0.24, 0.44]);
  shape('rgba(255, 255, 255, 0.22)', [-1, 0.4], [0, -1.15], [-0.72, 0.43]);
}
