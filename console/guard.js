// What is done to which address, the allow list and the limits of the guard: shown, and changed after a question.

import { ask, attempt } from './dialog.js';
import { byId, element, setText } from './element.js';
import { explain } from './explain.js';
import { post } from './feed.js';
import { duration, whole } from './format.js';
import { Rows } from './rows.js';
import { STEPS } from './steps.js';

const ADDRESS = { type: 'text', required: true, maxlength: 45, placeholder: '192.0.2.7', pattern: '[0-9a-fA-F:.]+', autocomplete: 'off' };

export class Guard {
  constructor() {
    this.at = 0;
    const left = (row) => duration(row.expires_in_ms - (Date.now() - this.at));
    this.bans = new Rows([
      { name: 'Address', node: (row) => button(row.address, () => explain(row.address), 'link') },
      { name: 'Step', of: (row) => STEPS[row.step] ?? row.step, tone: (row) => (row.step === 'ban' ? 'hot' : 'warn') },
      { name: 'Stage', of: (row) => row.stage, tone: () => 'dim' },
      { name: 'Reason', of: (row) => row.reason.replaceAll('_', ' '), long: true },
      { name: 'Evidence', of: (row) => row.evidence || '–', long: true, tone: () => 'dim' },
      { name: 'Ends in', right: true, of: left },
      { name: '', right: true, node: (row) => (row.liftable ? button('Lift', () => this.lift(row)) : '') },
    ], (row) => `${row.address} ${row.step}`, 'Nobody is held back.');
    this.allowed = new Rows([
      { name: 'Always let in', of: (row) => row },
      { name: '', right: true, node: (row) => button('Remove', () => attempt(() => post('/api/disallow', { address: row }), `${row} is judged like all others.`)) },
    ], (row) => row, '');
    byId('bans').append(this.bans.node, this.allowed.node);
    this.limits = new Rows([
      { name: 'Limit', of: (row) => sentence(row.label) },
      { name: '', right: true, of: (row) => whole(row.value) },
      { name: '', of: (row) => unit(row), tone: () => 'dim' },
      { name: '', right: true, node: (row) => button('Change', () => this.change(row.key)) },
    ], (row) => row.key, 'This server has no limits to change.');
    byId('limits').append(this.limits.node);
    byId('ban').onclick = () => this.ban();
    byId('allow').onclick = () => this.allow();
    byId('lift-all').onclick = () => this.liftAll();
  }

  update(tables) {
    if (!tables.limits) return;
    [this.tables, this.at] = [tables, tables.at];
    this.bans.update(tables.steps);
    this.allowed.update(tables.allowed);
    this.allowed.node.hidden = tables.allowed.length === 0;
    this.limits.update(tables.limits);
    setText(byId('bans-count'), whole(tables.steps_total));
    byId('lift-all').hidden = !tables.steps.some((row) => row.liftable);
  }

  lift(row) {
    return attempt(() => post('/api/lift', { address: row.address }), `${row.address} may come back.`);
  }

  async ban() {
    const seconds = element('select', {}, ...[[60, '1 minute'], [600, '10 minutes'], [3600, '1 hour'], [86_400, '1 day']].map(([value, text]) => element('option', { value, selected: value === 600 }, text)));
    const answer = await ask({
      title: 'Ban an address', action: 'Ban', danger: true,
      fields: [
        { name: 'address', label: 'Address', node: element('input', ADDRESS) },
        { name: 'reason', label: 'Reason', node: element('input', { type: 'text', required: true, maxlength: 120 }) },
        { name: 'seconds', label: 'For', node: seconds },
      ],
    });
    if (answer) attempt(() => post('/api/ban', { ...answer, seconds: Number(answer.seconds) }), `${answer.address} is banned.`);
  }

  async allow() {
    const answer = await ask({
      title: 'Always let an address in', action: 'Allow',
      text: 'Its connections are never refused for their rate, and it is never banned.',
      fields: [{ name: 'address', label: 'Address', node: element('input', ADDRESS) }],
    });
    if (answer) attempt(() => post('/api/allow', answer), `${answer.address} is always let in.`);
  }

  async liftAll() {
    const addresses = [...new Set(this.tables.steps.filter((row) => row.liftable).map((row) => row.address))];
    const sure = await ask({ title: 'Lift all?', text: `${whole(addresses.length)} addresses may come back at once.`, action: 'Lift all', danger: true });
    if (!sure) return;
    attempt(async () => {
      // One after the other: the queue to the guard is bounded.
      for (const address of addresses) await post('/api/lift', { address });
    }, `${whole(addresses.length)} addresses are free.`);
  }

  async change(key) {
    const limit = this.tables.limits.find((limit) => limit.key === key);
    const { value, min, max } = limit;
    const [label, per] = [sentence(limit.label), unit(limit)];
    const answer = await ask({
      title: label, action: 'Change', text: `${key}, from ${whole(min)} to ${whole(max)}${per}. It holds at once and until the server ends.`,
      fields: [{ name: 'value', label: `Now ${whole(value)}`, node: element('input', { type: 'number', required: true, min, max, step: 1, value }) }],
    });
    if (!answer || Number(answer.value) === value) return;
    const sure = await ask({
      title: 'Are you sure?', action: 'Yes, change it', danger: true,
      text: `${label}: from ${whole(value)} to ${whole(Number(answer.value))}${per}, for all who come from now on.`,
    });
    if (sure) attempt(() => post('/api/limits', { key, value: Number(answer.value) }), `${label} is now ${whole(Number(answer.value))}${per}.`);
  }
}

const sentence = (label) => label.charAt(0).toUpperCase() + label.slice(1);

/** A unit as it follows a number. */
const unit = (row) => (row.unit === '1/s' ? '/s' : row.unit && ` ${row.unit}`);

const button = (text, onclick, looks = 'small') => element('button', { type: 'button', class: looks, onclick }, text);
