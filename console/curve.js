// Smooth lines that do not overshoot: monotone cubic interpolation (Fritsch and Carlson, 1980), drawn as Bézier pieces. A peak of the
// line is a peak of the data.

/** Appends the curve through `points` ([x, y] with rising x) to `path`; `join` continues a path instead of beginning one. */
export function curve(path, points, join = false) {
  if (points.length === 0) return;
  const slopes = tangents(points);
  if (join) path.lineTo(points[0][0], points[0][1]);
  else path.moveTo(points[0][0], points[0][1]);
  for (let i = 1; i < points.length; i += 1) {
    const [x0, y0] = points[i - 1];
    const [x1, y1] = points[i];
    const third = (x1 - x0) / 3;
    path.bezierCurveTo(x0 + third, y0 + slopes[i - 1] * third, x1 - third, y1 - slopes[i] * third, x1, y1);
  }
}

/** The same backwards, for the lower edge of an area. */
export function curveBack(path, points) {
  const slopes = tangents(points);
  const last = points.length - 1;
  path.lineTo(points[last][0], points[last][1]);
  for (let i = last; i > 0; i -= 1) {
    const [x0, y0] = points[i - 1];
    const [x1, y1] = points[i];
    const third = (x1 - x0) / 3;
    path.bezierCurveTo(x1 - third, y1 - slopes[i] * third, x0 + third, y0 + slopes[i - 1] * third, x0, y0);
  }
}

function tangents(points) {
  const n = points.length;
  const secants = [];
  for (let i = 0; i + 1 < n; i += 1) {
    secants.push((points[i + 1][1] - points[i][1]) / Math.max(points[i + 1][0] - points[i][0], 1e-6));
  }
  const slopes = new Array(n).fill(0);
  for (let i = 1; i + 1 < n; i += 1) {
    const [a, b] = [secants[i - 1], secants[i]];
    // Flat at every turn, and never so steep that the curve would leave the box of two neighbours.
    slopes[i] = a * b <= 0 ? 0 : Math.sign(a) * Math.min(Math.abs(a + b) / 2, 3 * Math.abs(a), 3 * Math.abs(b));
  }
  return slopes;
}
