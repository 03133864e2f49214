// The server under test: a release build on free ports, with a data folder of its own. Its database is that of `STORE_URL`, which all servers
// of a run share then, or SQLite in its folder.
import { Server } from '../browser/server.mjs';

export const ROOT = new URL('../..', import.meta.url).pathname;

/** Tokens that the SDK does not warn of, and the modules that the suite calls. */
export const LONG = { 'nakama.token_s': 7200, 'nakama.refresh_token_s': 86_400 };
export const MODULES = { 'modules.folder': `${ROOT}tests/nakama-js/modules` };

const STORE = process.env.STORE_URL ? { 'store.url': process.env.STORE_URL } : {};

/** Starts one, with settings beside the defaults. What the suite needs to know is in `where`. */
export async function start(settings = {}) {
  const server = await Server.start(ROOT, ['serve'], { 'bots.hilltop': 0, 'nakama.wait_ms_max': 60_000, ...STORE, ...settings });
  const where = { host: '127.0.0.1', port: String(server.httpPort), serverKey: 'defaultkey', httpKey: 'defaulthttpkey' };
  return { server, where };
}

/** The port of gRPC, which the server takes by itself and says. */
export const grpcPort = (server) => Number(/gRPC \S*:(\d+)/.exec(server.log)[1]);
