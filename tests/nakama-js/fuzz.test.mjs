// Requests made from the server's own OpenAPI document: valid ones, ones that are nearly so, and hostile ones. Whatever comes, the server
// answers as the document says: no internal error, no field that is not described, and it lives on. SEED=n repeats a run.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start } from './server.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 16);
const SEED = Number(process.env.SEED ?? 20261126);
/** At the same time. */
const WORKERS = 8;

let state = SEED >>> 0;
const random = () => {
  state = (state + 0x6d2b79f5) >>> 0;
  let x = Math.imul(state ^ (state >>> 15), 1 | state);
  x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
  return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
};
const pick = (items) => items[Math.floor(random() * items.length)];
const chance = (share) => random() < share;

const HOSTILE = [
  '', ' ', '\u0000', 'a'.repeat(2000), 'é'.repeat(300), '\u202e\ufeff', "' OR 1=1 --", '"; DROP TABLE users; --', '$(reboot)', '{{7*7}}', '../../etc/passwd',
  '%00%ff', 'null', 'true', '-1', '1e309', '9223372036854775808', '(a+)+$', '['.repeat(500), '{"a":'.repeat(300), '\ud800', 'os.execute("id")', '+label.x:>=5 *',
  '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '*', '1970-01-01T00:00:00Z', '{}', '[]', '{"a":1}',
];
const ODD = [null, true, 0, -1, 1.5, 1e308, 2 ** 53, '', [], {}, [[[]]], { a: { b: {} } }];

const KEY = `Basic ${btoa('defaultkey:')}`;

let document, server, base, sessions, ids;

async function signIn(at) {
  const url = `${base}/v2/account/authenticate/device?create=true`;
  const answer = await fetch(url, { method: 'POST', headers: { authorization: KEY }, body: JSON.stringify({ id: `fuzz-device-${at}` }) });
  return (await answer.json()).token;
}

const resolve = (schema) => (schema.$ref ? document.components.schemas[schema.$ref.split('/').pop()] : schema);

/** A value for a schema, now and then a wrong one. */
function value(schema, depth = 0) {
  if (chance(0.06)) return pick(ODD);
  const of = resolve(schema);
  if (of.enum) return pick(of.enum);
  switch (of.type) {
    case 'boolean': return chance(0.5);
    case 'integer': return pick([0, 1, 2, 10, 100, 101, -1, 2147483647, -2147483648, Math.floor(random() * 1000)]);
    case 'number': return random() * 1000 - 500;
    case 'array': return Array.from({ length: pick([0, 1, 1, 2, 3, chance(0.1) ? 200 : 4]) }, () => value(of.items, depth + 1));
    case 'object':
      if (of.additionalProperties) return { [text()]: value(of.additionalProperties, depth + 1) };
      return Object.fromEntries(Object.entries(of.properties ?? {}).filter(() => depth < 4 && chance(0.8)).map(([name, one]) => [name, value(one, depth + 1)]));
    default: return of.format === 'int64' ? String(Math.floor(random() * 1e6)) : text();
  }
}

const text = () => pick([() => pick(HOSTILE), () => pick(ids), () => `text-${Math.floor(random() * 1e6)}`, () => pick(['saves', 'a', 'en', 'ann@example.org', 'longenough12'])])();

/** What is wrong with an answer by its schema; a path, or nothing. */
function wrong(found, schema, path) {
  const of = resolve(schema);
  const kind = { string: 'string', boolean: 'boolean', integer: 'number', number: 'number' }[of.type];
  if (kind) return typeof found === kind ? null : `${path}: ${typeof found} instead of ${of.type}`;
  if (of.type === 'array') return Array.isArray(found) ? found.map((one, at) => wrong(one, of.items, `${path}[${at}]`)).find(Boolean) : `${path}: no array`;
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return `${path}: no object`;
  for (const [name, one] of Object.entries(found)) {
    const property = of.additionalProperties ?? of.properties?.[name];
    const inside = property ? wrong(one, property, `${path}.${name}`) : `${path}.${name} is not described`;
    if (inside) return inside;
  }
  return null;
}

function request({ path, method, operation }) {
  const encoded = (one) => {
    const made = value(one);
    const said = typeof made === 'string' ? made : JSON.stringify(made);
    // No way to write half a surrogate pair in a URL.
    return encodeURIComponent(said.toWellFormed());
  };
  let url = path;
  const query = [];
  for (const parameter of operation.parameters) {
    if (parameter.in === 'path') url = url.replace(`{${parameter.name}}`, encoded(parameter.schema).slice(0, 1500) || 'x');
    else if (chance(0.5)) query.push(`${parameter.name}=${encoded(parameter.schema).slice(0, 1500)}`);
  }
  if (chance(0.05)) query.push('unknown=1');
  const headers = {};
  let at;
  const wants = operation.security.map((one) => Object.keys(one)[0]);
  if (chance(0.95) && wants.length) {
    at = Math.floor(random() * sessions.length);
    headers.authorization = wants.includes('ServerKey') ? KEY : `Bearer ${sessions[at]}`;
  }
  let body;
  if (operation.requestBody) {
    body = JSON.stringify(value(operation.requestBody.content['application/json'].schema));
    if (chance(0.05)) body = body.slice(0, Math.floor(random() * body.length));
    if (chance(0.02)) body = pick(HOSTILE);
  }
  return { url: `${base}${url}${query.length ? `?${query.join('&')}` : ''}`, options: { method: method.toUpperCase(), headers, body }, at };
}

before(async () => {
  let where;
  ({ server, where } = await start());
  base = `http://${where.host}:${where.port}`;
  document = await (await fetch(`${base}/v2/openapi.json`)).json();
  sessions = await Promise.all(Array.from({ length: 12 }, (_, at) => signIn(at)));
  ids = sessions.map((token) => JSON.parse(atob(token.split('.')[1])).uid);
});
after(() => server?.stop());

test('whatever is asked, the answer is one that the document describes', async (context) => {
  const operations = Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ path, method, operation })));
  const faults = [];
  const statuses = {};
  // Rounds over all operations, so that each is asked in many states of the server.
  const queue = Array.from({ length: ROUNDS }, () => operations).flat();
  const work = async () => {
    for (let one = queue.pop(); one; one = queue.pop()) {
      const { url, options, at } = request(one);
      const answer = await fetch(url, options);
      const said = await answer.text();
      // Sessions that were ended, or whose account was deleted, are made anew.
      if (answer.status === 401 && at !== undefined) sessions[at] = (await signIn(at)) ?? sessions[at];
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      const fault = check(one.operation, answer, said);
      if (fault) faults.push(`${options.method} ${url.slice(0, 300)} ${String(options.body).slice(0, 300)}\n  ${answer.status} ${said.slice(0, 300)}\n  ${fault}`);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  context.diagnostic(`seed ${SEED}: ${JSON.stringify(statuses)}`);
  assert.deepEqual(faults.slice(0, 5), [], `seed ${SEED}, ${faults.length} faults`);
  assert.ok(statuses[200] > 50 && statuses[400] > 50, 'some requests are good, some are not');
  assert.ok(await server.ready(), 'the server lives');
  assert.doesNotMatch(server.log, /panic/i);
});

function check(operation, answer, said) {
  let found;
  try {
    found = JSON.parse(said);
  } catch {
    return 'no JSON';
  }
  if (answer.status === 200) return wrong(found, operation.responses['200'].content['application/json'].schema, '$');
  // Not served: 501. Not configured, or a service of others that does not answer: 503 and 400.
  const known = answer.status < 500 || answer.status === 503 || (answer.status === 501);
  return known ? wrong(found, document.components.schemas.Error, '$') : 'an internal error';
}
