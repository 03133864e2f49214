// Charts over time, several lanes on one canvas with one time axis, so that a mark or the pointer goes through all of them. Knows
// samples only through the lanes' functions.
//
// A lane is { title, unit, floor, format, share, series } and a series { name, colour, of(sample), kind: 'line' | 'area' | 'stack' }.
// `series` may be a function of the visible samples. `floor` is the least upper end of the axis: noise must not look like a mountain.

import { curve, curveBack } from './curve.js';
import { ATTACK, CARD, GRID, INK, INK_DIM } from './palette.js';
import { roundUp, runs, ticks } from './scale.js';

const LEFT = 52;
const RIGHT = 118;
/** Names of marks stand above the first lane's title. */
const TOP = 38;
const BOTTOM = 20;
const GAP = 30;
/** The newest sample slides in from the right edge instead of jumping in. */
const DELAY_MS = 650;
/** Least time that is shown. */
const WINDOW_MS_MIN = 30_000;
/** The pointer reads a sample that is no farther away than this. */
const NEAR_MS = 2500;
const FONT = '"Inter", "Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, sans-serif';

export class Timeline {
  constructor(canvas, now) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.now = now;
    this.lanes = [];
    this.samples = [];
    this.marks = [];
    this.window = 120_000;
    this.pointer = null;
    this.tops = new Map();
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener('pointermove', (event) => this.point(event.offsetX));
    canvas.addEventListener('pointerleave', () => this.point(null));
    this.resize();
  }

  /** Other lanes from now on. */
  show(lanes) {
    this.lanes = lanes;
    this.tops.clear();
    this.draw();
  }

  draw() {
    const { context: g, width, height } = this;
    if (!width || !height || this.lanes.length === 0) return;
    this.end = this.now() - DELAY_MS;
    // A server that has just started fills the width all the same.
    const lived = this.end - (this.samples[0]?.at ?? this.end);
    this.span = Math.max(Math.min(this.window, WINDOW_MS_MIN), Math.min(this.window, lived));
    this.start = this.end - this.span;
    this.plotWidth = width - LEFT - RIGHT;
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    const visible = this.visible();
    this.places = this.lay(height);
    this.drawMarks(g);
    this.places.forEach((place) => this.drawLane(g, place, visible));
    this.drawTimes(g, height);
    this.drawPointer(g, height);
  }

  /** What the pointer is on: x, the sample, and the series of each lane; or null. */
  read() {
    if (this.pointer === null || !this.places) return null;
    const at = this.start + ((this.pointer - LEFT) / this.plotWidth) * this.span;
    const near = this.samples.reduce((best, sample) => (Math.abs(sample.at - at) < Math.abs(best.at - at) ? sample : best), this.samples[0]);
    if (!near || Math.abs(near.at - at) > NEAR_MS) return null;
    const mark = this.marks.find((mark) => near.at >= mark.from && near.at <= (mark.to ?? Infinity));
    return { x: this.x(near.at), sample: near, mark, lanes: this.places.map(({ lane, series }) => ({ lane, series })) };
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    this.ratio = window.devicePixelRatio || 1;
    [this.width, this.height] = [box.width, box.height];
    this.canvas.width = Math.round(box.width * this.ratio);
    this.canvas.height = Math.round(box.height * this.ratio);
    this.draw();
  }

  point(x) {
    this.pointer = x !== null && x >= LEFT && x <= this.width - RIGHT ? x : null;
    this.draw();
    this.onpoint?.(this.read());
  }

  /** Samples in the window, and one more on each side so that lines go to the edges. */
  visible() {
    const first = this.samples.findIndex((sample) => sample.at >= this.start);
    return first < 0 ? [] : this.samples.slice(Math.max(0, first - 1));
  }

  lay(height) {
    const shares = this.lanes.reduce((sum, lane) => sum + (lane.share ?? 1), 0);
    const free = height - TOP - BOTTOM - GAP * (this.lanes.length - 1);
    let top = TOP;
    return this.lanes.map((lane) => {
      const size = (free * (lane.share ?? 1)) / shares;
      const place = { lane, top, bottom: top + size };
      top += size + GAP;
      return place;
    });
  }

  x(at) {
    return LEFT + ((at - this.start) / this.span) * this.plotWidth;
  }

  drawMarks(g) {
    const bottom = this.places.at(-1).bottom;
    let free = LEFT;
    for (const [i, mark] of this.marks.entries()) {
      const from = Math.max(this.x(mark.from), LEFT);
      const to = Math.min(this.x(mark.to ?? this.end), LEFT + this.plotWidth);
      if (to <= LEFT || from >= to) continue;
      g.fillStyle = 'rgba(255, 122, 89, 0.13)';
      g.fillRect(from, 4, to - from, bottom - 4);
      g.fillStyle = ATTACK;
      g.fillRect(from, 4, to - from, 2);
      g.globalAlpha = 0.45;
      g.fillRect(from, 4, 1, bottom - 4);
      if (mark.to) g.fillRect(to - 1, 4, 1, bottom - 4);
      g.globalAlpha = 1;
      const next = this.marks[i + 1];
      free = this.drawMarkName(g, mark.name, (from + to) / 2, free, next ? this.x(next.from) : LEFT + this.plotWidth);
    }
  }

  /** Writes a name around `middle`, between `left` and `right` and shortened to that room; returns where it ends. */
  drawMarkName(g, whole, middle, left, right) {
    g.font = `600 11px ${FONT}`;
    let name = whole;
    while (name.length > 1 && g.measureText(name).width > right - left - 12) name = `${name.slice(0, -2)}…`;
    if (name.length <= 2) return left;
    const width = g.measureText(name).width;
    const x = Math.max(left + 6, Math.min(middle - width / 2, right - width - 6));
    g.fillStyle = CARD;
    g.fillRect(x - 5, 8, width + 10, 14);
    g.fillStyle = ATTACK;
    g.textAlign = 'left';
    g.textBaseline = 'middle';
    g.fillText(name, x, 15.5);
    return x + width;
  }

  drawLane(g, place, visible) {
    const { lane, top, bottom } = place;
    const series = typeof lane.series === 'function' ? lane.series(visible) : lane.series;
    place.series = series;
    const stacked = series.filter((one) => one.kind === 'stack');
    const single = series.filter((one) => one.kind !== 'stack');
    const sums = visible.map((sample) => stacked.reduce((sum, one) => sum + one.of(sample), 0));
    const most = visible.reduce((most, sample, i) => Math.max(most, sums[i], ...single.map((one) => one.of(sample))), 0);
    const max = this.glide(lane, roundUp(Math.max(most * (lane.total ? 1.18 : 1.08), lane.floor)));
    const y = (value) => bottom - (Math.min(value, max) / max) * (bottom - top);
    this.drawAxis(g, place, max, y);
    g.save();
    g.beginPath();
    g.rect(LEFT, top - 3, this.plotWidth, bottom - top + 4);
    g.clip();
    for (const run of runs(visible)) {
      this.drawStack(g, run, stacked, y, bottom);
      single.forEach((one) => this.drawSeries(g, run, one, y, bottom));
    }
    g.restore();
    if (lane.total) this.drawPeaks(g, place, visible, sums, y);
    this.drawValues(g, place, visible.at(-1), single, stacked, y);
  }

  /** Writes the highest sum within each mark above it. */
  drawPeaks(g, { lane, top }, visible, sums, y) {
    for (const mark of this.marks) {
      let peak = 0;
      visible.forEach((sample, i) => {
        if (sample.at >= mark.from && sample.at <= (mark.to ?? this.end)) peak = Math.max(peak, sums[i]);
      });
      const text = `peak ${lane.format(peak)}/s`;
      g.font = `600 11px ${FONT}`;
      const [from, to] = [Math.max(this.x(mark.from), LEFT), Math.min(this.x(mark.to ?? this.end), LEFT + this.plotWidth)];
      if (peak === 0 || to - from < g.measureText(text).width) continue;
      g.fillStyle = INK;
      g.textAlign = 'center';
      g.textBaseline = 'alphabetic';
      g.fillText(text, (from + to) / 2, Math.max(top + 8, y(peak) - 7));
    }
  }

  /** The axis' end moves in small steps towards where it belongs. */
  glide(lane, target) {
    const now = this.tops.get(lane) ?? target;
    const next = Math.abs(target - now) < target * 0.01 ? target : now + (target - now) * 0.22;
    this.tops.set(lane, next);
    return next;
  }

  drawAxis(g, { lane, top, bottom }, max, y) {
    g.font = `600 12px ${FONT}`;
    g.fillStyle = INK;
    g.textAlign = 'left';
    g.textBaseline = 'alphabetic';
    g.fillText(lane.title, LEFT, top - 7);
    const title = g.measureText(lane.title).width;
    g.font = `11px ${FONT}`;
    g.fillStyle = INK_DIM;
    g.fillText(lane.unit, LEFT + title + 7, top - 7);
    g.textAlign = 'right';
    g.textBaseline = 'middle';
    for (const value of ticks(max, bottom - top)) {
      const at = Math.round(y(value)) + 0.5;
      g.strokeStyle = GRID;
      g.lineWidth = 1;
      g.beginPath();
      g.moveTo(LEFT, at);
      g.lineTo(LEFT + this.plotWidth, at);
      g.stroke();
      g.fillText(lane.format(value).replace(/\.0$/, ''), LEFT - 8, at);
    }
  }

  drawSeries(g, run, one, y, bottom) {
    const points = run.map((sample) => [this.x(sample.at), y(one.of(sample))]);
    if (one.kind === 'area') {
      const area = new Path2D();
      curve(area, points);
      area.lineTo(points.at(-1)[0], bottom);
      area.lineTo(points[0][0], bottom);
      g.globalAlpha = 0.14;
      g.fillStyle = one.colour;
      g.fill(area);
      g.globalAlpha = 1;
    }
    const line = new Path2D();
    curve(line, points);
    if (one.halo) {
      g.strokeStyle = CARD;
      g.lineWidth = 5;
      g.stroke(line);
    }
    g.strokeStyle = one.colour;
    g.lineWidth = one.width ?? 1.75;
    g.lineJoin = 'round';
    g.setLineDash(one.dash ?? []);
    g.stroke(line);
    g.setLineDash([]);
  }

  drawStack(g, run, stacked, y, bottom) {
    let below = run.map(() => 0);
    for (const one of stacked) {
      const above = run.map((sample, i) => below[i] + one.of(sample));
      if (above.some((value, i) => value > below[i])) {
        const upper = run.map((sample, i) => [this.x(sample.at), y(above[i])]);
        const lower = run.map((sample, i) => [this.x(sample.at), y(below[i])]);
        const area = new Path2D();
        curve(area, upper);
        curveBack(area, lower);
        area.closePath();
        g.globalAlpha = 0.82;
        g.fillStyle = one.colour;
        g.fill(area);
        g.globalAlpha = 1;
        const edge = new Path2D();
        curve(edge, upper);
        g.strokeStyle = CARD;
        g.lineWidth = 1;
        g.stroke(edge);
      }
      below = above;
    }
    if (!below.some((value) => value > 0)) return;
    const top = new Path2D();
    curve(top, run.map((sample, i) => [this.x(sample.at), y(below[i])]));
    g.strokeStyle = ATTACK;
    g.lineWidth = 1.75;
    g.stroke(top);
  }

  /** Values of now at the right end of their lines, moved apart where they would cover each other. */
  drawValues(g, { lane, top, bottom }, sample, single, stacked, y) {
    if (!sample) return;
    const labels = single.map((one) => ({ one, value: one.of(sample) }));
    const sum = stacked.reduce((sum, one) => sum + one.of(sample), 0);
    if (stacked.length > 0 || lane.total) labels.push({ one: { name: lane.total, colour: ATTACK }, value: sum });
    labels.forEach((label) => { label.y = Math.max(top + 6, Math.min(y(label.value), bottom - 6)); });
    labels.sort((a, b) => b.y - a.y);
    let floor = bottom + 2;
    for (const label of labels) {
      label.y = Math.min(label.y, floor - 8);
      floor = label.y - 8;
    }
    const x = LEFT + this.plotWidth + 10;
    g.textAlign = 'left';
    g.textBaseline = 'middle';
    for (const { one, value, y: at } of labels) {
      g.fillStyle = one.colour;
      g.beginPath();
      g.arc(x, at, 3, 0, 7);
      g.fill();
      g.font = `600 12px ${FONT}`;
      g.fillStyle = INK;
      const text = lane.format(value);
      g.fillText(text, x + 9, at + 0.5);
      const width = g.measureText(text).width;
      g.font = `11px ${FONT}`;
      g.fillStyle = INK_DIM;
      g.fillText(one.short ?? one.name, x + 14 + width, at + 0.5);
    }
  }

  drawTimes(g, height) {
    const step = [5_000, 10_000, 15_000, 30_000, 60_000].find((step) => (step / this.span) * this.plotWidth > 70) ?? 60_000;
    g.font = `11px ${FONT}`;
    g.fillStyle = INK_DIM;
    g.textAlign = 'center';
    g.textBaseline = 'alphabetic';
    for (let at = Math.ceil(this.start / step) * step; at <= this.end; at += step) {
      const x = this.x(at);
      if (x < LEFT + 16 || x > LEFT + this.plotWidth - 10) continue;
      const clock = new Date(at);
      const two = (n) => String(n).padStart(2, '0');
      g.fillText(`${two(clock.getHours())}:${two(clock.getMinutes())}:${two(clock.getSeconds())}`, x, height - 4);
    }
  }

  drawPointer(g) {
    const read = this.read();
    if (!read) return;
    g.strokeStyle = INK_DIM;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(Math.round(read.x) + 0.5, TOP - 16);
    g.lineTo(Math.round(read.x) + 0.5, this.places.at(-1).bottom);
    g.stroke();
  }
}
