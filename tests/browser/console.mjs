// The console outside of development mode in a real browser: an administrator signs in with the password that the first start printed, finds
// an account, bans it, and sees the line in the audit log. Saves screenshots.
//
// Environment: as run.mjs.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser } from './browser.mjs';
import { Server } from './server.mjs';

const root = resolve(import.meta.dirname, '../..');
const shots = resolve(process.env.SHOTS ?? join(root, 'target/browser'));
mkdirSync(shots, { recursive: true });

/** Keys of one's own end development mode. */
const KEYS = '[[keys]]\napp = 7\nkey = 2\nsecret_hex = "00112233445566778899aabbccddeeff"\n';

let folder;
let server;
let browser;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hillfort-console-'));
  const file = join(folder, 'own.toml');
  writeFileSync(file, KEYS);
  server = await Server.start(root, ['serve', '--config', file], { 'store.url': `sqlite:${join(folder, 'store.db')}` });
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A player signs in with a device, as games do. */
const signIn = (device, username) =>
  fetch(`http://127.0.0.1:${server.httpPort}/v2/account/authenticate/device?create=true&username=${username}`, {
    method: 'POST', headers: { authorization: `Basic ${btoa('defaultkey:')}`, 'content-type': 'application/json' }, body: JSON.stringify({ id: device }),
  });

test('an administrator signs in, bans an account and sees it in the audit log', async () => {
  for (const name of ['ada', 'eve', 'grace']) assert.equal((await signIn(`device-of-${name}`, name)).status, 200);
  const [, password] = server.log.match(/FIRST START: .* with the password (\S+)/);
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' });
  const page = await context.newPage();
  page.on('pageerror', (error) => assert.fail(`error in the console page: ${error.stack}`));
  await page.goto(`http://127.0.0.1:${server.consolePort}/#accounts`);
  await page.fill('#door-name', 'admin');
  await page.fill('#door-password', 'not the password');
  await page.click('#door-form button');
  await page.waitForFunction(() => document.querySelector('#door-said').textContent === 'Wrong name or password');
  await page.screenshot({ path: join(shots, 'console-door.png') });
  await page.fill('#door-password', password);
  await page.click('#door-form button');
  await page.waitForSelector('#account-q');
  assert.match(await page.textContent('#who'), /admin · administrator/);
  const cookie = (await context.cookies()).find(({ name }) => name === `hillfort_console_${server.consolePort}`);
  assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict');

  await page.fill('#account-q', 'device-of-eve');
  await page.waitForFunction(() => document.querySelectorAll('#office tbody tr').length === 1);
  await page.click('#office tbody a:has-text("eve")');
  await page.click('#office button:has-text("Ban …")');
  await page.fill('#dialog input[name="reason"]', 'sold gold');
  await page.selectOption('#dialog select[name="seconds"]', '3600');
  await page.click('#dialog button.danger');
  await page.waitForSelector('#account-ban');
  assert.match(await page.textContent('#account-ban'), /^Banned by admin, until .*: sold gold$/);
  await page.screenshot({ path: join(shots, 'console-account.png') });
  const refused = await signIn('device-of-eve', 'eve');
  assert.equal(refused.status, 403);
  assert.match((await refused.json()).message, /banned until .*sold gold/);

  await page.click('#pages a[data-page="audit"]');
  const line = page.locator('#audit tbody tr').filter({ hasText: 'account.ban' });
  await line.waitFor();
  assert.match(await line.textContent(), /admin127\.0\.0\.1account\.ban[0-9a-f-]{36}done.*reason sold gold/);
  await page.screenshot({ path: join(shots, 'console-audit.png') });

  await page.click('#pages a[data-page="calls"]');
  await page.selectOption('#call-name', 'GetUsers');
  await page.fill('#call-request', '{ "usernames": ["ada"] }');
  const ada = await (await context.request.get(`http://127.0.0.1:${server.consolePort}/api/accounts?by=name&q=ada`)).json();
  await page.fill('#call-user', ada.accounts[0].id);
  await page.click('#office button.primary');
  await page.waitForFunction(() => document.querySelector('#call-verdict').textContent.startsWith('Ok'));
  assert.match(await page.textContent('#call-reply'), /"username": "ada"/);

  await page.click('#pages a[data-page="storage"]');
  await page.click('#office button:has-text("Write an object")');
  await page.fill('#dialog label:has-text("Collection") input', 'seasons');
  await page.fill('#dialog label:has-text("Key") input', 'first');
  await page.click('#dialog button.primary');
  await page.click('#office a:has-text("seasons")');
  await page.waitForSelector('#office tbody button:has-text("first")');

  await page.click('#pages a[data-page="configuration"]');
  await page.waitForSelector('#warnings li');
  assert.ok(await page.evaluate(() => !document.body.textContent.includes('00112233')), 'secrets are hidden');
  await page.screenshot({ path: join(shots, 'console-configuration.png') });

  await page.click('#pages a[data-page="operators"]');
  await page.click('#office button:has-text("Make one")');
  await page.fill('#dialog input', 'vera');
  await page.click('#dialog button.primary');
  const second = await page.textContent('#made-password');
  await page.click('#dialog button:has-text("Done")');
  await page.waitForSelector('#office td:has-text("vera")');
  await page.click('#sign-out');
  await page.waitForSelector('#door-form:visible');

  // A viewer looks, and is offered nothing that it may not do.
  await page.fill('#door-name', 'vera');
  await page.fill('#door-password', second);
  await page.click('#door-form button');
  await page.waitForSelector('#pages a[data-page="accounts"]');
  assert.equal(await page.locator('#pages a[data-page="operators"]').count(), 0);
  await page.goto(`http://127.0.0.1:${server.consolePort}/#accounts/${ada.accounts[0].id}`);
  await page.waitForSelector('#office h2:has-text("ada")');
  assert.equal(await page.locator('#office button:has-text("Ban")').count(), 0);
  const tried = await page.evaluate((id) => fetch(`/api/accounts/${id}/ban`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"reason":"x","seconds":null}' }).then((answer) => answer.status), ada.accounts[0].id);
  assert.equal(tried, 403);
  await context.close();
});
