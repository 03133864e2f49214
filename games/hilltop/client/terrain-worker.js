// Paints terrain beside the page, so that the game does not stand still meanwhile. One order, two answers: a sketch, then all of it
// together with the relief.

import { Relief } from './relief.js';
import { paintTerrain } from './terrain.js';

/** Pixels a unit of the sketch. */
const SKETCH_SCALE = 2;

addEventListener('message', ({ data: { map, scale } }) => {
  const relief = new Relief(map);
  const sketch = paintTerrain(map, relief, SKETCH_SCALE);
  postMessage(sketch, [sketch.pixels.buffer]);
  const painted = paintTerrain(map, relief, scale);
  postMessage({ ...painted, relief }, [painted.pixels.buffer]);
});
