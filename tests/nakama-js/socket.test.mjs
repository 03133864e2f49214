// The realtime socket by the JavaScript SDK in Node.js, which has no WebSocket of its own in version 20: `ws` is what the SDK's documentation names.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { Client } from '@heroiclabs/nakama-js';
import { WebSocketAdapterPb } from '@heroiclabs/nakama-js-protobuf';
import { LONG, MODULES, ROOT, start } from './server.mjs';
import { run } from './socket.mjs';
import { variantsOf } from './seen.mjs';

globalThis.WebSocket ??= WebSocket;
const variants = variantsOf(readFileSync(`${ROOT}docs/nakama.md`, 'utf8'));

let server, where;
before(async () => ({ server, where } = await start({ ...LONG, ...MODULES })));
after(() => server?.stop());

test('the table of messages is read', () => {
  assert.ok(variants.length >= 50);
  assert.ok(variants.filter(({ isDone }) => isDone).length >= 18);
  assert.deepEqual(variants.find(({ name }) => name === 'match_data_send'), { name: 'match_data_send', number: 15, from: 'client', isDone: true });
});

test('the realtime socket does what the SDK expects, in JSON and in protobuf, and every message that is done is sent', async () => {
  const adapters = { json: () => undefined, protobuf: () => new WebSocketAdapterPb() };
  const { failed, missed, checks } = await run({ Client, where, adapters, variants, only: process.env.ONLY });
  assert.deepEqual(failed, []);
  if (!process.env.ONLY) assert.deepEqual(missed, { json: [], protobuf: [] }, 'messages that are done and that the suite does not send or hear');
  assert.ok(checks > 8);
});
