// gRPC by the client library of its makers, and gRPC-Web by hand: the bytes are those of the specification.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { ROOT, grpcPort, start } from './server.mjs';
import { Services } from './services.mjs';

let services, server, client, types;
before(async () => {
  services = await Services.start();
  ({ server } = await start(services.settings()));
  client = new grpc.Client(`127.0.0.1:${grpcPort(server)}`, grpc.credentials.createInsecure());
  const root = new protobuf.Root();
  root.resolvePath = (origin, target) => (target.startsWith('google/') ? target : `${ROOT}crates/hillfort-api/schema/${target}`);
  await root.load('nakama/api.proto', { keepCase: true });
  types = root.lookup('nakama.api');
});
after(async () => {
  client?.close();
  await server?.stop();
  services?.stop();
});

const empty = { encode: () => ({ finish: () => Buffer.alloc(0) }), decode: () => ({}) };
const type = (name) => (name ? types.lookupType(name) : empty);

/** One call; the reply as a plain object. */
function call(method, request, reply, body, authorization, options = {}) {
  const metadata = new grpc.Metadata();
  if (authorization) metadata.set('authorization', authorization);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/nakama.api.Nakama/${method}`,
      (value) => Buffer.from(type(request).encode(value).finish()),
      (bytes) => type(reply).decode(bytes),
      body, metadata, options,
      (error, value) => (error ? reject(error) : resolve(value)),
    );
  });
}

const KEY = `Basic ${Buffer.from('defaultkey:').toString('base64')}`;
const signIn = (id) => call('AuthenticateDevice', 'AuthenticateDeviceRequest', 'Session', { account: { id }, create: { value: true } }, KEY);

test('calls are answered, many on one connection', async () => {
  const session = await signIn('grpc-device-0001');
  assert.ok(session.created && session.token.split('.').length === 3);
  const accounts = await Promise.all(Array.from({ length: 50 }, () => call('GetAccount', null, 'Account', {}, `Bearer ${session.token}`)));
  assert.ok(accounts.every((account) => account.devices[0].id === 'grpc-device-0001'));
  assert.deepEqual(await call('Healthcheck', null, null, {}), {});
});

test('each service that vouches for players signs in, is linked and unlinked', async () => {
  const names = { Apple: 'Apple', Google: 'Google', Facebook: 'Facebook', LimitedLogin: 'Facebook', FacebookInstantGame: 'FacebookInstantGame', GameCenter: 'GameCenter', Steam: 'Steam' };
  const ids = { Apple: 'apple_id', Google: 'google_id', Facebook: 'facebook_id', FacebookInstantGame: 'facebook_instant_game_id', GameCenter: 'gamecenter_id', Steam: 'steam_id' };
  for (const [at, [service, name]] of Object.entries(names).entries()) {
    const show = (person, made) => {
      const { token, timestamp_seconds: time, ...rest } = services.proof(service, person, made);
      if (service === 'GameCenter') return { ...rest, timestamp_seconds: Number(time) };
      return service === 'FacebookInstantGame' ? { signed_player_info: token } : { token };
    };
    const enter = (person, made) => call(`Authenticate${name}`, `Authenticate${name}Request`, 'Session', { account: show(person, made), create: { value: true } }, KEY);
    const wraps = ['Facebook', 'Steam'].includes(name);
    const link = (token, person, made) => {
      const account = show(person, made);
      return call(`Link${name}`, wraps ? `Link${name}Request` : `Account${name}`, null, wraps ? { account } : account, `Bearer ${token}`);
    };
    const unlink = (token, person, made) => call(`Unlink${name}`, `Account${name}`, null, show(person, made), `Bearer ${token}`);
    const idOf = async (token) => (await call('GetAccount', null, 'Account', {}, `Bearer ${token}`)).user[ids[name]];
    const isRefused = (promise) => assert.rejects(promise, ({ code }) => code === grpc.status.UNAUTHENTICATED);
    const [ann, bob] = [`7${at}1`, `7${at}2`];
    const made = await enter(ann);
    assert.deepEqual([made.created, await idOf(made.token)], [true, ann], service);
    const { token } = await signIn(`grpc-service-${at}`);
    for (const flaw of ['expired', 'for another app', 'by another key']) {
      await isRefused(enter(bob, flaw));
      await isRefused(link(token, bob, flaw));
    }
    await link(token, bob);
    assert.equal(await idOf(token), bob, service);
    await isRefused(unlink(token, bob, 'by another key'));
    await unlink(token, bob);
    assert.equal(await idOf(token), '', service);
  }
});

test('failures are statuses with messages', async () => {
  const check = (promise, code, text) => assert.rejects(promise, (error) => {
    assert.equal(error.code, code, error.details);
    assert.match(error.details, text);
    return true;
  });
  await check(call('GetAccount', null, 'Account', {}), grpc.status.UNAUTHENTICATED, /Auth token required/);
  await check(call('GetAccount', null, 'Account', {}, 'Bearer x'), grpc.status.UNAUTHENTICATED, /Auth token invalid/);
  await check(call('AuthenticateDevice', 'AuthenticateDeviceRequest', 'Session', { account: { id: 'x' } }, KEY), grpc.status.INVALID_ARGUMENT, /id/i);
  await check(call('Nothing', null, null, {}), grpc.status.UNIMPLEMENTED, /unknown method/);
  const { token } = await signIn('grpc-device-0002');
  await check(call('RpcFunc', 'Rpc', 'Rpc', { id: 'nothing' }, `Bearer ${token}`), grpc.status.NOT_FOUND, /not found/i);
  await check(call('RpcFunc', 'Rpc', 'Rpc', { id: 'nothing', http_key: 'defaulthttpkey' }), grpc.status.NOT_FOUND, /not found/i);
  await check(call('RpcFunc', 'Rpc', 'Rpc', { id: 'x', payload: 'a'.repeat(300_000) }, `Bearer ${token}`), grpc.status.INVALID_ARGUMENT, /larger/);
});

test('messages that gzip has packed are read', async () => {
  const { token } = await signIn('grpc-device-0003');
  const packed = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };
  const other = new grpc.Client(`127.0.0.1:${grpcPort(server)}`, grpc.credentials.createInsecure(), packed);
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const object = { collection: 'c', key: 'k', value: JSON.stringify({ text: 'a'.repeat(5000) }) };
  const acks = await new Promise((resolve, reject) => {
    other.makeUnaryRequest(
      '/nakama.api.Nakama/WriteStorageObjects',
      (value) => Buffer.from(type('WriteStorageObjectsRequest').encode(value).finish()),
      (bytes) => type('StorageObjectAcks').decode(bytes),
      { objects: [object] }, metadata, (error, value) => (error ? reject(error) : resolve(value)),
    );
  });
  other.close();
  assert.equal(acks.acks[0].key, 'k');
});

test('gRPC-Web is answered over HTTP/1.1', async () => {
  const { token } = await signIn('grpc-device-0004');
  const answer = await fetch(`http://127.0.0.1:${grpcPort(server)}/nakama.api.Nakama/GetAccount`, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto', authorization: `Bearer ${token}`, 'x-grpc-web': '1', origin: 'https://game.example' },
    body: Buffer.alloc(5),
  });
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  const bytes = Buffer.from(await answer.arrayBuffer());
  const length = bytes.readUInt32BE(1);
  assert.equal(type('Account').decode(bytes.subarray(5, 5 + length)).devices[0].id, 'grpc-device-0004');
  assert.equal(bytes[5 + length], 0x80);
  assert.match(bytes.subarray(10 + length).toString(), /grpc-status:0/);
});
