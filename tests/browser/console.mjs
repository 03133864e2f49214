// The console outside of development mode in a real browser: an administrator signs in with the password that the first start printed, finds
// an account, bans it, and sees the line in the audit log; loads modules anew, and looks into a match and ends it. Saves screenshots.
//
// Environment: as run.mjs.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

/** A function beside the example's that makes a match, one that fails, and a hook. */
const LOBBY = `local nk = require("nakama")
nk.register_rpc(function() return nk.match_create("arena", { size = 4 }) end, "make")
nk.register_rpc(function(context) error("no such shop: " .. context.username) end, "shop.buy")
nk.register_req_before(function(context, request) return request end, "UpdateAccount")
`;

let folder;
let server;
let browser;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hillfort-console-'));
  const file = join(folder, 'own.toml');
  writeFileSync(file, KEYS);
  mkdirSync(join(folder, 'modules'));
  copyFileSync(join(root, 'modules/arena.lua'), join(folder, 'modules/arena.lua'));
  writeFileSync(join(folder, 'modules/lobby.lua'), LOBBY);
  server = await Server.start(root, ['serve', '--config', file], { 'store.url': `sqlite:${join(folder, 'store.db')}`, 'modules.folder': join(folder, 'modules') });
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

/** A page of the console as who has signed in. */
async function office(options, hash) {
  const [, password] = server.log.match(/FIRST START: .* with the password (\S+)/);
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('pageerror', (error) => assert.fail(`error in the console page: ${error.stack}`));
  await page.goto(`http://127.0.0.1:${server.consolePort}/${hash}`);
  await page.fill('#door-name', 'admin');
  await page.fill('#door-password', password);
  await page.click('#door-form button');
  await page.waitForSelector('#pages a[aria-current="page"]');
  return page;
}

const call = (token, id) =>
  fetch(`http://127.0.0.1:${server.httpPort}/v2/rpc/${id}`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '""' });

/** Nothing of the page sticks out to the side. */
const fits = async (page, what) => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${what} sticks out to the side`);

const PHONE = { viewport: { width: 390, height: 844 }, colorScheme: 'light' };

test('modules are looked at and loaded anew, and a mistake is told with its line', async () => {
  const { token } = await (await signIn('device-of-hedy', 'hedy')).json();
  assert.equal((await call(token, 'shop.buy')).status, 500);
  const page = await office({ viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }, '#modules');
  await page.waitForSelector('#modules tr:has-text("arena.lua") td.calm:has-text("runs matches")');
  const functions = await page.locator('#functions tbody tr').allTextContents();
  assert.deepEqual(functions, ['arena_findRPC', 'makeRPC', 'shop.buyRPC', 'updateaccountbefore a call']);
  assert.match(await page.textContent('#faults'), /shop\.buy.*lobby\.lua:3: no such shop: hedy/s);
  await page.screenshot({ path: join(shots, 'console-modules.png') });

  const broken = join(folder, 'modules/broken.lua');
  writeFileSync(broken, 'local nk = require("nakama")\nlocal x = = 2\n');
  await page.click('#modules button:has-text("Load anew")');
  await page.waitForSelector('#refused tr:has-text("broken.lua") td.right:text-is("2")');
  await page.screenshot({ path: join(shots, 'console-modules-refused.png') });
  assert.equal((await call(token, 'make')).status, 200, 'what was loaded before runs on');
  rmSync(broken);
  await page.click('#modules button:has-text("Load anew")');
  await page.waitForSelector('#refused', { state: 'detached' });
  await page.waitForFunction(() => document.querySelector('#modules dl').textContent.includes('went well2'));
  await page.context().close();

  const phone = await office(PHONE, '#modules');
  await phone.waitForSelector('#functions tbody tr');
  await fits(phone, 'the page of modules');
  await phone.screenshot({ path: join(shots, 'console-modules-phone.png'), fullPage: true });
  await phone.context().close();
});

test('a match is found by its label, looked into while it is played, and ended', async () => {
  const { token } = await (await signIn('device-of-lise', 'lise')).json();
  const { payload: id } = await (await call(token, 'make')).json();
  const page = await office({ viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }, '#matches');
  // The player's own browser, on the game's port.
  const player = await page.context().newPage();
  await player.goto(`http://127.0.0.1:${server.httpPort}/readyz`);
  await player.evaluate(([token, id]) => new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${location.host}/ws?format=json&token=${token}`);
    window.heard = [];
    socket.onopen = () => socket.send(JSON.stringify({ cid: '1', match_join: { match_id: id } }));
    socket.onmessage = ({ data }) => {
      const envelope = JSON.parse(data);
      window.heard.push(envelope);
      if (envelope.cid === '1') (envelope.match ? resolve : reject)(envelope);
      if (envelope.match_data?.op_code === '2') window.scores = atob(envelope.match_data.data);
    };
    window.add = (points) => socket.send(JSON.stringify({ match_data_send: { match_id: id, op_code: '1', data: btoa(JSON.stringify({ points })) } }));
  }), [token, id]);
  await page.bringToFront();
  await page.fill('#match-query', '+label.mode:none');
  await page.waitForFunction(() => document.querySelectorAll('#matches tbody tr').length === 0);
  await page.fill('#match-query', '+label.mode:arena +label.open:1');
  const row = page.locator('#matches tbody tr').filter({ hasText: id });
  await row.filter({ hasText: 'arena1' }).waitFor();
  await page.screenshot({ path: join(shots, 'console-matches.png') });

  await row.locator('a').click();
  await page.waitForSelector('#match-players a:has-text("lise")');
  await page.locator('#match-state summary').filter({ hasText: /^scores lise 0/ }).click();
  // It is live: nobody asks for it.
  await player.evaluate(() => window.add(7));
  await page.locator('#match-state li li').filter({ hasText: /^lise 7$/ }).waitFor();
  await page.screenshot({ path: join(shots, 'console-match.png') });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.screenshot({ path: join(shots, 'console-match-light.png') });
  await page.setViewportSize(PHONE.viewport);
  await fits(page, 'the page of a match');
  await page.screenshot({ path: join(shots, 'console-match-phone.png'), fullPage: true });
  await page.click('#office a:has-text("All matches")');
  await page.waitForSelector('#match-query');
  await fits(page, 'the page of matches');
  await page.screenshot({ path: join(shots, 'console-matches-phone.png') });
  await page.locator('#matches tbody a').filter({ hasText: id }).click();

  await page.click('#office button:has-text("End …")');
  await page.screenshot({ path: join(shots, 'console-match-end.png') });
  await page.click('#dialog button.danger');
  await page.waitForSelector('#match-query');
  await page.waitForFunction((id) => !document.querySelector('#matches').textContent.includes(id), id);
  await player.waitForFunction(() => window.heard.some((envelope) => envelope.match_presence_event?.leaves?.length > 0));
  await page.context().close();
});

test('a wallet is changed with a reason, and a way to sign in is taken away', async () => {
  const { token } = await (await signIn('device-of-emmy', 'emmy')).json();
  const link = { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ id: 'studio-id-of-emmy' }) };
  assert.equal((await fetch(`http://127.0.0.1:${server.httpPort}/v2/account/link/custom`, link)).status, 200);
  const page = await office({ viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }, '#accounts');
  await page.fill('#account-q', 'emmy');
  await page.click('#office tbody a:has-text("emmy")');
  await page.click('#office button:has-text("Change the wallet")');
  await page.fill('#dialog input[name="name"]', 'coins');
  await page.fill('#dialog input[name="amount"]', '50');
  await page.fill('#dialog input[name="reason"]', 'lost to a fault');
  await page.click('#dialog button.primary');
  await page.locator('#ledger tbody tr').filter({ hasText: /\+50 coins.*lost to a fault/ }).waitFor();
  assert.match(await page.textContent('#office dl'), /Wallet50 coins/);
  await page.screenshot({ path: join(shots, 'console-wallet.png'), fullPage: true });
  await page.click('#office button:has-text("Unlink")');
  await page.selectOption('#dialog select', { label: 'device device-of-emmy' });
  await page.click('#dialog button.danger');
  await page.waitForFunction(() => !document.querySelector('#office dl').textContent.includes('device-of-emmy'));
  assert.match(await page.textContent('#office dl'), /studio-id-of-emmy/);
  await page.setViewportSize(PHONE.viewport);
  await fits(page, 'the page of an account');
  await page.screenshot({ path: join(shots, 'console-wallet-phone.png'), fullPage: true });
  await page.context().close();
});
