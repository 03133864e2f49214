// One match of 20 players by the unmodified SDK against the real server: ten of them send 300 messages a second each, the match ticks 20 times
// a second. What the other ten say is heard, each word once and in order.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { Client } from '@heroiclabs/nakama-js';
import { Player, textOf } from './player.mjs';
import { LONG, MODULES, start } from './server.mjs';

globalThis.WebSocket ??= WebSocket;

const REPEAT = 1;
const NOTHING = 99;
const WORDS = 50;
const EVERY_MS = 100;
const FLOOD_EVERY_MS = 10;
const FLOOD_PER_S = 300;

const timer = (every_ms, deed) => {
  const running = setInterval(deed, every_ms);
  return () => clearInterval(running);
};

/** Plays; gives what each honest player heard, and how many messages the flood had. */
async function play(where) {
  const players = [];
  for (let n = 0; n < 20; n += 1) {
    const client = new Client(where.serverKey, where.host, where.port);
    players.push(await new Player(client, await client.authenticateDevice(`flood-device-${n}-${Date.now()}`, true), () => undefined).connect());
  }
  const { payload } = await players[0].socket.rpc('suite_match', JSON.stringify({ mode: 'flooded', seats: 20 }));
  const { match_id: id } = JSON.parse(payload);
  for (const player of players) await player.socket.joinMatch(id);
  const [honest, flooders] = [players.slice(0, 10), players.slice(10)];
  let flooded = 0;
  let begun = performance.now();
  const ends = flooders.map((player) => {
    let sent = 0;
    let isClosed = false;
    player.hears('end', () => true, 'nothing in particular').then(() => { isClosed = true; }, () => {});
    return timer(FLOOD_EVERY_MS, () => {
      const due = ((performance.now() - begun) / 1000) * FLOOD_PER_S;
      for (; !isClosed && sent < due; sent += 1) {
        player.socket.sendMatchState(id, NOTHING, 'x').catch(() => { isClosed = true; });
        flooded += 1;
      }
    });
  });
  const heard = await Promise.all(honest.map(async (player) => {
    let word = 0;
    const end = timer(EVERY_MS, () => {
      if (word < WORDS) player.socket.sendMatchState(id, REPEAT, `word ${word}`);
      word += 1;
    });
    const words = [];
    while (words.length < WORDS) words.push(textOf(await player.hears('data')));
    end();
    return words;
  }));
  const seconds = (performance.now() - begun) / 1000;
  ends.forEach((end) => end());
  players.forEach((player) => player.close());
  return { heard, flooded, seconds };
}

/** What the socket counted, by its names. */
async function counted(server) {
  const text = await (await fetch(`http://127.0.0.1:${server.consolePort}/metrics`)).text();
  return Object.fromEntries([...text.matchAll(/^hillfort_socket_events_total\{event="(\w+)"\} ([\d.]+)$/gm)].map(([, name, count]) => [name, Number(count)]));
}

const ALL = Array.from({ length: WORDS }, (_, n) => `word ${n}`);
const TABLE = [
  ['the limits of the socket hold it off', {}],
  ['the match hears all of it', { 'socket.data_per_s': 1000, 'socket.data_burst': 2000 }],
];
for (const [name, settings] of TABLE) {
  test(`ten of twenty players flood a match, and ${name}: nobody honest loses a message`, async () => {
    const { server, where } = await start({ ...LONG, ...MODULES, ...settings });
    try {
      const { heard, flooded, seconds } = await play(where);
      for (const words of heard) assert.deepEqual(words, ALL);
      const { opened, inputs, inputs_refused, rate_refused, slow, flooded: closed } = await counted(server);
      assert.deepEqual([opened, inputs_refused, slow], [20, 0, 0]);
      if ('socket.data_per_s' in settings) assert.deepEqual([rate_refused, closed], [0, 0], 'all of it came to the match');
      assert.ok(flooded > 5 * heard.length * WORDS, `a flood of ${flooded} messages`);
      console.log(`${flooded} messages of the flood in ${seconds.toFixed(1)} s, ${heard.length * WORDS} honest ones, all heard; ${inputs} came to the match, ${rate_refused} were refused, ${closed} players closed`);
    } finally {
      await server.stop();
    }
  });
}
