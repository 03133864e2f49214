// A room's scene and its saved state as entries of a tree. Knows what the server's JSON means, and nothing of elements.

import { whole } from './format.js';

/** A number: as short as it is exact enough. */
export const short = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(2));

/** The value of a field, as its schema has it. */
export function fieldText({ type, step }, value) {
  if (type === 'bool') return value === 0 ? 'no' : 'yes';
  if (type === 'angle') return `${Math.round((value * 180) / Math.PI)}°`;
  if (type === 'int') return whole(value);
  return value.toFixed(Math.max(0, Math.min(4, Math.ceil(-Math.log10(step)))));
}

/** Kinds, in each its entities, in each its fields. */
export function sceneEntries({ kinds, entities }) {
  return kinds.map(({ name, count, fields }, kind) => {
    const shown = entities.filter((entity) => entity.kind === kind);
    const rest = count - shown.length;
    return {
      key: name,
      label: name,
      text: rest > 0 ? `${whole(count)}, ${whole(rest)} of them not shown` : whole(count),
      entries: () => shown.map((entity) => entityEntry(entity, fields)),
    };
  });
}

function entityEntry({ id, owner, team, fields: values }, fields) {
  const whose = [owner === null ? null : `seat ${owner}`, team === 0 ? null : `team ${team}`].filter((part) => part !== null);
  const text = fields.map((field, at) => `${field.name} ${fieldText(field, values[at])}`).join(', ');
  return {
    key: id,
    label: `entity ${id}`,
    text: [...whose, text].join(' · '),
    entries: () => fields.map((field, at) => ({ key: field.name, label: field.name, text: fieldText(field, values[at]) })),
  };
}

/** The entries of a saved table; those that were left out are counted at its end. */
export function savedEntries({ table, hidden }) {
  const entries = table.map(([key, value]) => savedEntry(key, value));
  if (hidden > 0) entries.push({ key: '', label: '…', text: `${whole(hidden)} more` });
  return entries;
}

/** Values of one object or list of JSON that are shown. */
const MEMBERS_MAX = 500;

/** A value of JSON as a saved table; lists count from 1, as in Lua. */
export function tabled(value) {
  if (value === null || typeof value !== 'object') return value;
  const members = Array.isArray(value) ? value.map((member, at) => [String(at + 1), member]) : Object.entries(value);
  return { table: members.slice(0, MEMBERS_MAX).map(([key, member]) => [key, tabled(member)]), hidden: Math.max(0, members.length - MEMBERS_MAX) };
}

function savedEntry(key, value) {
  if (value?.table === undefined) return { key, label: key, text: savedText(value) };
  const { table, hidden } = value;
  return { key, label: key, text: gist(table, hidden), entries: () => savedEntries(value) };
}

/** How many there are in a table, or what, when it is little. */
function gist(table, hidden) {
  const isSmall = hidden === 0 && table.length > 0 && table.length <= 4 && table.every(([, value]) => value?.table === undefined);
  if (!isSmall) return `${whole(table.length + hidden)} ${table.length + hidden === 1 ? 'entry' : 'entries'}`;
  return table.map(([key, value]) => `${key} ${savedText(value)}`).join(', ');
}

function savedText(value) {
  // JSON has no word for what is no number.
  if (value === null) return 'not a number';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return `buffer of ${whole(value.bytes)} bytes`;
}
