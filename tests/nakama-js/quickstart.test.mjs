// The code of docs/quickstart-js.md, run as it stands: it prints what the page says that it prints.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { ROOT, start } from './server.mjs';

// Beside the SDK, so that it is found as in a folder of one's own.
const program = new URL(`quickstart-${process.pid}.mjs`, import.meta.url);

let server, where;
before(async () => ({ server, where } = await start()));
after(async () => {
  await rm(program, { force: true });
  await server?.stop();
});

test('the quick start does what it says', async () => {
  const page = await readFile(`${ROOT}docs/quickstart-js.md`, 'utf8');
  const blocks = (kind) => [...page.matchAll(new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text);
  const [code, said] = [blocks('js'), blocks('text')];
  assert.ok(code.length > 4 && code.length === said.length, 'each piece says what it prints');
  // The page's server is the default one; this test's has a port of its own.
  const text = code.join('\n').replace("'7350'", `'${where.port}'`);
  assert.ok(text.includes(`'${where.port}'`), 'the page connects to the default port');
  await writeFile(program, text);
  const { stdout } = await promisify(execFile)(process.execPath, ['--experimental-websocket', program.pathname], { timeout: 120_000 });
  assert.equal(stdout, said.join(''));
});
