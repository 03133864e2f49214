// Hilltop's guests in a real browser: an account that the device keeps, a name that the server decides on, a record; and a game that goes on
// without all that when the sign-in is refused or slow. Saves screenshots. Environment as in run.mjs.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser } from './browser.mjs';
import { states } from './game.mjs';
import { Server } from './server.mjs';

const root = resolve(import.meta.dirname, '../..');
const shots = resolve(process.env.SHOTS ?? join(root, 'target/browser'));
mkdirSync(shots, { recursive: true });
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true };

let server;
let browser;
before(async () => {
  server = await Server.start(root);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The entry screen in a page of its own device. `rig(context)` comes before the page is loaded. */
async function entry(options = { viewport: { width: 1280, height: 720 } }, { port = server.httpPort, rig = async () => {} } = {}) {
  const context = await browser.newContext(options);
  await context.addInitScript(() => localStorage.setItem('hilltop.helped', 'yes'));
  await rig(context);
  return open(context, port);
}

async function open(context, port = server.httpPort) {
  const page = await context.newPage();
  page.on('pageerror', (error) => assert.fail(`error in the game page: ${error.stack}`));
  await page.goto(`http://127.0.0.1:${port}/hilltop/`);
  return page;
}

async function play(page, name) {
  await page.fill('#name', name);
  await page.click('#entry [type="submit"]');
}

const account = (page) => page.evaluate(() => ({ ...window.hillfort.account }));
const settled = (page, status) => page.waitForFunction((wanted) => window.hillfort.account.status === wanted, status, { timeout: 20_000 });
/** The card is whole on the screen. */
async function fits(page, card) {
  const { width, height } = page.viewportSize();
  const box = await page.locator(card).boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= width && box.y >= 0 && box.y + box.height <= height, `${card} is at ${JSON.stringify(box)}`);
}


/** What the server knows of the device in this page. */
const known = (page) =>
  page.evaluate(async () => {
    const ask = async (method, path, authorization, body) =>
      (await fetch(path, { method, headers: { authorization, 'content-type': 'application/json' }, body: body && JSON.stringify(body) })).json();
    const { server_key } = await (await fetch('/client.json')).json();
    const { token } = await ask('POST', '/v2/account/authenticate/device?create=false', `Basic ${btoa(`${server_key}:`)}`, { id: localStorage.getItem('hillfort.device') });
    const { user } = await ask('GET', '/v2/account', `Bearer ${token}`);
    const { objects } = await ask('POST', '/v2/storage', `Bearer ${token}`, { object_ids: [{ collection: 'hilltop', key: 'record', user_id: user.id }] });
    return { id: user.id, username: user.username, record: objects?.[0] && JSON.parse(objects[0].value) };
  });

test('a guest has an account that the device keeps, with its name and what was played', async () => {
  const page = await entry();
  await settled(page, 'known');
  assert.match(await page.textContent('#account'), /Guest account/);
  await page.screenshot({ path: join(shots, 'account-entry.png') });
  await play(page, 'Hedy');
  await states(page, 50);
  const first = await account(page);
  assert.equal(first.name, 'Hedy');
  assert.deepEqual(await known(page), { id: first.userId, username: 'Hedy', record: undefined });
  // What was played is saved when the page goes to the back.
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await page.waitForFunction(() => window.hillfort.account.record.seconds > 0, null, { timeout: 20_000 });
  const { record } = await known(page);
  assert.ok(record.seconds >= 1 && record.seconds < 600, `${record.seconds} s were played`);
  await page.click('#tools .show-profile');
  await page.waitForSelector('#profile:not([hidden])');
  await page.screenshot({ path: join(shots, 'account-profile.png') });
  // Another page of the same device, later.
  const context = page.context();
  await page.close();
  const again = await open(context);
  await settled(again, 'known');
  const second = await account(again);
  assert.deepEqual([second.userId, second.name, second.isNew], [first.userId, 'Hedy', false]);
  assert.ok(second.record.seconds >= record.seconds);
  assert.match(await again.textContent('#account'), /Welcome back, Hedy/);
  assert.equal(await again.inputValue('#name'), 'Hedy');
  await context.close();
});

test('the server decides on a name, and a player can change it', async () => {
  const [one, other] = [await entry(), await entry()];
  for (const page of [one, other]) await settled(page, 'known');
  await play(one, 'Emmy');
  await states(one, 5);
  await play(other, 'Emmy');
  await other.waitForFunction(() => document.querySelector('#entry-note').textContent !== '', null, { timeout: 20_000 });
  assert.match(await other.textContent('#entry-note'), /Emmy is another player's name here/);
  assert.equal(await other.getAttribute('body', 'data-screen'), 'entry', 'nobody plays under it');
  await other.screenshot({ path: join(shots, 'account-taken.png') });
  await play(other, 'Emmy N.');
  await states(other, 5);
  assert.equal((await known(other)).username, 'Emmy N.');
  // In the game: taken, impossible, free.
  await other.click('#tools .show-profile');
  for (const [name, note] of [['Emmy', /another player's/], ['\u200bx', /invisible characters/], ['Noether', /Changed/]]) {
    await other.fill('#profile-name', name);
    await other.click('#profile [type="submit"]');
    await other.waitForFunction((text) => new RegExp(text).test(document.querySelector('#profile-note').textContent), note.source, { timeout: 20_000 });
  }
  assert.equal((await known(other)).username, 'Noether');
  await other.click('#close-profile');
  await states(other, 5);
  for (const page of [one, other]) await page.context().close();
});

test('a server that lets nobody sign in, says no, or says nothing: the game is played all the same, and says so', async () => {
  const closed = await Server.start(root, ['serve'], { 'nakama.server_key': '' });
  const refuse = (context) => context.route('**/v2/account/authenticate/**', (route) => route.fulfill({ status: 401, json: { code: 16, message: 'Server key invalid' } }));
  const silent = (context) => context.route('**/v2/**', () => {});
  try {
    const table = [
      [{ port: closed.httpPort }, /without an account, and nothing is kept: this server has no accounts for guests/],
      [{ rig: refuse }, /without an account, and nothing is kept: the server lets no guests sign in/],
      [{ rig: silent }, /without an account, and nothing is kept: the server does not answer in time/],
    ];
    for (const [where, words] of table) {
      const page = await entry(PHONE, where);
      // While the sign-in is slow the name is taken as it is.
      await play(page, 'Katherine');
      await states(page, 20);
      await settled(page, 'without');
      assert.match(await page.textContent('#account span'), words);
      await page.tap('#tools .show-profile');
      assert.match(await page.textContent('#profile-words'), words);
      assert.ok(await page.isHidden('#profile form'));
      await page.screenshot({ path: join(shots, 'account-without.png') });
      await page.context().close();
    }
  } finally {
    await closed.stop();
  }
});

test('a phone shows all of it', async () => {
  const page = await entry(PHONE);
  await settled(page, 'known');
  await fits(page, '#entry form');
  await page.screenshot({ path: join(shots, 'account-phone-entry.png') });
  await play(page, 'Annie');
  await states(page, 20);
  await page.tap('#tools .show-profile');
  await fits(page, '#profile .card');
  await page.screenshot({ path: join(shots, 'account-phone-profile.png') });
  await page.tap('#close-profile');
  await states(page, 5);
  await page.screenshot({ path: join(shots, 'account-phone-game.png') });
  await page.context().close();
});
