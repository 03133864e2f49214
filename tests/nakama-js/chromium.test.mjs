// The JavaScript SDK in a page of another origin: what browsers ask before they ask, and may read afterwards.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { openBrowser } from '../browser/browser.mjs';
import { MODULES, ROOT, start } from './server.mjs';
import { variantsOf } from './seen.mjs';
import { Services } from './services.mjs';

const PAGE = `<!doctype html><title>SDK</title><script type="importmap">
{"imports":{"@heroiclabs/nakama-js":"/sdk.mjs","@heroiclabs/nakama-js-protobuf":"/sdk-protobuf.mjs"}}</script>`;
const own = (name) => [`/${name}`, ['text/javascript', () => readFile(new URL(name, import.meta.url))]];
const sdk = (name) => ['text/javascript', () => readFile(new URL(`node_modules/@heroiclabs/${name}/dist/${name}.esm.mjs`, import.meta.url))];
const FILES = {
  '/': ['text/html', async () => PAGE],
  ...Object.fromEntries(['calls.mjs', 'socket.mjs', 'player.mjs', 'seen.mjs'].map(own)),
  '/sdk.mjs': sdk('nakama-js'),
  '/sdk-protobuf.mjs': sdk('nakama-js-protobuf'),
};

let services, server, where, pages, browser;
before(async () => {
  services = await Services.start();
  ({ server, where } = await start({ ...MODULES, ...services.settings() }));
  where.services = services.url;
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
  services?.stop();
});

test('every call that is served is answered in a browser', async () => {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${pages.address().port}/`);
  const { failed, missed } = await page.evaluate(async (where) => {
    const [{ Client }, { run }] = [await import('@heroiclabs/nakama-js'), await import('/calls.mjs')];
    return run({ Client, where });
  }, where);
  assert.deepEqual(failed, []);
  assert.deepEqual(missed, [], 'calls that are done and that were not answered with 200');
});

test('the realtime socket does what the SDK expects in a browser, in JSON and in protobuf', async () => {
  const variants = variantsOf(await readFile(`${ROOT}docs/nakama.md`, 'utf8'));
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${pages.address().port}/`);
  const { failed, missed } = await page.evaluate(async ([where, variants]) => {
    const [{ Client }, { WebSocketAdapterPb }, { run }] = [
      await import('@heroiclabs/nakama-js'), await import('@heroiclabs/nakama-js-protobuf'), await import('/socket.mjs'),
    ];
    return run({ Client, where, variants, adapters: { json: () => undefined, protobuf: () => new WebSocketAdapterPb() } });
  }, [where, variants]);
  assert.deepEqual(failed, []);
  assert.deepEqual(missed, { json: [], protobuf: [] });
});
