// Makes elements. Text is always set as text, so nothing that a player typed can become markup.

/** `element('button', { class: 'x', onclick }, 'text', child)` */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  set(made, properties);
  made.append(...children);
  return made;
}

/** Same for the inside of a drawing. */
export function drawing(name, properties = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  set(made, properties);
  made.append(...children);
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Sets text only where it changed, so that a selection survives. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function set(made, properties) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === false || value === undefined || value === null) continue;
    if (typeof value === 'function') made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? '' : value);
  }
}
