// What outlives the page: the player's name and the device's id for ever, the running session for a reload of this tab. The session lies in the tab's
// storage only between two pages, so that a copied tab does not take the same session. Storage may be forbidden: then nothing is kept.

import { fromHex, toHex } from '/sdk/js/hello.js';

const NAME = 'hillfort.name';
const DEVICE = 'hillfort.device';
const HELPED = 'hilltop.helped';
const SESSION = 'hilltop.session';

export const keepName = (name) => attempt(() => localStorage.setItem(NAME, name));
export const keptName = () => attempt(() => localStorage.getItem(NAME)) ?? '';

/** Where this device's id is kept. */
export const deviceStore = {
  load: () => attempt(() => localStorage.getItem(DEVICE)) ?? null,
  save: (id) => attempt(() => localStorage.setItem(DEVICE, id)),
};

/** Whether the help was shown here before; from now on it was. */
export function wasHelped() {
  const before = attempt(() => localStorage.getItem(HELPED)) ?? null;
  attempt(() => localStorage.setItem(HELPED, 'yes'));
  return before !== null;
}

/** `events` are the last map and roster events, as they came: a resumed session does not send them again. */
export function keepSession(session, events) {
  const plain = events.map(({ op, data }) => ({ op, data: toHex(data) }));
  attempt(() => sessionStorage.setItem(SESSION, JSON.stringify({ session, events: plain })));
}

/** What `keepSession` kept, once; null when there is nothing, or it is too old to be resumed. */
export function takeSession() {
  return (
    attempt(() => {
      const kept = JSON.parse(sessionStorage.getItem(SESSION));
      sessionStorage.removeItem(SESSION);
      if (kept === null || Date.now() - kept.session.heardAtWall > kept.session.identity.resume_ms) return null;
      return { session: kept.session, events: kept.events.map(({ op, data }) => ({ op, data: fromHex(data) })) };
    }) ?? null
  );
}

function attempt(deed) {
  try {
    return deed();
  } catch {
    return undefined;
  }
}
