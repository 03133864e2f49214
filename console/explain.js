// Why something is done to an address: its steps with their evidence, its score and what led to it. Lifts it on request.

import { ask, attempt } from './dialog.js';
import { element } from './element.js';
import { get, post } from './feed.js';
import { duration, whole } from './format.js';
import { MEANING, STEPS } from './steps.js';

export async function explain(address) {
  let view;
  if (!(await attempt(async () => { view = await get(`/api/address/${encodeURIComponent(address)}`); }))) return;
  const lift = await ask({ title: address, nodes: parts(view), action: view.steps.length > 0 ? 'Lift all of it' : 'Forgive' });
  if (lift) attempt(() => post('/api/lift', { address }), `${address} may come back.`);
}

function parts(view) {
  const [points, most] = view.points;
  const seen = view.known ? `Known: sessions from here lasted, of ${whole(view.accounts)} accounts lately.` : 'A stranger: no session from here has lasted.';
  const before = view.bans_before > 0 ? ` Bans not forgotten: ${whole(view.bans_before)}; each doubles the next.` : '';
  return [
    element('p', {}, `Score ${view.score} of 100; ${whole(points)} of ${whole(most)} points of offence.${before}`),
    element('p', {}, view.place ? `${seen} ${view.place}.` : seen),
    list('Borne now', view.steps.map((step) => [
      `${STEPS[step.step] ?? step.step}, at ${step.stage}, ends in ${duration(step.expires_in_ms)}`,
      `${step.reason.replaceAll('_', ' ')}: ${step.evidence}. ${MEANING[step.step] ?? ''}`,
    ]), 'Nothing: its points are borne.'),
    list('What it did', view.reasons.map(([reason, times, cost]) => [reason.replaceAll('_', ' '), `${times === 1 ? 'once' : `${whole(times)} times`}, ${whole(cost)} points`]), 'Nothing that is remembered.'),
  ];
}

function list(title, lines, none) {
  const items = lines.map(([head, text]) => element('li', {}, element('b', {}, head), ' ', text));
  return element('section', {}, element('h3', {}, title), items.length > 0 ? element('ul', {}, ...items) : element('p', {}, none));
}
