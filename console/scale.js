// Axes and holes: where a scale ends, which values stand at it, where a line is broken.

/** A longer silence than this is a hole in the line. */
const HOLE_MS = 2500;

/** Unbroken stretches of samples. */
export function runs(samples) {
  const found = [];
  let run = [];
  for (const sample of samples) {
    if (run.length > 0 && sample.at - run.at(-1).at > HOLE_MS) {
      found.push(run);
      run = [];
    }
    run.push(sample);
  }
  if (run.length > 0) found.push(run);
  return found.filter((run) => run.length > 1);
}

/** Next of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 × 10ⁿ. */
export function roundUp(value) {
  const size = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => step * size >= value * 0.9999);
  return step * size;
}

/** Round values on the axis, as many as there is room for. */
export function ticks(max, height) {
  const wanted = Math.max(2, Math.floor(height / 34));
  const rough = max / wanted;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((step) => step * size >= rough) * size;
  const found = [];
  for (let value = 0; value <= max * 1.001; value += step) found.push(value);
  return found;
}
