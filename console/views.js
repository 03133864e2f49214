// Which lanes the chart card shows: what they are called, where they come from in a sample, and how far their axes go at least.

import { bytes, compact, ms } from './format.js';
import { ALARM, ATTACK, CALM, CALM_FAINT, WARN } from './palette.js';

/** Reasons that get a colour of their own in the stack; the others share one. */
const REASONS_MAX = 8;

const worst = (sample, of) => sample.worlds.reduce((most, world) => Math.max(most, of(world)), 0);
const total = (sample, of) => sample.worlds.reduce((sum, world) => sum + of(world), 0);

/** Refusals per second of a sample. */
export const refusedOf = (sample) => sample.refused.reduce((sum, [, rate]) => sum + rate, 0);

/** The views, by name. `reasons()` gives the table of reasons once the server has said it. */
export function views(reasons) {
  const latency = {
    title: 'Players’ round trip', unit: 'ms', floor: 12, format: ms,
    series: [
      { name: 'round trip p99', short: 'p99', colour: CALM_FAINT, of: (sample) => sample.latency[1] },
      { name: 'round trip median', short: 'median', colour: CALM, kind: 'area', of: (sample) => sample.latency[0] },
    ],
  };
  const ticks = {
    title: 'Room ticks', unit: 'ms, worst world', floor: 6, format: ms,
    series: [
      { name: 'lateness p99', short: 'late p99', colour: CALM_FAINT, of: (sample) => worst(sample, (world) => world.late[1]) },
      { name: 'tick time p99', short: 'time p99', colour: CALM, kind: 'area', of: (sample) => worst(sample, (world) => world.tick[1]) },
    ],
  };
  const refused = {
    title: 'Refused', unit: 'per second, by reason', floor: 50, format: compact, share: 1.75, total: 'refused/s',
    series: (visible) => [
      ...stack(visible, reasons()),
      { name: 'hellos let in', short: 'let in/s', colour: CALM, halo: true, width: 2, of: (sample) => sample.proven },
    ],
  };
  return {
    'Under attack': [latency, ticks, refused],
    Traffic: [
      {
        title: 'Frames', unit: 'per second', floor: 50, format: compact,
        series: [
          { name: 'out', colour: CALM, kind: 'area', of: (sample) => sample.frames[1] },
          { name: 'in', colour: CALM_FAINT, of: (sample) => sample.frames[0] },
        ],
      },
      {
        title: 'Bytes', unit: 'per second', floor: 8192, format: bytes,
        series: [
          { name: 'out', colour: CALM, kind: 'area', of: (sample) => sample.bytes[1] },
          { name: 'in', colour: CALM_FAINT, of: (sample) => sample.bytes[0] },
        ],
      },
      {
        title: 'Connections', unit: 'now', floor: 10, format: compact,
        series: [
          { name: 'open', colour: CALM_FAINT, of: (sample) => sample.connections.open },
          { name: 'sessions', colour: CALM, kind: 'area', of: (sample) => sample.connections.sessions },
          { name: 'unproven', colour: WARN, of: (sample) => sample.connections.unproven },
          { name: 'away', colour: ALARM, dash: [4, 3], of: (sample) => sample.connections.detached },
        ],
      },
    ],
    Process: [
      {
        title: 'Processor', unit: 'cores', floor: 1, format: (n) => n.toFixed(2),
        series: [{ name: 'cores', colour: CALM, kind: 'area', of: (sample) => sample.cpu }],
      },
      {
        title: 'Memory', unit: 'resident', floor: 32 * 1024 * 1024, format: bytes,
        series: [{ name: 'resident', colour: CALM, kind: 'area', of: (sample) => sample.rss }],
      },
      {
        title: 'Room ticks', unit: 'per second', floor: 40, format: compact,
        series: [
          { name: 'run', colour: CALM, kind: 'area', of: (sample) => total(sample, (world) => world.ticks) },
          { name: 'skipped', colour: ATTACK, of: (sample) => total(sample, (world) => world.skipped) },
        ],
      },
    ],
  };
}

/** One series for each of the most frequent reasons in view. */
function stack(visible, reasons) {
  const sums = new Map();
  for (const sample of visible) {
    for (const [code, rate] of sample.refused) sums.set(code, (sums.get(code) ?? 0) + rate);
  }
  const order = [...sums.entries()].sort((a, b) => b[1] - a[1]).map(([code]) => code);
  const rate = (sample, code) => sample.refused.find(([found]) => found === code)?.[1] ?? 0;
  // Sorted by number, so that a layer keeps its place while the sums change.
  const named = order.slice(0, REASONS_MAX).sort((a, b) => a - b).map((code) => {
    const { label, colour } = reasons.of(code);
    return { name: label, colour, kind: 'stack', of: (sample) => rate(sample, code) };
  });
  const others = order.slice(REASONS_MAX);
  if (others.length === 0) return named;
  return [...named, { name: 'other', colour: '#5b6c7a', kind: 'stack', of: (sample) => others.reduce((sum, code) => sum + rate(sample, code), 0) }];
}
