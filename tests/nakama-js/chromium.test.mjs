// The JavaScript SDK in a page of another origin: what browsers ask before they ask, and may read afterwards.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { openBrowser } from '../browser/browser.mjs';
import { start } from './server.mjs';

const PAGE = '<!doctype html><title>SDK</title><script type="importmap">{"imports":{"@heroiclabs/nakama-js":"/sdk.mjs"}}</script>';
const FILES = {
  '/': ['text/html', async () => PAGE],
  '/calls.mjs': ['text/javascript', () => readFile(new URL('calls.mjs', import.meta.url))],
  '/sdk.mjs': ['text/javascript', () => readFile(new URL('node_modules/@heroiclabs/nakama-js/dist/nakama-js.esm.mjs', import.meta.url))],
};

let server, where, pages, browser;
before(async () => {
  ({ server, where } = await start());
  pages = createServer(async (request, response) => {
    const [type, read] = FILES[request.url] ?? [];
    response.writeHead(read ? 200 : 404, { 'content-type': type ?? 'text/plain' });
    response.end(read ? await read() : 'nothing');
  });
  await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  pages?.close();
  await server?.stop();
});

test('every call that is served is answered in a browser', async () => {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${pages.address().port}/`);
  const { failed, missed } = await page.evaluate(async (where) => {
    const [{ Client }, { run }] = [await import('@heroiclabs/nakama-js'), await import('/calls.mjs')];
    return run({ Client, where });
  }, where);
  assert.deepEqual(failed, []);
  assert.deepEqual(missed, []);
});
