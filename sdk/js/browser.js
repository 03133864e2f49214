// What the session takes from its surroundings: sockets, clocks, randomness, a place for tickets, and word of a page that wakes. Browsers and Node 20 have it
// all but the WebSocket, which Node has from version 22 on. Tests bring their own.

/** The parts as plain functions. */
export function browserEnv() {
  return {
    WebSocket: globalThis.WebSocket,
    fetch: (...args) => globalThis.fetch(...args),
    setTimeout: (...args) => globalThis.setTimeout(...args),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    soon,
    now: () => performance.now(),
    wall: () => Date.now(),
    random: () => Math.random(),
    randomBytes: (count) => globalThis.crypto.getRandomValues(new Uint8Array(count)),
    watch: watchPage,
    tickets: ticketsOf,
  };
}

/** Where the ticket of a server (by its origin) outlives the page; nowhere when the browser keeps nothing for us. */
function ticketsOf(origin) {
  const key = `hillfort ticket of ${origin}`;
  const tried = (deed) => {
    try {
      return deed(globalThis.window?.localStorage) ?? '';
    } catch {
      return '';
    }
  };
  return { load: () => tried((storage) => storage?.getItem(key)), save: (ticket) => tried((storage) => storage?.setItem(key, ticket)) };
}

/** Calls `deed` once everything else that is due has had its turn. By a message, because browsers hold the timers of a hidden page back. */
function soon(deed) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    deed();
  };
  port2.postMessage(null);
}

/** Calls `wake` when the page comes to the front or the network comes back; returns what ends it. */
function watchPage(wake) {
  if (typeof document === 'undefined') return () => {};
  const onVisible = () => {
    if (!document.hidden) wake();
  };
  window.addEventListener('online', wake);
  window.addEventListener('pageshow', wake);
  document.addEventListener('visibilitychange', onVisible);
  return () => {
    window.removeEventListener('online', wake);
    window.removeEventListener('pageshow', wake);
    document.removeEventListener('visibilitychange', onVisible);
  };
}
