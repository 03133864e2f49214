// The JavaScript SDK in Node.js.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '@heroiclabs/nakama-js';
import { run, UNSET } from './calls.mjs';
import { LONG, MODULES, start } from './server.mjs';
import { Services } from './services.mjs';

let services;
before(async () => { services = await Services.start(); });
after(() => services?.stop());

/** A server for one run of calls. */
async function answers(settings, given) {
  const { server, where } = await start({ ...LONG, ...settings });
  try {
    return await run({ Client, where: { ...where, services: services.url }, only: process.env.ONLY, ...given });
  } finally {
    await server.stop();
  }
}

test('every call that is served is answered as the SDK expects', async () => {
  const { failed, missed, calls } = await answers({ ...MODULES, ...services.settings() });
  assert.deepEqual(failed, []);
  if (!process.env.ONLY) assert.deepEqual(missed, [], 'calls that are done and that were not answered with 200');
  assert.ok(calls > 10);
});

test('services that nobody has set up are refused', async () => {
  const { failed } = await answers({}, { calls: UNSET });
  assert.deepEqual(failed, []);
});
