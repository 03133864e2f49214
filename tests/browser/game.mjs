// Hilltop's page as a player has it open.
import assert from 'node:assert/strict';

/** Opens the game as `name` in a page of `context` and waits until it shows moving state. */
export async function playOn(context, name, port) {
  const page = await context.newPage();
  page.on('pageerror', (error) => assert.fail(`error in the game page: ${error.stack}`));
  await page.goto(`http://127.0.0.1:${port}/hilltop/?name=${name}&auto=1`);
  await states(page, 20);
  return page;
}

/** Waits until the page has received `more` further states. */
export async function states(page, more, timeout = 20_000) {
  const start = await page.evaluate(() => window.hillfort?.stats?.statesReceived ?? 0);
  await page.waitForFunction(
    (target) => (window.hillfort?.stats?.statesReceived ?? 0) >= target,
    start + more,
    { timeout },
  );
}
