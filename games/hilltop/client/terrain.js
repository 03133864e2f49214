// The colour of every point of the land: relief with light from the north-west, contour lines, shore and sea. Works on plain arrays,
// so that a worker can do it. Knows nothing of canvases and players.

import { fractalNoise, smoothNoise, smoothStep } from './noise.js';

/** Height between two contour lines. */
const CONTOUR = 0.065;

// Land by height, from the meadows to the bare tops.
const LAND = [
  [0.0, [62, 84, 58]],
  [0.22, [80, 103, 62]],
  [0.38, [101, 116, 67]],
  [0.56, [121, 125, 76]],
  [0.76, [141, 139, 98]],
  [0.98, [160, 156, 122]],
  [1.2, [178, 173, 146]],
  [1.5, [204, 198, 176]],
];
const MEADOW = [116, 126, 58];
const HEATH = [70, 78, 66];
const SAND = [150, 136, 101];
const SHALLOW = [43, 78, 84];
const DEEP = [13, 24, 34];

/** Paints the terrain of `map` over its `relief` at `scale` pixels a unit: { width, height, pixels } with RGBA bytes. */
export function paintTerrain(map, relief, scale) {
  const width = Math.round(relief.width * scale);
  const height = Math.round(relief.height * scale);
  const image = { width, data: new Uint8ClampedArray(width * height * 4) };
  const paintRow = rowPainter(map, relief, image, scale);
  for (let row = 0; row < height; row += 1) paintRow(row);
  return { width, height, pixels: image.data };
}

function rowPainter(map, relief, image, scale) {
  const broad = smoothNoise(map.seed ^ 0x1111);
  const grain = smoothNoise(map.seed ^ 0x2222);
  const here = {};
  const colour = [0, 0, 0];
  const pixels = image.data;
  return (row) => {
    const y = relief.top + (row + 0.5) / scale;
    for (let column = 0; column < image.width; column += 1) {
      const x = relief.left + (column + 0.5) / scale;
      relief.sample(x, y, here);
      // Strokes follow the slope, as a painter would lay them.
      const along = here.eastward * 9;
      const down = here.southward * 9;
      const patches = fractalNoise(broad, (x * 0.8 + y * 0.6) / 9 + along * 0.2, (y * 0.8 - x * 0.6) / 9 + down * 0.2, 3) * 1.3;
      const strokes = grain(x * 1.1 + down * 1.4, y * 1.9 - along * 1.4) * 0.6 + grain(x * 3.1, y * 3.7) * 0.4;
      if (here.shore > 0) paintLand(colour, here, patches, strokes, scale);
      else paintSea(colour, here, patches, strokes, x, y, relief);
      // A soft shoreline: foam just outside, wet sand just inside.
      const foam = Math.exp(-((here.shore + 0.12) ** 2) / 0.035) * 0.55;
      const at = (row * image.width + column) * 4;
      pixels[at] = colour[0] + (214 - colour[0]) * foam;
      pixels[at + 1] = colour[1] + (222 - colour[1]) * foam;
      pixels[at + 2] = colour[2] + (206 - colour[2]) * foam;
      pixels[at + 3] = 255;
    }
  };
}

function paintLand(colour, here, patches, strokes, scale) {
  const height = here.height + patches * 0.06 + strokes * 0.05;
  ramp(colour, height);
  mix(colour, patches > 0 ? MEADOW : HEATH, Math.min(0.55, Math.abs(patches) * 0.75) * (1 - smoothStep(0.6, 0.9, here.height)));
  mix(colour, SAND, 1 - smoothStep(0.3, 2.4 + patches, here.shore));

  // Light from the north-west, warm; shadows cool. The slope stands for the angle to the light.
  const light = -(here.eastward * 0.66 + here.southward * 0.75) * 5.2 + strokes * 0.06;
  const bright = light > 0 ? 0.62 * (1 - Math.exp(-light * 1.5)) : -0.6 * (1 - Math.exp(light * 1.7));
  const warm = Math.max(0, bright);
  const cool = Math.max(0, -bright);
  colour[0] *= 1 + bright * 0.92 + warm * 0.1;
  colour[1] *= 1 + bright * 0.86 + warm * 0.02;
  colour[2] *= 1 + bright * 0.72 + cool * 0.22;
  const grainy = 1 + strokes * 0.055;
  colour[0] *= grainy;
  colour[1] *= grainy;
  colour[2] *= grainy;

  const steep = Math.hypot(here.eastward, here.southward);
  const rise = here.height / CONTOUR;
  const nearest = Math.round(rise);
  // Way to the line in pixels, by the slope; flat land has none.
  const pixels = (Math.abs(rise - nearest) * CONTOUR * scale) / Math.max(steep, 0.004);
  const strong = nearest % 4 === 0;
  const line = Math.max(0, 1.2 - pixels / (strong ? 1.2 : 0.9)) * smoothStep(0.006, 0.02, steep) * ((strong ? 0.36 : 0.22) / (1 + steep * 6));
  mix(colour, [30, 26, 16], line);
}

function paintSea(colour, here, patches, strokes, x, y, relief) {
  const depth = -here.shore;
  mix(copy(colour, SHALLOW), DEEP, smoothStep(0, 8.5, depth + patches * 0.8));
  // Lines along the coast, as engravers draw water: closer and stronger near the land.
  for (let i = 0; i < 5; i += 1) {
    const at = 0.9 + i * 1.05 + i * i * 0.16;
    const line = Math.exp(-((depth - at) ** 2) / (0.006 + i * 0.001)) * (0.26 - i * 0.045);
    mix(colour, [150, 190, 190], line);
  }
  const ripple = strokes * 2.2 * (1 - smoothStep(2, 12, depth));
  colour[0] += ripple;
  colour[1] += ripple;
  colour[2] += ripple;
  // The painting ends in the plain colour of the page.
  const edge = Math.min(x - relief.left, y - relief.top, relief.left + relief.width - x, relief.top + relief.height - y);
  mix(colour, DEEP, 1 - smoothStep(0, 8, edge));
}

function ramp(colour, height) {
  let above = 1;
  while (above < LAND.length - 1 && LAND[above][0] < height) above += 1;
  const [from, low] = LAND[above - 1];
  const [to, high] = LAND[above];
  mix(copy(colour, low), high, Math.max(0, Math.min(1, (height - from) / (to - from))));
}

function copy(into, from) {
  into[0] = from[0];
  into[1] = from[1];
  into[2] = from[2];
  return into;
}

function mix(into, other, part) {
  into[0] += (other[0] - into[0]) * part;
  into[1] += (other[1] - into[1]) * part;
  into[2] += (other[2] - into[2]) * part;
}
