// The state sync of Colyseus and of Hillfort on one scene: 1,000 entities that walk, 500 clients that see some hundred of them each. What is timed is what a
// server does in a tick to tell clients what is new: for Colyseus encoding for all views, for Hillfort publishing the frame and encoding. Who sees whom
// is given; the last line has Hillfort with finding that out, which Colyseus leaves to the game.
// Rounds take turns; of each the cheapest third of its ticks counts. `npm ci && npm run compare`

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Encoder, StateView, schema, t } from '@colyseus/schema';

const ENTITIES = 1_000;
const CLIENTS = 500;
const VISIBLE = 100;
const TICKS = 60;
const ROUNDS = 3;

const Walker = schema({ x: t.float32(), y: t.float32() }, 'Walker');
const State = schema({ walkers: t.map(Walker).view() }, 'State');

/** Mean of the cheapest third. */
function cheap(times) {
  times.sort((a, b) => a - b);
  const part = times.slice(0, Math.max(1, Math.floor(times.length / 3)));
  return part.reduce((sum, time) => sum + time, 0) / part.length;
}

function colyseus() {
  Encoder.BUFFER_SIZE = 1024 * 1024;
  const state = new State();
  const encoder = new Encoder(state);
  const walkers = [];
  for (let at = 0; at < ENTITIES; at += 1) {
    const walker = new Walker();
    walker.x = at;
    walker.y = at;
    state.walkers.set(String(at), walker);
    walkers.push(walker);
  }
  const views = Array.from({ length: CLIENTS }, (_, client) => {
    const view = new StateView();
    for (let near = 0; near < VISIBLE; near += 1) view.add(walkers[(client * 2 + near) % ENTITIES]);
    return view;
  });
  const times = [];
  let bytes = 0;
  for (let tick = 0; tick < TICKS; tick += 1) {
    for (const walker of walkers) {
      walker.x += 0.21;
      walker.y -= 0.13;
    }
    const begun = process.cpuUsage();
    const it = { offset: 0 };
    encoder.encode(it);
    const shared = it.offset;
    let sent = 0;
    for (const view of views) sent += encoder.encodeView(view, shared, it).length;
    encoder.discardChanges();
    const used = process.cpuUsage(begun);
    // Garbage of earlier ticks is collected beside: what the process used is what it costs.
    if (tick >= TICKS / 2) {
      times.push(used.user + used.system);
      bytes += sent;
    }
  }
  const pairs = CLIENTS * VISIBLE;
  return { us: cheap(times), bytes: bytes / (TICKS / 2) / pairs };
}

function hillfort(scene) {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const text = execFileSync('cargo', ['bench', '-q', '-p', 'hillfort-sync', '--bench', 'sync', '--', scene], { cwd: root, encoding: 'utf8' });
  const line = text.split('\n').find((found) => found.startsWith(`${scene} `));
  const number = (before, after) => Number(line.split(before)[1].split(after)[0]);
  const inSight = number('ns/pair', 'in sight');
  return { us: number('publish', 'us') + number('write', 'us'), bytes: number('waiting', 'B a client') / inSight, inSight };
}

const rounds = Array.from({ length: ROUNDS }, () => ({ theirs: colyseus(), ours: hillfort('w7-encode'), looking: hillfort('w7') }));
const best = (whose, what) => Math.min(...rounds.map((round) => round[whose][what]));
const theirs = { ns: (best('theirs', 'us') * 1e3) / (CLIENTS * VISIBLE), bytes: best('theirs', 'bytes') };
const { inSight } = rounds[0].ours;
const ours = { ns: (best('ours', 'us') * 1e3) / (CLIENTS * inSight), bytes: best('ours', 'bytes') };
console.log(`${ENTITIES} entities, ${CLIENTS} clients; ${VISIBLE} and ${inSight} in sight`);
console.log(`@colyseus/schema 5.0.34  ${theirs.ns.toFixed(1)} ns a pair  ${theirs.bytes.toFixed(2)} bytes a change`);
console.log(`hillfort-sync            ${ours.ns.toFixed(1)} ns a pair  ${ours.bytes.toFixed(2)} bytes a change`);
console.log(`${(theirs.ns / ours.ns).toFixed(1)} times as fast, ${(ours.bytes / theirs.bytes).toFixed(2)} of the bytes`);
const looking = (best('looking', 'us') * 1e3) / (CLIENTS * rounds[0].looking.inSight);
console.log(`with finding who sees whom: ${looking.toFixed(1)} ns a pair, ${(theirs.ns / looking).toFixed(1)} times as fast`);
