// The guest's account against a server that is made up: what it says is what the server's own answers look like.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account, deviceId } from '../account.js';
import { accountWords, recordWords } from '../words.js';

/** One account's server. `refuse(path, n)`: a status and a message in place of the answer to the nth call of that path, or nothing. */
function server({ key = 'key', refuse = () => null } = {}) {
  const it = { calls: [], objects: new Map(), name: 'guest7', version: 0, made: false, token: 0 };
  const counts = new Map();
  const answers = {
    'GET /client.json': () => (key === null ? {} : { server_key: key }),
    'POST /v2/account/authenticate/device': (request) => {
      assert.equal(request.headers.authorization, `Basic ${btoa(`${key}:`)}`);
      const created = !it.made;
      it.made = true;
      it.token += 1;
      return { created, token: `t${it.token}` };
    },
    'GET /v2/account': () => ({ user: { id: 'u1', username: it.name } }),
    'PUT /v2/account': (request) => {
      it.name = JSON.parse(request.body).username;
      return {};
    },
    'POST /v2/storage': () => ({ objects: [...it.objects.values()] }),
    'PUT /v2/storage': (request) => {
      const [object] = JSON.parse(request.body).objects;
      const there = it.objects.get(object.key);
      if (object.version !== (there?.version ?? '*')) return [400, 'Storage write rejected - version check failed.'];
      it.version += 1;
      it.objects.set(object.key, { ...object, version: `v${it.version}` });
      return { acks: [{ version: `v${it.version}` }] };
    },
  };
  it.fetch = async (url, request) => {
    const name = `${request.method} ${url.split('?')[0]}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    it.calls.push(name);
    const said = refuse(name, counts.get(name)) ?? answers[name](request);
    const [status, body] = Array.isArray(said) ? [said[0], { message: said[1] }] : [200, said];
    return new Response(JSON.stringify(body), { status });
  };
  return it;
}

async function signedIn(made, more = {}) {
  const account = new Account({ fetch: made.fetch, device: () => 'f'.repeat(32), patience_ms: 1000, ...more });
  await account.signIn();
  return account;
}

test('a device has one id for ever, or none where nothing is kept', () => {
  const kept = new Map();
  const store = { load: () => kept.get('id') ?? null, save: (id) => kept.set('id', id) };
  const bytes = (count) => new Uint8Array(count).fill(0xab);
  const id = deviceId(store, bytes);
  assert.equal(id, 'ab'.repeat(16));
  assert.equal(deviceId(store, () => assert.fail('made twice')), id);
  kept.set('id', 'nonsense');
  assert.equal(deviceId(store, bytes), id, 'what is no id of ours is replaced');
  assert.equal(deviceId({ load: () => null, save: () => {} }, bytes), null);
});

test('a guest signs in, and is known the next time', async () => {
  const made = server();
  const first = await signedIn(made);
  assert.deepEqual([first.status, first.isNew, first.name, first.record], ['known', true, 'guest7', { rounds: 0, won: 0, best: 0, seconds: 0 }]);
  assert.match(accountWords(first), /^Guest account/);
  const again = await signedIn(made);
  assert.deepEqual([again.status, again.isNew, again.userId], ['known', false, 'u1']);
  assert.equal(accountWords(again), 'Welcome back, guest7.');
});

test('the server decides on names', async () => {
  const made = server({ refuse: (name, n) => (name === 'PUT /v2/account' && n === 1 ? [400, 'Username is already in use.'] : null) });
  const account = await signedIn(made);
  assert.equal(await account.rename('Ada'), 'Ada is another player\'s name here: choose another');
  assert.equal(account.name, 'guest7');
  assert.equal(await account.rename('Grace'), null);
  assert.deepEqual([account.name, made.name], ['Grace', 'Grace']);
  const before = made.calls.length;
  assert.equal(await account.rename('Grace'), null);
  assert.equal(made.calls.length, before, 'nothing is asked when nothing changes');
});

test('without an account the game is told why, and nothing is asked any more', async () => {
  const table = [
    [server({ key: null }), {}, 'this server has no accounts for guests'],
    [server(), { device: () => null }, 'this browser keeps nothing for the game'],
    [server({ refuse: (name) => (name.includes('authenticate') ? [401, 'Server key invalid'] : null) }), {}, 'the server lets no guests sign in'],
    [server({ refuse: (name) => (name.includes('authenticate') ? [429, 'x'] : null) }), {}, 'too many sign in from here right now'],
    [server({ refuse: (name) => (name.includes('authenticate') ? [403, 'Banned until Friday'] : null) }), {}, 'Banned until Friday'],
    [server({ refuse: (name) => (name === 'GET /client.json' ? [404, ''] : null) }), {}, 'this server has no accounts'],
  ];
  for (const [made, more, why] of table) {
    const account = await signedIn(made, more);
    assert.deepEqual([account.status, account.why], ['without', why]);
    assert.equal(accountWords(account), `You play without an account, and nothing is kept: ${why}.`);
    const before = made.calls.length;
    account.roundOver({ won: true, score: 9 });
    await account.save();
    assert.equal(await account.rename('Ada'), null);
    assert.equal(made.calls.length, before);
  }
});

test('a server that does not answer is not waited for', async () => {
  const never = (url, { signal }) =>
    new Promise((resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  // What waits in the abort signal alone does not keep Node.js running.
  const awake = setInterval(() => {}, 1000);
  const slow = await signedIn({ fetch: never }, { patience_ms: 1 });
  clearInterval(awake);
  assert.deepEqual([slow.status, slow.why], ['without', 'the server does not answer in time']);
  const away = await signedIn({ fetch: () => Promise.reject(new TypeError('failed to fetch')) });
  assert.equal(away.why, 'the server cannot be reached');
  const odd = await signedIn({ fetch: async () => new Response('{}') });
  assert.equal(odd.why, 'this server has no accounts for guests');
});

test('the record adds up, also over other pages and ended sessions', async () => {
  const made = server({ refuse: (name, n) => (name === 'PUT /v2/storage' && n === 3 ? [401, 'Auth token invalid'] : null) });
  const account = await signedIn(made);
  account.played(30.4);
  account.roundOver({ won: true, score: 40 });
  await account.save();
  assert.deepEqual(account.record, { rounds: 1, won: 1, best: 40, seconds: 30 });
  const calls = made.calls.length;
  await account.save();
  assert.equal(made.calls.length, calls, 'nothing new, nothing written');
  // Another page of the same account.
  const other = await signedIn(made);
  other.roundOver({ won: false, score: 55 });
  await other.save();
  // The third write of all meets an ended session, the fourth the other page's record, the fifth is right.
  account.roundOver({ won: true, score: 12 });
  await account.save();
  assert.deepEqual(account.record, { rounds: 3, won: 2, best: 55, seconds: 30 });
  assert.deepEqual(JSON.parse(made.objects.get('record').value), account.record);
  assert.equal(made.token, 3);
});

test('what could not be saved is saved with the next', async () => {
  let down = true;
  const made = server({ refuse: (name) => (name === 'PUT /v2/storage' && down ? [503, 'later'] : null) });
  const account = await signedIn(made);
  account.roundOver({ won: true, score: 5 });
  await account.save();
  assert.equal(account.record.rounds, 0);
  down = false;
  account.roundOver({ won: false, score: 7 });
  await account.save({ last: true });
  assert.deepEqual(account.record, { rounds: 2, won: 1, best: 7, seconds: 0 });
});

test('a record that is nonsense counts as none', async () => {
  for (const value of ['', 'x', 'null', '[]', '{"rounds":-1,"won":"2","best":1e999,"seconds":null}']) {
    const made = server();
    made.objects.set('record', { key: 'record', value, version: 'v0' });
    const account = await signedIn(made);
    assert.deepEqual([account.status, account.record], ['known', { rounds: 0, won: 0, best: 0, seconds: 0 }], value);
  }
});

test('figures in words', () => {
  assert.deepEqual(recordWords({ rounds: 3, won: 1, best: 70, seconds: 59 }), { rounds: '3', won: '1', best: '70', time: '0 min' });
  assert.equal(recordWords({ rounds: 0, won: 0, best: 0, seconds: 7320 }).time, '2 h 2 min');
});
