// The session against a fake server with a line that breaks: nothing lost, nothing doubled, and the player is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browserEnv } from '../browser.js';
import { reject } from '../reject.js';
import { HillfortSession, PING_EVERY_MS, PROBE_MAX_MS, SILENCE_MAX_MS } from '../session.js';
import { Clock, FakeServer } from './rig.js';

function start({ saved = null, clock = new Clock(), server = new FakeServer(clock), name = 'Ada' } = {}) {
  const session = new HillfortSession({ origin: 'http://fort.test', saved, env: server.env() });
  const seen = { statuses: [], details: [], events: [], states: [], joined: [], left: [], refusals: [] };
  session.on('status', (status) => {
    seen.statuses.push(status.name);
    seen.details.push(status);
  });
  session.on('event', ({ data }) => seen.events.push(data[0] + data[1] * 256));
  session.on('state', ({ tick }) => seen.states.push(tick));
  session.on('joined', (seat) => seen.joined.push(seat));
  session.on('left', (left) => seen.left.push(left));
  session.on('refusal', (refusal) => seen.refusals.push(refusal));
  session.start(name);
  return { clock, server, session, seen };
}

async function startJoined(options) {
  const all = start(options);
  all.session.join('hilltop');
  await all.clock.pass(100);
  return all;
}

const only = (server) => [...server.sessions.values()][0];
const send = (session, n) => session.input(1, Uint8Array.of(n & 0xff, n >> 8));

test('says hello with the server\'s clock, logs in, joins, plays', async () => {
  const { clock, server, session, seen } = await startJoined();
  assert.deepEqual(seen.statuses, ['connecting', 'playing']);
  assert.equal(server.connections[0].url, 'ws://fort.test/session');
  const hello = server.hellos[0];
  assert.equal(hello.length, 72);
  const masked = new DataView(hello.buffer).getBigUint64(8);
  const mask = new DataView(hello.buffer).getBigUint64(16);
  assert.equal(masked ^ mask, 51_000n, 'the hello carries the time of the server');
  assert.equal(only(server).name, 'Ada');
  assert.deepEqual(seen.joined, [{ room: 9n, game: 'hilltop', hz: 20, tick: 1 }]);
  send(session, 7);
  server.state(only(server), 5, Uint8Array.of(1));
  await clock.pass(0);
  assert.deepEqual(seen.events, [7]);
  assert.deepEqual(seen.states, [5]);
  assert.equal(session.id, '0000000000000001');
});

test('answers pings and measures the round trip', async () => {
  const { clock, server, session } = await startJoined();
  server.ping(only(server));
  await clock.pass(0);
  assert.deepEqual(only(server).pong, { echo: 77n, pad: Uint8Array.of(1) });
  let samples = 0;
  session.on('rtt', (ms) => {
    samples += 1;
    assert.equal(ms, 0);
  });
  await clock.pass(PING_EVERY_MS * 3 + 10);
  assert.equal(samples, 3);
});

test('acknowledges at once after 32 messages, and otherwise after 500 ms', async () => {
  const { clock, server } = await startJoined();
  await clock.pass(PING_EVERY_MS + 600);
  server.acks.length = 0;
  const from = only(server).sent;
  for (let i = 0; i < 31; i += 1) server.push(only(server), 'event', { op: 1, data: Uint8Array.of(i, 0) });
  await clock.pass(0);
  assert.deepEqual(server.acks, []);
  server.push(only(server), 'event', { op: 1, data: Uint8Array.of(31, 0) });
  await clock.pass(0);
  assert.deepEqual(server.acks, [{ at: clock.now, ack: from + 32, kind: 'only_ack' }]);
  server.push(only(server), 'event', { op: 1, data: Uint8Array.of(32, 0) });
  const came = clock.now;
  await clock.pass(499);
  assert.equal(server.acks.length, 1);
  await clock.pass(1);
  assert.deepEqual(server.acks[1], { at: came + 500, ack: from + 33, kind: 'only_ack' });
});

test('an input carries the acknowledgement with it', async () => {
  const { clock, server, session } = await startJoined();
  await clock.pass(PING_EVERY_MS + 600);
  server.acks.length = 0;
  server.push(only(server), 'event', { op: 1, data: Uint8Array.of(1, 0) });
  await clock.pass(0);
  send(session, 1);
  assert.equal(server.acks[0].kind, 'input');
});

test('cut anywhere: nothing is lost, nothing comes twice', async () => {
  // The line is cut after each number of messages from the server, again and again, while both sides keep talking.
  for (let every = 1; every <= 24; every += 1) {
    const { clock, server, session, seen } = await startJoined();
    const sent = [];
    for (let n = 0; n < 120; n += 1) {
      if (server.cutAfter === Infinity) server.cutAfter = every;
      assert.ok(send(session, n), `${n} was taken`);
      sent.push(n);
      await clock.pass(n % 7 === 0 ? 900 : 30);
    }
    server.cutAfter = Infinity;
    await clock.pass(20_000);
    assert.deepEqual(server.inputs, sent, `inputs with a cut after ${every} messages`);
    assert.deepEqual(seen.events, sent, `events with a cut after ${every} messages`);
    assert.equal(server.sessions.size, 1, 'one session all the time');
    assert.ok(seen.statuses.includes('resumed'));
  }
});

test('a dead line is given up after a silence, and the session resumes', async () => {
  const { clock, server, session, seen } = await startJoined();
  server.silent = true;
  send(session, 1);
  await clock.pass(SILENCE_MAX_MS + 10);
  assert.equal(session.status.name, 'lost');
  send(session, 2);
  server.silent = false;
  await clock.pass(2000);
  assert.equal(session.status.name, 'playing');
  assert.deepEqual(server.inputs, [1, 2]);
  assert.deepEqual(seen.statuses, ['connecting', 'playing', 'lost', 'connecting', 'resumed', 'playing']);
});

test('pauses between attempts double up to eight seconds', async () => {
  const { clock, server, seen } = await startJoined();
  server.reachable = false;
  server.cut();
  await clock.pass(60_000);
  const pauses = seen.details.filter(({ name }) => name === 'lost').map(({ retry_ms }) => retry_ms);
  assert.deepEqual(pauses.slice(0, 7), [500, 1000, 2000, 4000, 8000, 8000, 8000]);
});

test('a server that restarted: logs in anew, joins again, says so', async () => {
  const { clock, server, session, seen } = await startJoined();
  await clock.pass(PING_EVERY_MS);
  server.restart();
  send(session, 1);
  await clock.pass(2000);
  assert.equal(session.status.name, 'playing');
  const restarted = seen.details.find(({ name }) => name === 'restarted');
  assert.equal(restarted.cause, 'server');
  assert.equal(restarted.unsent, 1, 'the input of the lost session is not sent into the new one');
  assert.deepEqual(server.inputs, []);
  assert.equal(seen.joined.length, 2);
  assert.equal(only(server).joins, 1);
});

test('away longer than a session lives: says so', async () => {
  const { clock, server, seen } = await startJoined();
  server.reachable = false;
  server.restart();
  await clock.pass(40_000);
  server.reachable = true;
  await clock.pass(15_000);
  assert.equal(seen.details.find(({ name }) => name === 'restarted').cause, 'expired');
});

test('what the server says when it closes decides what happens', async () => {
  // code, the status in the end, whether the same session goes on, and what is said about a new one
  const cases = [
    [408, 'playing', true, undefined],
    [409, 'playing', false, 'closed'],
    [413, 'playing', false, 'server'],
    [410, 'refused', null, undefined],
    [100, 'refused', null, undefined],
  ];
  for (const [code, status, same, cause] of cases) {
    const { clock, server, session, seen } = await startJoined();
    const id = session.id;
    server.close(code);
    await clock.pass(5000);
    assert.equal(session.status.name, status, reject(code).label);
    if (status === 'refused') assert.equal(session.status.reject.code, code);
    else assert.equal(session.id === id, same, reject(code).label);
    assert.equal(seen.details.find(({ name }) => name === 'restarted')?.cause, cause, reject(code).label);
  }
});

test('a hello that is refused is tried again with a fresh clock, but not for ever', async () => {
  const clock = new Clock();
  const server = new FakeServer(clock);
  server.refusals = { code: 201, left: 1 };
  const { session } = start({ clock, server });
  await clock.pass(2000);
  assert.equal(session.status.name, 'playing', 'one refusal may be a passing one');

  const stubborn = new FakeServer(clock);
  const other = start({ clock, server: stubborn });
  stubborn.refusals = { code: 203, left: Infinity };
  await clock.pass(40_000);
  assert.equal(other.session.status.name, 'refused');
  assert.equal(other.session.status.reject.label, 'hello_mac');
});

test('after a refusal it can be started again, as if for the first time', async () => {
  const { clock, server, session, seen } = await startJoined();
  server.close(410);
  await clock.pass(5000);
  session.start('Grace');
  await clock.pass(100);
  assert.deepEqual(seen.statuses, ['connecting', 'playing', 'refused', 'connecting', 'playing']);
  assert.equal(seen.joined.length, 2);
  assert.equal(only(server).name, 'Grace');
});

test('a refusal while resuming does not throw the session away', async () => {
  const { clock, server, session } = await startJoined();
  const id = session.id;
  server.cut();
  server.refusals = { code: 201, left: 1 };
  await clock.pass(5000);
  assert.equal(session.status.name, 'playing');
  assert.equal(session.id, id);
});

test('after a sleep the connection gets one chance to answer', async () => {
  const { clock, server, session, seen } = await startJoined();
  await clock.sleep(20_000);
  await clock.pass(PROBE_MAX_MS + 100);
  assert.deepEqual(seen.statuses, ['connecting', 'playing'], 'the line was still there');

  server.silent = true;
  await clock.sleep(20_000);
  server.silent = false;
  server.cut();
  await clock.pass(3000);
  assert.equal(session.status.name, 'playing');
  assert.ok(seen.statuses.includes('resumed'));
});

test('wake tries again at once instead of waiting', async () => {
  const { clock, server, session } = await startJoined();
  server.reachable = false;
  server.cut();
  await clock.pass(8000);
  assert.equal(session.status.name, 'lost');
  server.reachable = true;
  session.wake();
  await clock.pass(0);
  assert.equal(session.status.name, 'playing');
});

test('wake notices a dead line sooner than the silence would', async () => {
  const { clock, server, session } = await startJoined();
  server.silent = true;
  await clock.pass(1500);
  session.wake();
  await clock.pass(PROBE_MAX_MS + 10);
  assert.equal(session.status.name, 'lost');
});

test('a reload goes on where the page before stopped', async () => {
  const { clock, server, session, seen } = await startJoined();
  send(session, 1);
  await clock.pass(0);
  server.silent = true;
  send(session, 2);
  session.suspend();
  server.silent = false;
  server.push(only(server), 'event', { op: 1, data: Uint8Array.of(9, 0) });
  const saved = JSON.parse(JSON.stringify(session.save()));
  server.cut();

  const next = start({ clock, server, saved });
  await clock.pass(100);
  assert.equal(next.session.id, session.id);
  assert.deepEqual(next.seen.statuses, ['connecting', 'resumed', 'playing']);
  assert.deepEqual(server.inputs, [1, 2]);
  assert.deepEqual([...seen.events, ...next.seen.events], [1, 9, 2]);
  assert.deepEqual(seen.statuses, ['connecting', 'playing'], 'the old page says nothing more');
});

test('takes no more than 256 inputs while nobody acknowledges them', async () => {
  const { clock, server, session } = await startJoined();
  server.reachable = false;
  server.cut();
  await clock.pass(0);
  let taken = 0;
  while (taken < 1000 && send(session, taken)) taken += 1;
  // The join may still wait beside them.
  assert.ok(taken === 256 || taken === 255, `${taken} were taken`);
});

test('one refused message leaves the session as it is; a refused name does not', async () => {
  const { clock, server, session, seen } = await startJoined();
  const bytes = { kind: 'refused', body: { code: 500, reason: 'input_rate' } };
  const { encodeServer } = await import('../wire.js');
  server.connections[0].onmessage({ data: encodeServer(bytes).buffer });
  assert.equal(seen.refusals[0].label, 'input_rate');
  assert.equal(session.status.name, 'playing');

  server.silent = true;
  const other = start({ clock, server });
  await clock.pass(10);
  server.connections.at(-1).onmessage({ data: encodeServer({ kind: 'refused', body: { code: 402, reason: 'login_name' } }).buffer });
  assert.equal(other.session.status.name, 'refused');
  assert.match(other.session.status.reject.sentence, /name/);
});

test('bytes that are no message end the session, and a new one begins', async () => {
  const { clock, server, session, seen } = await startJoined();
  server.connections[0].onmessage({ data: Uint8Array.of(0xff, 0xff).buffer });
  await clock.pass(3000);
  assert.equal(session.status.name, 'playing');
  assert.equal(session.id, '0000000000000002');
  assert.equal(seen.joined.length, 2);
});

test('inputs need a seat; a room asked for while another is left comes after it', async () => {
  const { clock, server, session, seen } = start();
  await clock.pass(10);
  assert.equal(send(session, 1), false);
  session.join('hilltop');
  session.join('hilltop');
  assert.equal(send(session, 2), false, 'not seated yet');
  await clock.pass(0);
  assert.equal(send(session, 3), true);
  session.leave();
  assert.equal(send(session, 4), false);
  session.join('other');
  await clock.pass(0);
  assert.deepEqual(seen.joined.map(({ game }) => game), ['hilltop', 'other']);
  assert.deepEqual(server.inputs, [3]);
  assert.equal(only(server).joins, 2, 'a seat is asked for once');
});

test('leave and close', async () => {
  const { clock, server, session, seen } = await startJoined();
  session.leave();
  await clock.pass(0);
  assert.deepEqual(seen.left, [{ reject: null }]);
  session.close();
  await clock.pass(60_000);
  assert.equal(server.sessions.size, 0);
  assert.equal(session.status.reject.label, 'goodbye');
});

test('works in slices when the server wants work, for a login and for a resume, and then plays on', async () => {
  const clock = new Clock();
  const server = new FakeServer(clock);
  server.bits = 13;
  const { session, seen } = start({ clock, server });
  session.join('hilltop');
  await clock.pass(100);
  assert.deepEqual(seen.statuses, ['connecting', 'working', 'playing']);
  assert.equal(server.works, 1);
  send(session, 1);
  await clock.pass(0);
  server.cut();
  send(session, 2);
  await clock.pass(5000);
  assert.equal(server.works, 2);
  assert.deepEqual(seen.statuses.slice(3), ['lost', 'connecting', 'working', 'resumed', 'playing']);
  assert.deepEqual(server.inputs, [1, 2]);
});

test('works on in a hidden page, whose timers are held back', async () => {
  const clock = new Clock();
  const server = new FakeServer(clock);
  server.bits = 15;
  server.timersHeld_ms = 1000;
  const { seen } = start({ clock, server });
  await clock.pass(900);
  assert.deepEqual(seen.statuses, ['connecting', 'working', 'playing']);
});

test('what is to be done soon needs no timer and lets everything else have its turn', async () => {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = () => assert.fail('a timer');
  try {
    const { soon } = browserEnv();
    let [turns, others] = [0, 0];
    setImmediate(() => (others += 1));
    await new Promise((done) => {
      const again = () => {
        turns += 1;
        if (others > 0) done();
        else soon(again);
      };
      soon(again);
      assert.equal(turns, 0, 'not at once');
    });
    assert.ok(turns >= 1);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
});

test('stops working when the connection is gone', async () => {
  const clock = new Clock();
  const server = new FakeServer(clock);
  server.bits = 24;
  const { seen, session } = start({ clock, server });
  await clock.pass(3);
  assert.equal(seen.statuses.at(-1), 'working');
  session.suspend();
  let timers = 0;
  const { setTimeout } = clock;
  clock.setTimeout = (...args) => {
    timers += 1;
    return setTimeout.apply(clock, args);
  };
  await clock.pass(100);
  assert.equal(timers, 0, 'the slice that was due was the last one');
  assert.equal(server.works, 0);
});

test('leaves a server that wants more work than the protocol allows', async () => {
  const clock = new Clock();
  const server = new FakeServer(clock);
  server.bits = 25;
  const { seen } = start({ clock, server });
  await clock.pass(0);
  assert.deepEqual(seen.statuses, ['connecting', 'lost']);
  assert.equal(seen.details[1].reject.code, 304);
});

test('rooms by name keep their name and parameters through a reload and a restart of the server', async () => {
  const { clock, server, session } = start();
  session.join({ game: 'hilltop', name: 'den', params: Uint8Array.of(1, 2) });
  await clock.pass(100);
  const asked = { game: 'hilltop', room: 0n, name: 'den', params: Uint8Array.of(1, 2) };
  assert.deepEqual(only(server).asked, asked);
  session.suspend();
  const saved = JSON.parse(JSON.stringify(session.save()));
  server.sessions.clear();
  start({ clock, server, saved });
  await clock.pass(5000);
  assert.deepEqual(only(server).asked, asked);
});

test('lists of rooms are promises', async () => {
  const { clock, server, session, seen } = await startJoined();
  const ask = (game) => session.list({ game, label: 'mode=duel', free: true });
  const [good, bad] = [ask('hilltop'), assert.rejects(ask('chess'), ({ reject: { label } }) => label === 'room_game')];
  await clock.pass(0);
  const line = { room: 9n, name: 'den', label: 'mode=duel', seats_taken: 1, seats_max: 2, hz: 20 };
  assert.deepEqual(await good, { rooms: [line], more: true });
  await bad;
  assert.deepEqual(seen.refusals, [], 'the promise has said it');
  server.silent = true;
  const lost = assert.rejects(ask('hilltop'), /lost/);
  server.cut();
  await lost;
  await assert.rejects(ask('hilltop'), /not connected/);
});

test('a ticket is kept beyond the page and shown before a login, not before a resume', async () => {
  const { clock, server } = await startJoined();
  assert.deepEqual(server.shown, [], 'nobody has one to begin with');
  server.ticket(only(server), Uint8Array.of(1, 2, 3));
  server.ticket(only(server), Uint8Array.of(0xab, 0xcd));
  await clock.pass(0);
  assert.equal(server.kept, 'abcd', 'the newest');
  server.cut();
  await clock.pass(2000);
  assert.deepEqual(server.shown, [], 'the session goes on');
  server.restart();
  await clock.pass(3000);
  assert.deepEqual(server.shown, ['abcd'], 'a new login on a new server');
  await startJoined({ clock, server });
  assert.deepEqual(server.shown, ['abcd', 'abcd'], 'another page');
});

test('what is no ticket is not shown', async () => {
  for (const kept of ['', 'zz', 'a', 'ab'.repeat(65), null]) {
    const clock = new Clock();
    const server = new FakeServer(clock);
    server.kept = kept;
    await startJoined({ clock, server });
    assert.deepEqual(server.shown, [], String(kept));
  }
});
