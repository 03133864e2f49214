// What the server says about itself at /client.json: which key signs the hello, and what time it is there. Owns the estimate of the
// server's clock; knows nothing of connections.

import { fromHex } from './hello.js';

/**
 * Fetches `url` and returns { app, key, secret, game, serverTime_ms() }. `ownKey` { app, key, secret } is for a page that brings its
 * own, because a server need not give one away.
 * The answer was written somewhere between question and arrival; the middle is taken, so the error is at most half the round trip.
 */
export async function fetchClientInfo(env, url, ownKey, signal) {
  const asked = env.now();
  const response = await env.fetch(url, { cache: 'no-store', signal });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const info = { ...(await response.json()), ...ownKey };
  const answered = env.now();
  if (!Number.isSafeInteger(info.app) || !Number.isSafeInteger(info.key) || !Number.isFinite(info.now_ms)) {
    throw new Error(`${url} does not say what a client needs`);
  }
  const atMiddle = info.now_ms - (asked + answered) / 2;
  return {
    app: info.app,
    key: info.key,
    secret: fromHex(info.secret),
    game: info.game ?? null,
    serverTime_ms: () => Math.round(env.now() + atMiddle),
  };
}
