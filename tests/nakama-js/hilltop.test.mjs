// Hilltop by the JavaScript SDK: found in the list of matches by its label, joined, seen through its scene, and commanded; the bytes are those of
// games/hilltop/FORMAT.md, and the op codes those of docs/nakama.md. Bots play in the same room by the game's own door.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { Client } from '@heroiclabs/nakama-js';
import { WebSocketAdapterPb } from '@heroiclabs/nakama-js-protobuf';
import { moveOrder, readEvent, slotOf, UNIT } from '../../games/hilltop/client/format.js';
import { schema } from '../../games/hilltop/client/sync.schema.js';
import { Mirror } from '../../sdk/js/sync.js';
import { Player } from './player.mjs';
import { Seen } from './seen.mjs';
import { LONG, start } from './server.mjs';

globalThis.WebSocket ??= WebSocket;

/** Beyond the 32 bits of a room's own op codes (docs/nakama.md). */
const SCENE = 2 ** 32 + 1;
const SCENE_ANEW = 2 ** 32 + 2;
const QUERY = '+label.game:hilltop +label.players:<16';
/** What of 160 × 100 units a walk of some seconds is. */
const FAR_UNITS = 3;

let server, where;
before(async () => ({ server, where } = await start({ 'bots.hilltop': 3, ...LONG })));
after(() => server?.stop());

/** Lists are a second old, and bots need a moment to come in. */
async function found(client, session) {
  const end = Date.now() + 20_000;
  for (;;) {
    const { matches } = await client.listMatches(session, 10, true, undefined, 1, 15, QUERY);
    if (matches?.length > 0) return matches[0];
    assert.ok(Date.now() < end, 'hilltop did not come into the list');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A packet of the scene, and what the mirror knows from then on. */
async function look(player, mirror) {
  const { op_code: op, data } = await player.hears('data', (said) => said.op_code === SCENE || said.op_code === SCENE_ANEW, 'a packet of the scene');
  mirror.take(data);
  return { op, entities: [...mirror.entities.values()] };
}

for (const [format, adapter] of [['JSON', () => undefined], ['protobuf', () => new WebSocketAdapterPb()]]) {
  test(`a player of the SDK commands squads in hilltop, in ${format}`, async () => {
    const client = new Client(where.serverKey, where.host, where.port);
    const session = await client.authenticateDevice(`hilltop-${format}-0001`, true, `Marshal ${format}`);
    const player = await new Player(client, session, adapter).connect();
    const listed = await found(client, session);
    assert.equal(listed.handler_name, 'hilltop');
    assert.ok(listed.authoritative && listed.tick_rate === 20);
    const joined = await player.socket.joinMatch(listed.match_id);
    assert.equal(joined.self.user_id, session.user_id);
    assert.equal(JSON.parse(joined.label).game, 'hilltop');
    // The map says which slot is ours, the roster who plays: the name is the account's.
    const event = async (kind) => {
      const { op_code: op, data } = await player.hears('data', (said) => said.op_code <= 5 && readEvent(said.op_code, said.data)?.kind === kind, kind);
      return readEvent(op, data);
    };
    const map = await event('map');
    const { players } = await event('roster');
    assert.equal(players.find(({ slot }) => slot === map.slot).name, `Marshal ${format}`);
    assert.ok(players.length >= 2, 'the bots of the other door are there');
    const mirror = new Mirror(schema);
    assert.equal((await look(player, mirror)).op, SCENE_ANEW, 'the first packet begins anew');
    const own = (entities) => entities.filter(({ kind, number }) => kind === 'squad' && slotOf(number) === map.slot);
    const before = own((await look(player, mirror)).entities).map(({ number, x, y }) => ({ number, x, y }));
    assert.equal(before.length, 3);
    // An order without number and tick is carried out when it comes.
    const { op, data } = moveOrder(0b111, map.width / 2, map.height / 2, { number: 1, tick: 0 });
    await player.socket.sendMatchState(listed.match_id, op, data.slice(0, 5));
    const end = Date.now() + 20_000;
    for (;;) {
      const { entities } = await look(player, mirror);
      const now = own(entities);
      const isFar = ({ number, x, y }) => before.some((was) => was.number === number && Math.hypot(x - was.x, y - was.y) > FAR_UNITS);
      if (now.length === 3 && now.every(isFar)) break;
      assert.ok(Date.now() < end, `squads do not obey: ${JSON.stringify(now.map(({ number, x, y }) => [number, x, y]))}`);
    }
    await player.socket.leaveMatch(listed.match_id);
    player.close();
  });
}

test('orders beyond what hilltop has are refused, and its scene is nobody\'s to send', async () => {
  assert.equal(UNIT, 256);
  const client = new Client(where.serverKey, where.host, where.port);
  const session = await client.authenticateDevice('hilltop-other-0001', true);
  const seen = new Seen([]);
  const player = await new Player(client, session, () => undefined).connect();
  seen.end();
  const { match_id: id } = await found(client, session);
  await player.socket.joinMatch(id);
  for (const op of [SCENE, -1]) await player.socket.sendMatchState(id, op, new Uint8Array([1]));
  // Counted by the room, and without consequence.
  await player.socket.sendMatchState(id, 77, new Uint8Array([1]));
  await player.socket.updateStatus('still here');
  assert.deepEqual(seen.errors.map(({ code }) => code), [3, 3]);
  assert.match(seen.errors[0].message, /0 to 4294967295/);
  player.close();
});
