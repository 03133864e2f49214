// The mirror against what the Rust side says, and against packets that nobody wrote.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex } from '../hello.js';
import { Mirror, MirrorError } from '../sync.js';
import { dice } from './link.js';
import { schema } from './siege.schema.js';

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../../crates/hillfort-sync/vectors/${name}.json`, import.meta.url), 'utf8'));

/** What a client knows, in the form of the vectors. */
function known(mirror, tables) {
  const fields = new Map(tables.kinds.map((kind) => [kind.name, kind.fields.map((field) => field.name)]));
  const entities = [...mirror.entities.values()].sort((a, b) => a.id - b.id);
  return entities.map((entity) => [entity.id, entity.kind, fields.get(entity.kind).map((name) => entity[name] ?? null)]);
}

const rounded = (entities) => entities.map(([id, kind, values]) => [id, kind, values.map((value) => value && Math.fround(value))]);

/** `taken`, `old`, or why not. */
function outcome(mirror, bytes) {
  try {
    return mirror.take(bytes) ? 'taken' : 'old';
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    return error.reason;
  }
}

/** All that a mirror lets one see. */
function all(mirror, tables) {
  const { tick, note, entered, changed, left } = mirror;
  const lists = [entered, changed, left].map((list) => list.map((one) => one.id));
  return { tick, note, ack: mirror.ack(), lists, known: known(mirror, tables) };
}

for (const name of ['stream', 'lossy']) {
  test(`packets mean what the vectors say: ${name}`, () => {
    const { schema: tables, packets } = vectors(name);
    const mirror = new Mirror(tables);
    let before = new Set();
    for (const [at, { hex, expect, tick, note, ack, entities }] of packets.entries()) {
      const where = `packet ${at}`;
      assert.equal(outcome(mirror, fromHex(hex)), expect, where);
      assert.equal(mirror.tick, tick, where);
      assert.deepEqual([mirror.note.input, mirror.note.ahead], note, where);
      assert.deepEqual(mirror.ack(), ack && { tick: ack[0], received: BigInt(ack[1]) }, where);
      assert.deepEqual(known(mirror, tables), rounded(entities), where);
      if (expect !== 'taken') continue;
      const now = new Set(entities.map(([id]) => id));
      const ids = (list) => list.map((entity) => entity.id).sort((a, b) => a - b);
      assert.deepEqual(ids(mirror.entered), [...now].filter((id) => !before.has(id)).sort((a, b) => a - b), where);
      assert.deepEqual(ids(mirror.left), [...before].filter((id) => !now.has(id)).sort((a, b) => a - b), where);
      assert.equal(new Set(mirror.changed).size, mirror.changed.length, where);
      before = now;
    }
  });
}

test('a spoiled packet means what it means to the Rust side', () => {
  const { schema: tables, before, spoiled } = vectors('refused');
  for (const { hex, expect, entities } of spoiled) {
    const mirror = new Mirror(tables);
    for (const packet of before) mirror.take(fromHex(packet));
    assert.equal(outcome(mirror, fromHex(hex)), expect, hex);
    if (entities) assert.deepEqual(known(mirror, tables), rounded(entities), hex);
  }
});

test('what is refused changes nothing, and a later packet is taken all the same', () => {
  const { schema: tables, before, first, refused } = vectors('refused');
  for (const { hex, expect } of first) assert.equal(outcome(new Mirror(tables), fromHex(hex)), expect);
  const mirror = new Mirror(tables);
  for (const hex of before) assert.equal(outcome(mirror, fromHex(hex)), 'taken');
  const state = all(mirror, tables);
  for (const { name, hex, expect } of refused) {
    assert.equal(outcome(mirror, fromHex(hex)), expect, name);
    assert.deepEqual(all(mirror, tables), state, name);
  }
  assert.equal(outcome(mirror, fromHex(first[0].hex)), 'taken');
});

test('10,000 spoiled packets: taken or refused, and what is refused changes nothing', () => {
  const roll = dice(1);
  const counts = { taken: 0, old: 0, malformed: 0, schema: 0, state: 0 };
  for (const name of ['stream', 'lossy']) {
    const { schema: tables, packets } = vectors(name);
    const whole = packets.map(({ hex }) => fromHex(hex));
    const fresh = (count) => {
      const mirror = new Mirror(tables);
      for (const packet of whole.slice(0, count)) mirror.take(packet);
      return mirror;
    };
    let at = 0;
    let mirror = fresh(at);
    let state = all(mirror, tables);
    let isReal = true; // a state that a server had
    for (let round = 0; round < 5_000; round += 1) {
      const packet = Uint8Array.from(whole[at]);
      for (let spoil = 1 + roll(3); spoil > 0; spoil -= 1) packet[roll(packet.length)] ^= 1 << roll(8);
      const outcomes = outcome(mirror, roll(3) === 0 ? packet.subarray(0, roll(packet.length)) : packet);
      counts[outcomes] += 1;
      if (outcomes !== 'taken') {
        assert.deepEqual(all(mirror, tables), state);
        // Nothing is left of what was refused: the packet as it was means what it meant.
        if (roll(50) > 0) continue;
        if (isReal) {
          assert.equal(outcome(mirror, whole[at]), packets[at].expect);
          assert.deepEqual(known(mirror, tables), rounded(packets[at].entities));
        }
      }
      isReal = outcomes !== 'taken' || roll(4) === 0;
      at = (at + 1) % whole.length;
      if (isReal) mirror = fresh(at);
      state = all(mirror, tables);
    }
  }
  for (const reason of ['taken', 'old', 'malformed', 'schema']) assert.ok(counts[reason] > 0, reason);
});

test('bytes that nobody wrote', () => {
  const roll = dice(2);
  const { schema: tables, before } = vectors('refused');
  const mirror = new Mirror(tables);
  for (const hex of before) mirror.take(fromHex(hex));
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Uint8Array.from({ length: roll(80) }, () => roll(256));
    if (bytes.length > 0) bytes[0] = 0x10 | (bytes[0] & 0x0d);
    outcome(mirror, bytes);
    JSON.stringify([...mirror.entities.values()]);
  }
});

test('an entity stays the same one: through changes, another view and a reset', () => {
  const { schema: tables, packets } = vectors('stream');
  const mirror = new Mirror(tables);
  const met = new Map();
  for (const { hex } of packets) {
    mirror.take(fromHex(hex));
    for (const entity of mirror.entered) assert.ok(!met.has(entity.id) || met.get(entity.id).gone);
    for (const entity of mirror.entered) met.set(entity.id, { entity });
    for (const entity of mirror.left) met.get(entity.id).gone = JSON.stringify(entity);
    for (const [id, entity] of mirror.entities) assert.equal(met.get(id).entity, entity);
    // Who left is readable as it was.
    for (const { entity, gone } of met.values()) if (gone) assert.equal(JSON.stringify(entity), gone);
  }
  assert.ok([...met.values()].some(({ gone }) => gone));
});

test('fields that move by themselves have a value at any tick', () => {
  const { schema: tables, packets } = vectors('stream');
  const mirror = new Mirror(tables);
  let moved = 0;
  for (const { hex } of packets.slice(0, 20)) {
    mirror.take(fromHex(hex));
    for (const entity of mirror.entities.values()) {
      assert.equal(entity.valueAt('x', mirror.tick), entity.x);
      assert.equal(entity.valueAt('nothing', 0), undefined);
      if (entity.kind !== 'squad') continue;
      const [now, half, next] = [0, 0.5, 1].map((later) => entity.valueAt('x', mirror.tick + later));
      assert.ok(Math.abs((now + next) / 2 - half) < 1e-4, `${now} ${half} ${next}`);
      assert.equal(entity.valueAt('strength', 0), entity.strength);
      moved += Number(now !== next);
    }
  }
  assert.ok(moved > 20);
});

test('generated tables are those of the vectors', () => {
  const { hash, kinds } = vectors('stream').schema;
  assert.deepEqual(schema, { hash, kinds });
  const step = schema.kinds[1].fields[0].step;
  assert.equal(Math.fround(step), step, 'a 32-bit float, unrounded');
});
