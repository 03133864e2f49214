// The whole product in a real browser: plays hilltop, attacks the server from the console, and checks that the game kept moving, that the
// console shows the refusals, and that the client recovers from a cut line, a reload and a restarted server. Saves screenshots.
//
// Environment: SERVER_BIN (default target/release/hillfort), CHROMIUM (default: /usr/bin/chromium), SHOTS (folder for screenshots).
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test, before, after } from 'node:test';
import { Server } from './server.mjs';
import { openBrowser } from './browser.mjs';
import { playOn, states } from './game.mjs';
import { Line } from './line.mjs';

const root = resolve(import.meta.dirname, '../..');
const shots = resolve(process.env.SHOTS ?? join(root, 'target/browser'));
mkdirSync(shots, { recursive: true });

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

/** Opens the game as `name` and waits until it shows moving state. */
const play = async (name, port = server.httpPort, context) =>
  playOn(context ?? (await browser.newContext({ viewport: { width: 1280, height: 720 } })), name, port);

/** Pixels of the console's charts that are drawn in a warm colour: refusals and the mark of the attack. */
const inkOf = (page) =>
  page.evaluate(() => {
    let warm = 0;
    for (const canvas of document.querySelectorAll('canvas')) {
      if (canvas.width * canvas.height === 0) continue;
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      for (let at = 0; at < data.length; at += 4) if (data[at] > 180 && data[at] > data[at + 2] + 60) warm += 1;
    }
    return warm;
  });

const status = (page) => page.evaluate(() => window.hillfort.status);

test('a newcomer plays: state arrives at the room\'s rate, orders move squads', async () => {
  const page = await play('Ada');
  const from = await page.evaluate(() => ({ n: window.hillfort.stats.statesReceived, t: performance.now() }));
  await states(page, 60);
  const to = await page.evaluate(() => ({ n: window.hillfort.stats.statesReceived, t: performance.now() }));
  const rate = ((to.n - from.n) * 1000) / (to.t - from.t);
  assert.ok(rate > 17 && rate < 23, `20 states a second are promised, ${rate.toFixed(1)} came`);
  await page.screenshot({ path: join(shots, 'game.png') });
  await page.context().close();
});

test('on a line of 100 ms own squads obey in the next frame, and the server has nothing to set right', async (t) => {
  const line = await Line.open(server.httpPort, 50);
  t.after(() => line.close());
  const page = await play('Grace', line.port);
  // By then it is known how early inputs come.
  await states(page, 80);
  await page.evaluate(() => {
    window.frames_ = [];
    const look = () => {
      window.frames_.push(window.hillfort.squads().map(({ x, y }) => [x, y]));
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    const note = () => (window.ordered = { frame: window.frames_.length, state: window.hillfort.stats.tick });
    document.querySelector('#field').addEventListener('pointerup', note, { once: true });
  });
  // What was drawn before the order is compared with what is drawn after it.
  await page.waitForFunction(() => window.frames_.length > 3);
  const known = () => page.evaluate(() => ({ ...window.hillfort.own }));
  const before = await known();
  await page.mouse.click(640, 300);
  await page.waitForFunction(() => window.ordered && window.frames_.length > window.ordered.frame + 3);
  const { frames, ordered } = await page.evaluate(() => ({ frames: window.frames_, ordered: window.ordered }));
  const stood = frames[ordered.frame - 1];
  const moved = frames.findIndex((squads, frame) => frame >= ordered.frame && stood.every(([x, y], n) => squads[n] && (x !== squads[n][0] || y !== squads[n][1])));
  assert.ok(stood.length > 0, 'there are squads to order');
  assert.ok(moved >= 0 && moved - ordered.frame <= 1, `moved in frame ${moved - ordered.frame} after the order`);
  // Acknowledged, and far beyond that.
  await states(page, 40);
  const after = await known();
  assert.equal(after.inTime + after.late, before.inTime + before.late + 1);
  // On a machine that has too much to do an order may be late, and is made up for.
  if (after.late === before.late) assert.equal(after.corrections, before.corrections, 'what the server said was what had been shown');
  await page.keyboard.press('s');
  await page.waitForFunction(() => window.hillfort.squads().every(({ moving }) => !moving), null, { timeout: 20_000 });
  await states(page, 20);
  const off = await page.evaluate(() => {
    const told = new Map(window.hillfort.told().map((squad) => [squad.id, squad]));
    return window.hillfort.squads().map(({ id, x, y }) => Math.hypot(x - told.get(id).x, y - told.get(id).y));
  });
  assert.ok(off.length === 3 && off.every((units) => units <= 5 / 64), `drawn off by ${off} units`);
  await page.context().close();
});

test('the game that new games are made from plays, too', async () => {
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 } });
  page.on('pageerror', (error) => assert.fail(`error in the game page: ${error.stack}`));
  await page.goto(`http://127.0.0.1:${server.httpPort}/magpie/`);
  await page.fill('input', 'Emmy');
  await page.click('button');
  await states(page, 10);
  // Along the field and back, again and again, one row further each time, until there is a coin.
  for (const key of ['ArrowLeft', 'ArrowUp', 'ArrowRight']) {
    await page.keyboard.down(key);
    await states(page, 50);
    await page.keyboard.up(key);
  }
  for (let row = 0; row < 16 && (await page.evaluate(() => window.hillfort.stats.score)) === 0; row += 1) {
    await page.keyboard.down('ArrowDown');
    await states(page, 3);
    await page.keyboard.up('ArrowDown');
    const key = row % 2 === 0 ? 'ArrowLeft' : 'ArrowRight';
    await page.keyboard.down(key);
    await states(page, 80);
    await page.keyboard.up(key);
  }
  await page.screenshot({ path: join(shots, 'magpie.png') });
  assert.ok((await page.evaluate(() => window.hillfort.stats.score)) > 0, 'a dot that walks over the whole field finds a coin');
  await page.close();
});

test('a recording is watched from the seat of one of its players, who is not disturbed', async () => {
  const recorded = await Server.start(root, ['room', 'watch', join(root, 'games/hilltop/replays/strangers.hillrec'), '--from', '300']);
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
    const page = await context.newPage();
    page.on('pageerror', (error) => assert.fail(`error in the game page: ${error.stack}`));
    await page.goto(`http://127.0.0.1:${recorded.httpPort}/hilltop/?room=recording&spectate`);
    await states(page, 40);
    assert.equal(await page.evaluate(() => window.hillfort.stats.slot), 0, 'the seat of who has been there longest');
    await page.mouse.click(640, 360);
    await states(page, 20);
    await page.screenshot({ path: join(shots, 'watched.png') });
    await context.close();
  } finally {
    await recorded.stop();
  }
});

test('an attack started in the console is refused, and the game keeps moving', async () => {
  const game = await play('Grace');
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
  const console_ = await context.newPage();
  console_.on('pageerror', (error) => assert.fail(`error in the console page: ${error.stack}`));
  await console_.goto(`http://127.0.0.1:${server.consolePort}/`);
  await console_.waitForFunction(() => (window.hillfortConsole?.samples ?? 0) >= 4, null, { timeout: 20_000 });

  const before = await server.refused('hello_magic', 'hello_mac', 'hello_time', 'hello_key', 'connect_rate', 'source_rate', 'banned');
  await game.evaluate(() => { window.hillfort.stats.maxStateGap_ms = 0; });
  assert.equal(await console_.textContent('#threat'), 'Calm');
  await console_.click('[data-attack="bad-hello"]');
  // The wall moves, and says what it is.
  await console_.waitForFunction(() => document.querySelector('#threat').textContent === 'Forged hellos', null, { timeout: 10_000 });
  await console_.waitForFunction(
    () => [...document.querySelectorAll('#stages .refuses button')].some((stage) => ['accept', 'hello'].includes(stage.dataset.stage)),
    null, { timeout: 10_000 },
  );
  await console_.waitForFunction(() => (document.querySelector('#shapes .at-accept .lost').getAttribute('d') ?? '') !== '', null, { timeout: 10_000 });
  await console_.hover('[data-stage="accept"]');
  assert.match(await console_.textContent('#why'), /banned|connect rate|source rate/, 'a stage tells its reasons');
  const trip = Number(await console_.textContent('#rtt-p99'));
  assert.ok(trip > 0 && trip < 500, `players' round trip is ${trip} ms during the attack`);
  await states(game, 100); // five seconds of the attack
  await game.screenshot({ path: join(shots, 'game-attacked.png') });
  await console_.screenshot({ path: join(shots, 'console-attacked.png') });
  await states(game, 100);
  const refused = (await server.refused('hello_magic', 'hello_mac', 'hello_time', 'hello_key', 'connect_rate', 'source_rate', 'banned')) - before;
  const gap = await game.evaluate(() => window.hillfort.stats.maxStateGap_ms);
  assert.ok(refused > 1000, `the attack was refused ${refused} times, more than 1000 were expected`);
  assert.ok(gap < 1000, `the game stood still for ${gap} ms during the attack`);
  await console_.waitForFunction(() => window.hillfortConsole.attacks.length >= 1, null, { timeout: 20_000 });
  await console_.waitForSelector('article.verdict', { timeout: 20_000 });
  assert.ok((await inkOf(console_)) > 2000, 'the charts show the refusals in warm colours');
  await console_.screenshot({ path: join(shots, 'console.png') });
  assert.match(await console_.textContent('article.verdict'), /The wall called it: Forged hellos/);

  assert.ok((await console_.locator('#top li').count()) > 0, 'who knocks most is listed');

  // Who was banned for it can be asked about, and lifted.
  const banned = await console_.textContent('#bans tbody tr td');
  const row = console_.locator('#bans tbody tr').filter({ has: console_.getByText(banned, { exact: true }) });
  await row.getByRole('button', { name: banned }).click();
  await console_.waitForSelector('#dialog[open] section');
  assert.match(await console_.textContent('#dialog'), /Score \d+ of 100.*points of offence.*(banned|slowed), at .*over completed connections/s);
  await console_.screenshot({ path: join(shots, 'console-why.png') });
  await console_.click('#dialog button:has-text("Cancel")');
  await row.getByRole('button', { name: 'Lift' }).click();
  const isFree = (address) => [...document.querySelectorAll('#bans tbody tr')].every((row) => row.firstElementChild.textContent !== address);
  await console_.waitForFunction(isFree, banned, { timeout: 10_000 });
  await context.close();
  await game.context().close();
});

test('a room is looked at, stopped and let go in the console', async () => {
  const game = await play('Radia');
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.on('pageerror', (error) => assert.fail(`error in the console page: ${error.stack}`));
  await page.goto(`http://127.0.0.1:${server.consolePort}/`);
  await page.click('#lists button:has-text("Rooms")');
  const row = page.locator('#list tr').filter({ hasText: 'hilltop' }).first();
  await row.locator('a').click();
  await page.waitForSelector('#room[open] dd:has-text("hilltop")');
  await page.waitForSelector('#room td:has-text("Radia")');
  await page.click('#look-inside');
  // The scene by kinds and entities, their fields in words; the saved state as the script keeps it. What is open stays open.
  const open = (name) => page.locator('#room summary').filter({ hasText: name }).first().click();
  await page.locator('#state li').filter({ hasText: /^phase 0$/ }).waitFor();
  await open(/^players \d+ entr/);
  await open(/^1 \d+ entries/);
  await page.locator('#state li li li').filter({ hasText: /^name ".+"$/ }).waitFor();
  await open(/^squads 3 entries/);
  await page.locator('#state li li li li summary').filter({ hasText: /^2 \d+ entries/ }).click();
  await page.locator('#state li li li li li').filter({ hasText: /^strength [\d.]+$/ }).waitFor();
  await open(/^squad \d+/);
  await open(/^entity \d+ .*number \d+, x \d+\.\d\d, y \d+\.\d\d, heading \d+°, strength \d+, moving (no|yes)/);
  await page.locator('#scene li li li').filter({ hasText: /^on_hill no$/ }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll('#scene details[open] details[open] li').length === 10);
  const move = page.locator('#room-move');
  assert.ok((await move.isDisabled()) && /world\.threads/.test(await move.getAttribute('title')), 'with one world thread a room can move nowhere, and the page says why');
  await page.click('[data-deed="pause"]');
  await page.waitForFunction(() => document.querySelector('#room [role="status"]').textContent.startsWith('Paused'));
  await page.screenshot({ path: join(shots, 'console-room.png') });
  await page.locator('#room section').last().scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(shots, 'console-tree.png') });
  const states_ = () => game.evaluate(() => window.hillfort.stats.statesReceived);
  const before = await states_();
  await page.click('[data-deed="step"]');
  await game.waitForFunction((n) => window.hillfort.stats.statesReceived > n, before);
  await page.click('[data-deed="resume"]');
  await states(game, 10);
  await page.click('#room button:has-text("Close")');
  assert.equal(new URL(page.url()).hash, '');
  await page.close();
  await game.context().close();
});

test('a room moves to another world thread from the console while it is played, and the audit log says so', async () => {
  const two = await Server.start(root, ['serve'], { 'world.threads': 2, 'bots.hilltop': 0 });
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  try {
    const game = await play('Frances', two.httpPort, context);
    const page = await context.newPage();
    page.on('pageerror', (error) => assert.fail(`error in the console page: ${error.stack}`));
    await page.goto(`http://127.0.0.1:${two.consolePort}/`);
    await page.click('#lists button:has-text("Rooms")');
    await page.locator('#list tr').filter({ hasText: 'hilltop' }).first().locator('a').click();
    await page.waitForSelector('#room td:has-text("Frances")');
    const fact = page.locator('#room .room-facts div').filter({ hasText: 'World thread' }).locator('dd');
    for (let moves = 0; moves < 2; moves += 1) {
      const to = 1 - Number(await fact.textContent());
      await page.click('#room-move');
      assert.equal(await page.locator('#dialog option').count(), 1, 'the thread that it is on is none to move to');
      await page.click('#dialog button.primary');
      await page.waitForFunction(
        (thread) => [...document.querySelectorAll('#room .room-facts div')].some((div) => div.textContent === `World thread${thread}`), to, { timeout: 20_000 });
      await states(game, 20);
      await page.waitForSelector('#room td:has-text("Frances")');
    }
    await page.screenshot({ path: join(shots, 'console-move.png') });
    await page.click('#room button:has-text("Close")');
    await page.click('#pages a[data-page="audit"]');
    const line = page.locator('#audit tbody tr').filter({ hasText: 'room.move' });
    await line.first().waitFor();
    assert.equal(await line.count(), 2);
    assert.match(await line.first().textContent(), /development127\.0\.0\.1room\.move[0-9a-f]{16}done.*to [01]/);
  } finally {
    await context.close();
    await two.stop();
  }
});

test('the console fits a phone and a light room, and the keyboard gets everywhere', async () => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, colorScheme: 'light' });
  const page = await context.newPage();
  page.on('pageerror', (error) => assert.fail(`error in the console page: ${error.stack}`));
  await page.goto(`http://127.0.0.1:${server.consolePort}/`);
  await page.waitForFunction(() => (window.hillfortConsole?.samples ?? 0) >= 4, null, { timeout: 20_000 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'nothing sticks out to the side');
  const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  assert.ok(ground.match(/\d+/g).every((part) => Number(part) > 200), `the ground of a light page is ${ground}`);
  await page.focus('[data-stage="kernel"]');
  assert.ok(await page.isVisible('#why'), 'a stage that has the focus tells its reasons');
  await page.keyboard.press('Escape');
  assert.ok(!(await page.isVisible('#why')));
  const cannot = await page.locator('.kinds button.cannot').evaluateAll((buttons) => buttons.map(({ disabled, title }) => [disabled, title.length > 5]));
  assert.ok(cannot.length > 0 && cannot.every(([disabled, says]) => disabled && says), 'what cannot run here is off and says why');
  await page.screenshot({ path: join(shots, 'console-phone.png'), fullPage: true });
  await context.close();
});

test('a line cut for five seconds: the client says so, and resumes the same session', async (t) => {
  const line = await Line.open(server.httpPort);
  t.after(() => line.close());
  const page = await play('Edsger', line.port);
  const session = await page.evaluate(() => window.hillfort.stats.session);
  line.cut();
  await page.waitForFunction(() => window.hillfort.status === 'lost', null, { timeout: 20_000 });
  await page.screenshot({ path: join(shots, 'game-lost.png') });
  line.mend();
  await page.waitForFunction(() => window.hillfort.status === 'playing', null, { timeout: 30_000 });
  await states(page, 20);
  assert.equal(await page.evaluate(() => window.hillfort.stats.session), session, 'same session after the cut');
  await page.context().close();
});

test('a reload keeps the seat, and two tabs are two players', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  const first = await play('Barbara', undefined, context);
  const second = await play('Donald', undefined, context);
  const ids = await Promise.all([first, second].map((page) => page.evaluate(() => window.hillfort.stats.session)));
  assert.notEqual(ids[0], ids[1], 'each tab has its own session');
  await first.reload();
  await states(first, 20);
  assert.equal(await first.evaluate(() => window.hillfort.stats.session), ids[0], 'the reloaded tab resumed its session');
  await states(second, 10);
  await context.close();
});

test('server killed and started again: the client recovers by itself', async () => {
  const page = await play('Alan');
  await server.kill();
  await page.waitForFunction(() => window.hillfort.status === 'lost', null, { timeout: 20_000 });
  await server.restart();
  await page.waitForFunction(() => window.hillfort.status === 'playing', null, { timeout: 40_000 });
  await states(page, 20);
  assert.equal(await status(page), 'playing');
  await page.context().close();
});
