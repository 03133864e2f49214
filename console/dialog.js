// Questions before something is changed, and short messages after it.

import { byId, element } from './element.js';

const MESSAGE_MS = 6000;

/** What a field says: as it was `given` where nobody touched it, since an input may have changed it by itself; else without space around it. */
export function said({ node, given }, before) {
  if (node.value === before) return given ?? before;
  return node.type === 'password' ? node.value : node.value.trim();
}

/**
 * Asks, with a text or other nodes above the fields; resolves to the values of `fields` by name, or to null when it was called off.
 * A field is { name, label, node, given }; `given` is the text that its node was made from, if it is to come back as it is.
 */
export function ask({ title, text, nodes = [], fields = [], action, danger = false }) {
  const dialog = byId('dialog');
  return new Promise((resolve) => {
    const inputs = fields.map((field) => element('label', {}, field.label, field.node));
    const form = element('form', { method: 'dialog' },
      element('h2', {}, title),
      ...(text ? [element('p', {}, text)] : []),
      ...nodes,
      ...inputs,
      element('menu', {},
        element('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'),
        element('button', { class: danger ? 'danger' : 'primary', value: 'yes' }, action)));
    dialog.replaceChildren(form);
    dialog.returnValue = '';
    const before = fields.map(({ node }) => node.value);
    dialog.onclose = () => {
      resolve(dialog.returnValue === 'yes' ? Object.fromEntries(fields.map((field, at) => [field.name, said(field, before[at])])) : null);
    };
    dialog.showModal();
  });
}

/** Says something for a few seconds. */
export function say(text, bad = false) {
  const toast = element('p', { class: bad ? 'bad' : 'good' }, text);
  byId('toasts').append(toast);
  setTimeout(() => toast.remove(), MESSAGE_MS);
}

/** Carries out `work`; says `done` when it went well, if there is something to say, and what went wrong otherwise. */
export async function attempt(work, done) {
  try {
    await work();
    if (done) say(done);
    return true;
  } catch (error) {
    say(error.message, true);
    return false;
  }
}
