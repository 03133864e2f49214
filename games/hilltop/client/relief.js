// The shape of the land: an island a little larger than the map, with a rise under each hill. Computed from the scenery seed, so that
// every player sees the same. Knows nothing of colours.

import { fractalNoise, smoothNoise, smoothStep } from './noise.js';

/** Land and sea around the map that the relief covers, in units. */
export const MARGIN = 22;
/** Samples a unit. */
const SAMPLES = 3;

/** `map` is the map event of format.js. */
export class Relief {
  constructor(map) {
    this.left = -MARGIN;
    this.top = -MARGIN;
    this.width = map.width + MARGIN * 2;
    this.height = map.height + MARGIN * 2;
    this.columns = this.width * SAMPLES + 1;
    this.rows = this.height * SAMPLES + 1;
    const count = this.columns * this.rows;
    this.heights = new Float32Array(count);
    this.shores = new Float32Array(count);
    this.eastward = new Float32Array(count);
    this.southward = new Float32Array(count);
    this.#shape(map);
    this.#slope();
  }

  /** A relief again from its plain data, as it comes from a worker. */
  static revive(data) {
    return Object.assign(Object.create(Relief.prototype), data);
  }

  /** Writes height, way to the shore (units, negative at sea) and slopes at a place into `out`. */
  sample(x, y, out) {
    const column = clamp((x - this.left) * SAMPLES, this.columns - 1.001);
    const row = clamp((y - this.top) * SAMPLES, this.rows - 1.001);
    const at = Math.floor(row) * this.columns + Math.floor(column);
    const u = column - Math.floor(column);
    const v = row - Math.floor(row);
    out.height = blend(this.heights, this.columns, at, u, v);
    out.shore = blend(this.shores, this.columns, at, u, v);
    out.eastward = blend(this.eastward, this.columns, at, u, v);
    out.southward = blend(this.southward, this.columns, at, u, v);
    return out;
  }

  #shape(map) {
    const coast = smoothNoise(map.seed ^ 0x51ab);
    const ground = smoothNoise(map.seed ^ 0x9e37);
    for (let row = 0; row < this.rows; row += 1) {
      const y = this.top + row / SAMPLES;
      for (let column = 0; column < this.columns; column += 1) {
        const x = this.left + column / SAMPLES;
        const at = row * this.columns + column;
        const shore = 4.5 + fractalNoise(coast, x / 16, y / 16, 5) * 7 - outsideOf(map, x, y);
        this.shores[at] = shore;
        this.heights[at] = heightAt(map, ground, x, y) * smoothStep(-1, 9, shore);
      }
    }
  }

  #slope() {
    for (let row = 0; row < this.rows; row += 1) {
      for (let column = 0; column < this.columns; column += 1) {
        const at = row * this.columns + column;
        const right = column + 1 < this.columns ? 1 : 0;
        const left = column > 0 ? 1 : 0;
        const below = row + 1 < this.rows ? this.columns : 0;
        const above = row > 0 ? this.columns : 0;
        this.eastward[at] = ((this.heights[at + right] - this.heights[at - left]) * SAMPLES) / (right + left);
        this.southward[at] = ((this.heights[at + below] - this.heights[at - above]) * SAMPLES * this.columns) / (below + above);
      }
    }
  }
}

// The value between four samples.
function blend(values, columns, at, u, v) {
  const upper = values[at] + (values[at + 1] - values[at]) * u;
  const lower = values[at + columns] + (values[at + columns + 1] - values[at + columns]) * u;
  return upper + (lower - upper) * v;
}

// About 0 to 1.4.
function heightAt(map, ground, x, y) {
  const rolling = 0.42 + fractalNoise(ground, x / 30, y / 30, 6) * 0.62;
  const ridges = 1 - Math.abs(fractalNoise(ground, x / 44 + 40, y / 44 + 40, 5)) * 2.6;
  let height = rolling * 0.72 + Math.max(0, ridges) * 0.2;
  for (const hill of map.hills) {
    const away = Math.hypot(x - hill.x, y - hill.y) / hill.radius;
    // A broad foot, steep flanks, a flat top to stand on.
    const rise = 0.3 * Math.exp(-away * away * 0.45) + 0.7 * (1 - smoothStep(0.35, 1.25, away));
    height = height * (1 - rise * 0.5) + rise * 0.7;
  }
  for (const base of map.bases) {
    const flat = Math.exp(-((x - base.x) ** 2 + (y - base.y) ** 2) / 110);
    height += (0.34 - height) * flat * 0.9;
  }
  return Math.max(0.03, height);
}

/** Distance to the map's rounded rectangle: negative inside. */
function outsideOf(map, x, y) {
  const corner = 18;
  const dx = Math.abs(x - map.width / 2) - map.width / 2 + corner;
  const dy = Math.abs(y - map.height / 2) - map.height / 2 + corner;
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - corner;
}

function clamp(value, most) {
  return Math.max(0, Math.min(most, value));
}
