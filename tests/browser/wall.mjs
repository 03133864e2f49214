// The wall in a real browser while attacks run: what the console shows of them, and the work that a stranger does to get in. With root all of it
// happens in a network namespace of its own, where packets meet a kernel filter; without, on loopback, and attacks by packets are not run.
//
// Environment: as run.mjs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser } from './browser.mjs';
import { playOn, states } from './game.mjs';
import { Server } from './server.mjs';

const root = resolve(import.meta.dirname, '../..');
const shots = resolve(process.env.SHOTS ?? join(root, 'target/browser'));
mkdirSync(shots, { recursive: true });

/** Set in the process that runs inside of the namespace. */
const INSIDE = 'IN_NAMESPACE';
const inside = process.env[INSIDE] !== undefined;
const mayEnter = !inside && spawnSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up']).status === 0;

if (mayEnter) {
  test('the wall, in a network namespace', () => {
    const script = `ip link set lo up && sysctl -qw net.ipv4.tcp_syncookies=2; exec "${process.execPath}" --test "${import.meta.filename}"`;
    const env = { ...process.env, [INSIDE]: '1' };
    delete env.NODE_TEST_CONTEXT;
    const ended = spawnSync('unshare', ['--net', 'sh', '-c', script], { env, encoding: 'utf8', timeout: 300_000 });
    console.log(ended.stdout);
    assert.equal(ended.status, 0, ended.stderr);
  });
} else {
  if (!inside) console.log('NOT RUN: attacks by packets need root and a network namespace; the others run on loopback');
  defineTests();
}

function defineTests() {
  let browser;
  const servers = [];

  before(async () => { browser = await openBrowser(); });

  after(async () => {
    await browser?.close();
    for (const server of servers) await server.stop();
  });

  const start = async (settings) => {
    const flags = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const server = await Server.start(root, ['serve', ...flags]);
    servers.push(server);
    return server;
  };

  const newContext = (width, height) => browser.newContext({ viewport: { width, height }, colorScheme: 'dark' });

  /** The console, when it has seen calm for long enough to compare with. */
  const openConsole = async (server) => {
    const page = await (await newContext(1440, 900)).newPage();
    page.on('pageerror', (error) => assert.fail(`error in the console page: ${error.stack}`));
    await page.goto(`http://127.0.0.1:${server.consolePort}/`);
    await page.waitForFunction(() => (window.hillfortConsole?.samples ?? 0) >= 8, null, { timeout: 20_000 });
    return page;
  };

  const until = (page, what, argument) => page.waitForFunction(what, argument, { timeout: 20_000 });
  const says = (page, selector, text) =>
    until(page, ([selector, text]) => document.querySelector(selector).textContent.includes(text), [selector, text]).catch(async (error) => {
      const [found, outcome] = [await page.textContent(selector), await page.textContent('#outcome')];
      throw new Error(`waited for "${text}" in ${selector}: ${found}. The panel says: ${outcome}`, { cause: error });
    });

  /** Figures of a stage as they are shown, "1.2 k" as 1200. */
  const stage = (page, id) => page.evaluate((id) => {
    const value = (text) => parseFloat(text) * (/k/i.test(text) ? 1e3 : /M/.test(text) ? 1e6 : 1);
    const item = document.querySelector(`[data-stage="${id}"]`);
    return { in: value(item.querySelector('.rate b').textContent), refused: item.querySelector('.refused').textContent, refuses: item.parentElement.classList.contains('refuses') };
  }, id);

  test('packets: the kernel stage takes them, the mode turns to flood and back, the attack has its name', { skip: !inside && 'only in a namespace' }, async () => {
    const server = await start({ 'kernel.flood_syn_per_s': 2000, 'kernel.calm_s': 2 });
    const page = await openConsole(server);
    assert.equal(await page.textContent('#kernel-mode'), 'passive');
    const game = await playOn(await newContext(1280, 720), 'Ada', server.httpPort);
    await page.click('[data-attack="syn-spoofed"]');
    await says(page, '#outcome', 'The kernel filter stands there (native).');
    await says(page, '#rung', 'XDP in the driver');
    await says(page, '#threat', 'SYN flood from forged sources');
    await says(page, '#kernel-mode', 'flood mode: SYN cookies');
    await until(page, () => document.querySelector('[data-stage="kernel"]').parentElement.classList.contains('refuses'));
    const [kernel, accept] = [await stage(page, 'kernel'), await stage(page, 'accept')];
    assert.ok(kernel.in > 500 && kernel.in > 20 * accept.in, `${JSON.stringify(kernel)} of ${JSON.stringify(accept)}`);
    assert.match(await page.textContent('#threat-sum'), /\/s want in, (9\d(\.\d+)?|100) % kept out/);
    await page.hover('[data-stage="kernel"]');
    assert.match(await page.textContent('#why'), /never answered the cookie/);
    // The filter counts networks and signatures, too; forged addresses come once each.
    await page.click('#top-tabs button:has-text("Signatures")');
    await says(page, '#top', 'ip4 ttl 64');
    const newcomer = await playOn(await newContext(1280, 720), 'Grace', server.httpPort);
    await states(game, 40);
    await page.screenshot({ path: join(shots, 'console-syn-flood.png') });
    await page.waitForSelector('article.verdict', { timeout: 30_000 });
    assert.match(await page.textContent('article.verdict'), /cookie.*The wall called it: SYN flood from forged sources/s);
    await says(page, '#kernel-mode', 'passive');
    await says(page, '#threat', 'Calm');
    for (const one of [game, newcomer, page]) await one.context().close();
  });

  test('connections: offered, refused by stage, admitted, honest latency, top sources, and a ban that is lifted', async () => {
    const server = await start({});
    const page = await openConsole(server);
    const game = await playOn(await newContext(1280, 720), 'Ada', server.httpPort);
    await until(page, () => Number(document.querySelector('#rtt-p99').textContent) > 0);
    await page.click('[data-attack="bad-hello"]');
    await says(page, '#threat', 'Forged hellos');
    await until(page, () => document.querySelector('[data-stage="accept"]').parentElement.classList.contains('refuses'));
    assert.ok((await stage(page, 'accept')).in > 100, 'those who want in are counted');
    assert.match(await page.textContent('#threat-sum'), /[\d.]+ ?k?\/s want in, \d+(\.\d+)? ?% kept out/);
    await says(page, '#posture', 'under attack: strangers pay more');
    // Somebody honest comes in meanwhile, and is seen at the last stage before the game.
    const admitted = until(page, () => parseFloat(document.querySelector('[data-stage="login"] .rate b').textContent) > 0);
    const newcomer = await playOn(await newContext(1280, 720), 'Grace', server.httpPort);
    await admitted;
    // What is shown of players' round trips is measured, and compared with calm.
    const [shown, word] = [Number(await page.textContent('#rtt-p99')), await page.textContent('#rtt-word')];
    assert.ok(shown > 0 && shown < 500, `players' round trip is ${shown} ms`);
    assert.match(word, /^(Steady|Shaken): p99 [\d.]+ ms when calm\.$/);
    await states(game, 20);
    // 32 addresses of its own, and nobody honest among them.
    await until(page, () => document.querySelectorAll('#top li').length > 0);
    const sources = await page.locator('#top li span:first-child').allTextContents();
    assert.ok(sources.filter((name) => name.startsWith('127.6.')).length > 0, `${sources}`);
    await page.screenshot({ path: join(shots, 'console-hello-flood.png') });
    await page.waitForSelector('article.verdict', { timeout: 30_000 });

    const row = page.locator('#bans tbody tr').filter({ hasText: 'banned' }).first();
    const address = await row.locator('td').first().textContent();
    assert.match(address, /^127\.6\./);
    assert.ok(!(await isServed(server, address)), 'a banned address gets nothing');
    await page.locator('#bans tbody tr').filter({ has: page.getByText(address, { exact: true }), hasText: 'banned' }).getByRole('button', { name: 'Lift' }).click();
    await until(page, (address) => [...document.querySelectorAll('#bans tbody tr')].every((row) => row.firstElementChild.textContent !== address), address);
    const deadline = Date.now() + 20_000;
    while (!(await isServed(server, address))) assert.ok(Date.now() < deadline, 'an address whose ban was lifted is served');
    for (const one of [game, newcomer, page]) await one.context().close();
  });

  test('under attack a stranger in a browser works for the login, and gets in', async () => {
    const server = await start({ 'guard.attack_offered_per_s': 50, 'guard.work_bits': 14 });
    const context = await newContext(1280, 720);
    // All that the page's status has been.
    await context.addInitScript(() => {
      const been = (window.been = []);
      let hillfort;
      const record = { set: (of, name, value) => { if (name === 'status') been.push(value); return Reflect.set(of, name, value); } };
      Object.defineProperty(window, 'hillfort', { get: () => hillfort, set: (value) => { hillfort = new Proxy(value, record); } });
    });
    const calm = await playOn(context, 'Ada', server.httpPort);
    assert.ok(!(await calm.evaluate(() => window.been)).includes('working'), 'nobody works in calm');
    // A crowd that says nothing.
    const crowd = Array.from({ length: 120 }, () => connect(server.tcpPort, '127.0.0.1').on('error', () => {}));
    const posture = async () => /hillfort_wall_posture\{posture="attack"\} 1/.test(await (await fetch(`http://127.0.0.1:${server.consolePort}/metrics`)).text());
    const deadline = Date.now() + 20_000;
    while (!(await posture())) assert.ok(Date.now() < deadline, 'a crowd is an attack');
    const page = await playOn(context, 'Grace', server.httpPort);
    const been = await page.evaluate(() => window.been);
    assert.ok(been.indexOf('working') >= 0 && been.lastIndexOf('playing') > been.indexOf('working'), `${been}`);
    assert.ok(await posture(), 'it was an attack until then');
    await page.screenshot({ path: join(shots, 'game-worked.png') });
    await states(calm, 20);
    for (const one of crowd) one.destroy();
    await context.close();
  });

  /** Whether the address is served a page. */
  function isServed(server, address) {
    return new Promise((done) => {
      const asked = get({ host: '127.0.0.1', port: server.httpPort, path: '/healthz', localAddress: address, agent: false, timeout: 1000 }, (answer) => {
        answer.resume();
        done(answer.statusCode === 200);
      });
      asked.on('timeout', () => asked.destroy());
      asked.on('error', () => done(false));
    });
  }
}
