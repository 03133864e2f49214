// The picture of the land, as a canvas that is then only copied: terrain from a worker, scenery on top. Knows nothing of players.

import { generator } from './noise.js';
import { TEAMS } from './palette.js';
import { MARGIN, Relief } from './relief.js';
import { paintScenery } from './scenery.js';
import { paintTerrain } from './terrain.js';

/**
 * Begins to paint the land of `map` at `scale` pixels a unit. `onLand` gets { canvas, left, top, width, height } (the place in units) twice:
 * a sketch first, then the finished picture. Returns what gives the work up.
 */
export function paintLand(map, scale, onLand) {
  const worker = new Worker(new URL('./terrain-worker.js', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }) => {
    const canvas = toCanvas(data);
    if (data.relief !== undefined) {
      worker.terminate();
      addScenery(canvas, map, Relief.revive(data.relief), scale);
    }
    onLand(place(canvas, map));
  });
  worker.addEventListener('error', () => {
    // A browser without workers made of modules paints here, and stands still for a moment.
    const relief = new Relief(map);
    const canvas = toCanvas(paintTerrain(map, relief, scale));
    addScenery(canvas, map, relief, scale);
    onLand(place(canvas, map));
  });
  worker.postMessage({ map, scale });
  return () => worker.terminate();
}

function toCanvas({ width, height, pixels }) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d').putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas;
}

function addScenery(canvas, map, relief, scale) {
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, -relief.left * scale, -relief.top * scale);
  paintScenery(context, map, relief, generator(map.seed ^ 0x7ee5), TEAMS);
}

function place(canvas, map) {
  return { canvas, left: -MARGIN, top: -MARGIN, width: map.width + MARGIN * 2, height: map.height + MARGIN * 2 };
}
