// The JavaScript SDK in Node.js.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '@heroiclabs/nakama-js';
import { run } from './calls.mjs';
import { LONG, start } from './server.mjs';

let server, where;
before(async () => ({ server, where } = await start(LONG)));
after(() => server?.stop());

test('every call that is served is answered as the SDK expects', async () => {
  const { failed, missed, calls } = await run({ Client, where, only: process.env.ONLY });
  assert.deepEqual(failed, []);
  if (!process.env.ONLY) assert.deepEqual(missed, [], 'calls that are done and that the suite does not make');
  assert.ok(calls > 10);
});
