// What became of those who wanted in: the rates of the last samples as stages of a funnel. Plain arithmetic; knows nothing of the page.

/** Samples that are averaged: two seconds, so that the figures can be read. */
const SAMPLES = 4;
/** Samples that a statement about calm needs at least. */
const CALM_SAMPLES_MIN = 6;

/** What the kernel filter did with packets that it did not hand on. */
const DROPPED = { banned: 'banned source', malformed: 'malformed packet', fragment: 'late fragment', stray: 'belongs to no connection' };
/** Refusals of the session stage that keep somebody out; the others end a session that was in. */
const AT_LOGIN = new Set(['login slow', 'login name', 'resume unknown', 'resume token', 'resume gap', 'sessions full', 'out of state']);

const mean = (samples, of) => samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;

/** Whether a filter in the kernel sees the SYNs. */
export const sees = (kernel) => kernel !== null && (kernel.rung === 'native' || kernel.rung === 'generic');

/**
 * Stages in the order of the way in: { id, name, unit, in, out, refused, reasons: [{ label, rate }] }, all rates a second. What is
 * neither refused nor goes on left by itself: a page of HTTP, say.
 */
export function stages(samples, reasons) {
  const last = samples.slice(-SAMPLES);
  if (last.length === 0) return [];
  const rates = new Map();
  for (const { refused } of last) for (const [code, rate] of refused) rates.set(code, (rates.get(code) ?? 0) + rate / last.length);
  const of = (wanted) => [...rates].map(([code, rate]) => ({ ...reasons.of(code), rate })).filter(wanted).sort((a, b) => b.rate - a.rate);
  const at = (...names) => of(({ stage, label }) => names.includes(stage) && (stage !== 'session' || AT_LOGIN.has(label)));
  const accepted = mean(last, (sample) => sample.accepted);
  const proven = mean(last, (sample) => sample.proven);
  const kernel = atKernel(last, accepted);
  const accept = step({ id: 'accept', name: 'Accept' }, accepted, at('connect'));
  const tls = step({ id: 'tls', name: 'TLS' }, accept.out, at('transport'));
  const hello = step({ id: 'hello', name: 'Hello' }, tls.out, at('hello'));
  // Those who asked for a page, say, left; the funnel goes on with those who said a good hello.
  hello.out = Math.min(hello.out, proven);
  const login = step({ id: 'login', name: 'Login' }, proven, at('session'));
  login.out = mean(last, (sample) => sample.wall.logins);
  const messages = step({ id: 'messages', name: 'Messages', unit: 'messages' }, mean(last, (sample) => sample.frames[0]), at('frame', 'rate', 'room'));
  return [kernel, accept, tls, hello, login, messages];
}

function atKernel(last, accepted) {
  const kernels = last.map(({ wall }) => wall.kernel).filter(sees);
  const stage = { id: 'kernel', name: 'Kernel', unit: 'attempts' };
  if (kernels.length === 0) return { ...stage, absent: true, in: accepted, out: accepted, refused: 0, reasons: [] };
  const packets = (verdict) => mean(kernels, (kernel) => kernel.packets.find(([found]) => found === verdict)?.[1] ?? 0);
  const dropped = Object.entries(DROPPED).map(([verdict, label]) => ({ label, rate: packets(verdict) }));
  const syns = mean(kernels, (kernel) => kernel.syns);
  // Banned ones are among the SYNs, the others are not.
  const offered = Math.max(syns + packets('malformed') + packets('fragment') + packets('stray'), accepted);
  const unfinished = Math.max(0, syns - packets('banned') - accepted);
  const cookies = Math.min(unfinished, packets('cookie'));
  const all = [...dropped, { label: 'never answered the cookie', rate: cookies }, { label: 'never completed', rate: unfinished - cookies }];
  return { ...step(stage, offered, all.filter(({ rate }) => rate > 0).sort((a, b) => b.rate - a.rate)), out: accepted };
}

function step(stage, into, reasons) {
  const refused = reasons.reduce((sum, { rate }) => sum + rate, 0);
  return { unit: 'connections', ...stage, in: into, out: Math.max(0, into - refused), refused, reasons };
}

/** Sum of what the stages before the messages refused, and its part of all that was offered. */
export function outcome(stages) {
  const refused = stages.filter(({ id }) => id !== 'messages').reduce((sum, stage) => sum + stage.refused, 0);
  const offered = Math.max(stages[0]?.in ?? 0, refused);
  return { offered, refused, part: offered > 0 ? refused / offered : 0 };
}

/** Height of a rate, 0 to 1: logarithmic, so that ten honest players are seen beside a million packets. */
export const height = (rate, most) => (rate <= 0 ? 0 : Math.log10(1 + rate) / Math.log10(1 + Math.max(most, 100)));

/** Median of players' round trips while nothing had a name, [median, p99] in milliseconds; null before there is enough of it. */
export function calmLatency(samples) {
  const calm = samples.filter(({ wall, latency }) => wall.named.length === 0 && latency[1] > 0);
  if (calm.length < CALM_SAMPLES_MIN) return null;
  return [0, 1].map((which) => {
    const sorted = calm.map(({ latency }) => latency[which]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  });
}
