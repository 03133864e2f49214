// What the player sees of a match beyond positions: teams, ranking, orders; and the words for the connection.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Match } from '../match.js';
import { shortTurn } from '../troops.js';
import { clockWords, squadWords, wordsFor } from '../words.js';
import { player, round, timeline } from './room.js';

const MAP = { slot: 1, width: 160, height: 100, seed: 1, hills: [], bases: [] };
const squad = (id, more = {}) => ({ id, x: 10, y: 10, heading: 0, strength: 100, moving: true, firing: false, down: false, onHill: false, target: 255, ...more });

/** A packet of that tick. */
const hear = (made, now, tick) =>
  made.timeline.take(now, { tick, entities: [round(), player(0, { score: 5 }), player(1, { team: 1, score: 9 }), player(2, { away: 1, score: 9 })] });

function match() {
  const made = new Match(MAP, timeline());
  made.setRoster([{ slot: 0, team: 0, name: 'Ada' }, { slot: 1, team: 1, name: 'Grace' }]);
  hear(made, 0, 1);
  return made;
}

test('teams, names and ranking, also of a player who is not in the roster yet', () => {
  const made = match();
  assert.equal(made.team, 1);
  assert.equal(made.score, 9);
  assert.deepEqual([0, 3, 6, 9].map((id) => made.teamOf(id)), [0, 1, 0, 255]);
  assert.deepEqual(made.ranking().map(({ name, own }) => [name, own]), [['Grace', true], ['Player 3', false], ['Ada', false]]);
});

test('own squads and their selection', () => {
  const made = match();
  assert.deepEqual([2, 3, 4, 5, 6].map((id) => made.isOwn(id)), [false, true, true, true, false]);
  made.selected = 0b100;
  assert.deepEqual([3, 4, 5].map((id) => made.isSelected(id)), [false, false, true]);
});

test('an order is shown until the squad has arrived, stands or is down', () => {
  const cases = [
    [{ moving: true }, 100, true, 'on its way'],
    [{ moving: false }, 100, true, 'the server has not heard of it yet'],
    [{ moving: false }, 2000, false, 'it stands'],
    [{ x: 49, y: 50, moving: true }, 2000, false, 'it has arrived'],
    [{ down: true }, 100, false, 'it is down'],
  ];
  for (const [more, now, shown, why] of cases) {
    const made = match();
    made.order(0b001, 50, 50, 0);
    if (now > 0) hear(made, now, 2);
    made.settleOrders([squad(3, more), squad(0, { down: true })], now);
    assert.equal(made.orders[0] !== null, shown, why);
  }
  const silent = match();
  silent.order(0b001, 50, 50, 0);
  silent.settleOrders([squad(3, { moving: false })], 5000);
  assert.notEqual(silent.orders[0], null, 'the line is down, the order waits');

  const made = match();
  made.order(0b011, 50, 50, 0);
  made.stop(0b001);
  assert.deepEqual(made.orders.map((order) => order !== null), [false, true, false]);
});

test('words about the connection', () => {
  const sentence = 'The server is full.';
  const cases = [
    [{ name: 'connecting', again: false, attempt: 1 }, 'Connecting…'],
    [{ name: 'connecting', again: true, attempt: 1 }, 'Connection lost — trying again now'],
    [{ name: 'working', bits: 16 }, 'The server is under attack: doing some work to get in…'],
    [{ name: 'lost', retryAt_ms: 3500 }, 'Connection lost — trying again in 2 s'],
    [{ name: 'lost', retryAt_ms: 1900 }, 'Connection lost — trying again in 1 s'],
    [{ name: 'lost', retryAt_ms: 0 }, 'Connection lost — trying again in 1 s'],
    [{ name: 'lost', retryAt_ms: 3500, reject: { sentence } }, 'The server is full. Trying again in 2 s'],
    [{ name: 'resumed' }, 'Back: nothing was lost'],
    [{ name: 'restarted', cause: 'server' }, 'Server restarted: new match'],
    [{ name: 'restarted', cause: 'expired' }, 'You were away too long: new squads'],
    [{ name: 'restarted', cause: 'closed', reject: { sentence } }, 'The server is full. You are back with new squads'],
    [{ name: 'refused', reject: { sentence } }, sentence],
  ];
  for (const [status, words] of cases) assert.equal(wordsFor(status, 1500).text, words);
  assert.equal(wordsFor({ name: 'playing' }, 0), null);
});

test('words about squads and time', () => {
  const quiet = { down: false, firing: false, moving: false, onHill: false };
  const cases = [
    [{ ...quiet, down: true, firing: true }, false, 'Down'],
    [{ ...quiet, firing: true, moving: true }, false, 'Fighting'],
    [{ ...quiet, moving: true }, false, 'Marching'],
    [{ ...quiet, onHill: true }, true, 'Holding'],
    [{ ...quiet, onHill: true }, false, 'Taking'],
    [quiet, false, 'Waiting'],
  ];
  for (const [squad, held, words] of cases) assert.equal(squadWords(squad, held), words);
  assert.deepEqual([0, 9, 60, 300].map(clockWords), ['0:00', '0:09', '1:00', '5:00']);
});

test('a turn goes the short way round', () => {
  assert.ok(Math.abs(shortTurn(3 * Math.PI + 0.2) - (-Math.PI + 0.2)) < 1e-9);
});
