// The realtime socket by the unmodified JavaScript SDK, with its own adapter (JSON) and with that of nakama-js-protobuf. Runs in Node.js and in
// a browser: it is given the SDK and where the server is, and knows neither. The server has the modules of `modules/`.

import { Player, textOf } from './player.mjs';
import { Seen } from './seen.mjs';

const REPEAT = 1;
const TO_ALL = 2;
const LABEL = 3;
const KICK = 4;
const END = 5;
/** Nobody's: well formed, and of no match. */
const NO_MATCH = '00000000-0000-4000-8000-000000000000.';

const fail = (text) => {
  throw new Error(text);
};

const same = (found, wanted, what) => {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) fail(`${what}: ${a} instead of ${b}`);
};

const holds = (condition, what) => condition || fail(what);

/** The socket refuses it with Nakama's code and words. A code of 0 travels by not being there. */
async function refused(promise, code, words, what) {
  const said = await promise.then((value) => fail(`${what} was answered: ${JSON.stringify(value)}`), (error) => error);
  if (said instanceof Error) throw said;
  same(Number(said.code ?? 0), code, `${what}: ${said.message}`);
  holds(words.test(said.message), `${what}: ${said.message}`);
}

let last = 0;
const unique = (name) => `${name}-${Date.now().toString(36)}-${(last += 1)}-${Math.random().toString(36).slice(2, 10)}`;
const names = (presences) => (presences ?? []).map((presence) => presence.username).sort();

const sends = (player, id, op, data, presences, reliable) => player.socket.sendMatchState(id, op, data, presences, reliable);

const bytesOf = (text) => Uint8Array.from(new TextEncoder().encode(text));

/** Makes a match of arena.lua; its id. */
async function arena(player, params) {
  const { payload } = await player.socket.rpc('suite_match', JSON.stringify(params));
  return JSON.parse(payload).match_id;
}

export const SOCKET = {
  async 'a token that is not good opens nothing'({ rig }) {
    const ann = await rig.player('ann');
    const { session } = ann;
    ann.session = { ...session, token: `${session.token}x` };
    const opened = await ann.connect().then(() => true, () => false);
    same(opened, false, 'a socket with a bad token');
    ann.session = session;
    await ann.connect();
  },

  async 'pings are answered'({ rig, seen }) {
    const ann = await rig.player('ann');
    const pongs = () => seen.server.get('pong') ?? 0;
    const before = pongs();
    // The SDK pings as soon as it is connected, and again after this time.
    await ann.connect();
    ann.socket.setHeartbeatTimeoutMs(2000);
    await rig.until('a pong', () => pongs() > before);
    // A client may answer pings of the server, which sends them in frames of their own.
    ann.socket.adapter.send({ pong: {} });
    await ann.socket.rpc('suite_echo', '"y"');
  },

  async 'who is followed is seen'({ rig }) {
    const [ann, bob] = await rig.connected('ann', 'bob');
    same((await ann.socket.followUsers([bob.userId])).presences ?? [], [], 'bob is not online');
    await bob.socket.updateStatus('in the keep');
    const came = await ann.hears('status', ({ joins }) => names(joins).includes(bob.session.username));
    same(came.joins.map(({ user_id, status }) => [user_id, status]), [[bob.userId, 'in the keep']], 'who came');
    same((await ann.socket.followUsers([bob.userId])).presences.map(({ status }) => status), ['in the keep'], 'the status of now');
    await bob.socket.updateStatus('on the wall');
    const change = await ann.hears('status', ({ joins }) => joins?.[0]?.status === 'on the wall');
    same(change.leaves.map(({ status }) => status), ['in the keep'], 'what it was before');
    await bob.socket.updateStatus();
    same((await ann.hears('status')).leaves.map(({ user_id }) => user_id), [bob.userId], 'gone');
    await ann.socket.unfollowUsers([bob.userId]);
    await bob.socket.updateStatus('unseen');
    await bob.hears('status', ({ joins }) => joins?.[0]?.status === 'unseen', 'the own status');
    await ann.socket.rpc('suite_echo', '1');
    same(ann.left('status'), [], 'what is followed no longer');
    // Who connects with a status is online at once.
    const eve = await rig.player('eve');
    await ann.socket.followUsers([eve.userId]);
    await eve.connect(true);
    same((await ann.hears('status')).joins.map(({ user_id }) => user_id), [eve.userId], 'online');
    await refused(ann.socket.followUsers(['nobody']), 3, /user_ids/, 'an id that is none');
    await refused(ann.socket.updateStatus('x'.repeat(2049)), 3, /at most 2048/, 'a status that is too long');
  },

  async 'a relayed match from its first to its last'({ rig }) {
    const [ann, bob, cat] = await rig.connected('ann', 'bob', 'cat');
    const made = await ann.socket.createMatch();
    holds(made.match_id.endsWith('.') && !made.authoritative, `a relayed match: ${made.match_id}`);
    same([made.self.user_id, made.size], [ann.userId, 1], 'who made it');
    const id = made.match_id;
    same(names((await ann.hears('presence')).joins), [ann.session.username], 'she is told of herself');
    const joined = await bob.socket.joinMatch(id);
    same([names(joined.presences), joined.size], [[ann.session.username], 1], 'who was there: the size does not count who joins, as in Nakama');
    same(names((await ann.hears('presence')).joins), [bob.session.username], 'who came');
    await cat.socket.joinMatch(id);
    for (const one of [ann, bob]) await one.hears('presence', ({ joins }) => names(joins).includes(cat.session.username));
    // To all others; to some; as text and as bytes.
    await sends(ann, id, 7, 'to all of you', undefined, true);
    for (const one of [bob, cat]) {
      const said = await one.hears('data');
      same([said.op_code, textOf(said), said.presence.user_id, said.match_id, said.reliable], [7, 'to all of you', ann.userId, id, true], 'data');
    }
    await sends(bob, id, 8, new Uint8Array([0, 1, 254, 255]), [joined.presences[0]]);
    const bytes = await ann.hears('data');
    same([bytes.op_code, [...bytes.data], bytes.presence.user_id], [8, [0, 1, 254, 255], bob.userId], 'bytes');
    await sends(bob, id, 9, 'the end');
    same([(await cat.hears('data')).op_code, (await ann.hears('data')).op_code], [9, 9], 'cat heard nothing that was for ann alone');
    same([...ann.left('data'), ...cat.left('data'), ...bob.left('data')], [], 'nobody hears more');
    await bob.socket.leaveMatch(id);
    for (const one of [ann, cat]) same(names((await one.hears('presence', ({ leaves }) => leaves?.length > 0)).leaves), [bob.session.username], 'who left');
    cat.close();
    same(names((await ann.hears('presence', ({ leaves }) => leaves?.length > 0)).leaves), [cat.session.username], 'whose line was cut');
    await ann.socket.leaveMatch(id);
    await refused(bob.socket.joinMatch(id), 4, /not found/, 'a match that is over');
  },

  async 'a name gives the same match, and is listed'({ rig }) {
    // The schema in nakama-js-protobuf 1.4.0 has no names of matches.
    if (rig.format === 'protobuf') return;
    const [ann, bob] = await rig.connected('ann', 'bob');
    const name = unique('game');
    const [one, two] = [await ann.socket.createMatch(name), await bob.socket.createMatch(name)];
    same([two.match_id, names(two.presences), two.size], [one.match_id, [ann.session.username], 2], 'the same match: the size counts who creates');
    const { matches } = await ann.client.listMatches(ann.session, 100, false, undefined, 2, 2);
    holds(matches.some((found) => found.match_id === one.match_id && !found.authoritative), 'it is in the list');
  },

  async 'a match of a module lets in, hears and says'({ rig }) {
    const [ann, bob] = await rig.connected('ann', 'bob');
    const mode = unique('mode');
    const id = await arena(ann, { mode });
    const joined = await ann.socket.joinMatch(id, undefined, { side: 'right' });
    same([joined.match_id, joined.authoritative, joined.self.user_id], [id, true, ann.userId], 'the match');
    same(JSON.parse(joined.label).mode, mode, 'its label');
    same(names((await ann.hears('presence')).joins), [ann.session.username], 'she is told of herself');
    same(names((await bob.socket.joinMatch(id)).presences), [ann.session.username], 'who was there');
    await ann.hears('presence', ({ joins }) => names(joins).includes(bob.session.username));
    // Found by its label, once the list has it: lists are a second old.
    const found = await rig.until('the match in the list', async () => {
      const query = `+label.mode:${mode} +label.taken:>=2`;
      return (await ann.client.listMatches(ann.session, 10, true, undefined, undefined, undefined, query)).matches?.[0];
    });
    same([found.match_id, found.authoritative, found.size], [id, true, 2], 'the list');
    same((await ann.client.listMatches(ann.session, 10, true, undefined, undefined, undefined, `+label.mode:${mode} +label.seats:<16`)).matches ?? [], [], 'a label that does not fit');
    await sends(ann, id, REPEAT, 'to myself');
    const own = await ann.hears('data');
    same([own.op_code, textOf(own), own.presence.user_id], [REPEAT, 'to myself', ann.userId], 'repeated');
    // The SDK's own adapter sends texts of Latin letters only; bytes may be anything.
    for (const text of ['one', 'two', bytesOf('drei ü 🏰')]) await sends(bob, id, TO_ALL, text);
    for (const one of [ann, bob]) {
      const texts = [];
      for (let n = 0; n < 3; n += 1) texts.push(textOf(await one.hears('data')));
      same(texts, ['one', 'two', 'drei ü 🏰'], 'in order');
    }
    same([...ann.left('data'), ...bob.left('data')], [], 'nobody hears more');
    const signal = async () => JSON.parse((await ann.socket.rpc('suite_signal', JSON.stringify({ match_id: id, data: 'how' }))).payload);
    same(await signal(), { asked: 'how', heard: 4, taken: 2 }, 'a signal');
    await sends(bob, id, KICK, '');
    for (const one of [ann, bob]) same(names((await one.hears('presence', ({ leaves }) => leaves?.length > 0)).leaves), [bob.session.username], 'kicked');
    await sends(ann, id, LABEL, `${mode}x`);
    await rig.until('the new label', async () => (await ann.client.listMatches(ann.session, 1, true, undefined, undefined, undefined, `+label.mode:${mode}x`)).matches?.[0]);
    await sends(ann, id, END, '');
    same(names((await ann.hears('presence', ({ leaves }) => leaves?.length > 0)).leaves), [ann.session.username], 'the match ended');
    await refused(ann.socket.joinMatch(id), 4, /not found/, 'a match that has ended');
  },

  async 'a match of a module refuses'({ rig }) {
    const [ann, bob] = await rig.connected('ann', 'bob');
    const id = await arena(ann, { mode: 'small', seats: 1 });
    await refused(ann.socket.joinMatch(id, undefined, { side: 'wrong' }), 5, /there is no such side/, 'by the module\'s words');
    await ann.socket.joinMatch(id);
    await refused(bob.socket.joinMatch(id), 5, /the arena is full/, 'a second player');
    await refused(bob.socket.joinMatch('nonsense'), 3, /Invalid match ID/, 'an id that is none');
    await refused(bob.socket.joinMatch(`${NO_MATCH}hillfort`), 4, /not found/, 'a match that is not there');
    await refused(bob.socket.joinMatch(undefined, 'token'), 3, /token/, 'a token of the matchmaker');
    const made = await ann.socket.rpc('suite_match', JSON.stringify({ mode: 'x' })).then(({ payload }) => JSON.parse(payload));
    holds(made.match_id.endsWith('.hillfort'), made.match_id);
  },

  async 'functions are called'({ rig }) {
    const [ann] = await rig.connected('ann');
    const { id, payload } = await ann.socket.rpc('suite_echo', JSON.stringify({ n: 1, text: 'ü\u2028"' }));
    const said = JSON.parse(payload);
    same([id, said.user_id, JSON.parse(said.said)], ['suite_echo', ann.userId, { n: 1, text: 'ü\u2028"' }], 'what was said');
    holds(/^[0-9a-f-]{36}$/.test(said.session_id), 'by which socket');
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => ann.socket.rpc('suite_echo', String(n))));
    same(all.map((answer) => JSON.parse(answer.payload).said), Array.from({ length: 20 }, (_, n) => String(n)), 'each call has its own answer');
    await refused(ann.socket.rpc('suite_nothing', ''), 6, /not found/i, 'a function that is not there');
    await refused(ann.socket.rpc('suite_fails', ''), 7, /not today/, 'a function that fails');
  },

  async 'a stream tells who comes and goes, and what is said'({ rig }) {
    const [ann, bob] = await rig.connected('ann', 'bob');
    const label = unique('stream');
    const stream = (player, more = {}) => player.socket.rpc('suite_stream', JSON.stringify({ label, ...more }));
    for (const one of [ann, bob]) await stream(one);
    const came = await ann.hears('stream', ({ joins }) => names(joins).includes(bob.session.username));
    same([came.stream.mode, came.stream.label], [100, label], 'the stream');
    await stream(bob, { say: 'hear, hear' });
    for (const one of [ann, bob]) same((await one.hears('stream data')).data, 'hear, hear', 'what was said');
    await stream(bob, { leave: true });
    same(names((await ann.hears('stream', ({ leaves }) => leaves?.length > 0)).leaves), [bob.session.username], 'who left');
  },

  async 'errors have codes, and say what to do'({ rig, seen }) {
    const [ann, bob] = await rig.connected('ann', 'bob');
    await refused(ann.socket.addMatchmaker('*', 2, 2), 1, /docs\/nakama\.md/, 'what is not served yet');
    if (rig.format === 'json') await refused(ann.socket.createMatch('x'.repeat(257)), 3, /name/, 'a name that is too long');
    // Data for a match that one is not in, or not any more, are passed over: an error without a cid is an event in some SDKs.
    seen.errors.length = 0;
    const left = (await ann.socket.createMatch()).match_id;
    await ann.socket.leaveMatch(left);
    for (const id of [NO_MATCH, `${NO_MATCH}hillfort`, left]) await sends(ann, id, 1, 'x');
    await ann.socket.rpc('suite_echo', '1');
    same(seen.errors, [], 'data for a match that one is not in');
    // What no client may say ends the session, and says so.
    await refused(bob.socket.send({}), 2, /no message/, 'an envelope without a message');
    const end = await bob.hears('end');
    same(end.code, 1007, `closed: ${end.reason}`);
    await bob.connect();
    await bob.socket.rpc('suite_echo', '1');
  },

  async 'whoever comes back goes on'({ rig }) {
    const [ann, bob] = await rig.connected('ann', 'bob');
    const id = await arena(ann, { mode: 'rest' });
    await ann.socket.joinMatch(id);
    const before = await bob.socket.joinMatch(id);
    await ann.hears('presence', ({ joins }) => names(joins).includes(bob.session.username));
    bob.socket.disconnect(true);
    await bob.hears('end');
    same(names((await ann.hears('presence', ({ leaves }) => leaves?.length > 0)).leaves), [bob.session.username], 'gone');
    await bob.connect();
    const after = await bob.socket.joinMatch(id);
    same([after.self.user_id, after.self.session_id === before.self.session_id], [bob.userId, false], 'the same player by another socket');
    await ann.hears('presence', ({ joins }) => names(joins).includes(bob.session.username));
    await sends(ann, id, TO_ALL, 'welcome');
    same(textOf(await bob.hears('data')), 'welcome', 'hears again');
    // Two sockets of one player are two presences.
    const second = await rig.again(bob);
    const there = await second.socket.joinMatch(id);
    same(names(there.presences), [ann.session.username, bob.session.username].sort(), 'both are there');
  },
};

/** Makes players, and lets them go. */
class Rig {
  #players = [];

  constructor(given, format) {
    Object.assign(this, given);
    this.format = format;
  }

  async player(name) {
    const client = new this.Client(this.where.serverKey, this.where.host, this.where.port);
    return this.#keep(client, await client.authenticateDevice(unique('device'), true, unique(name)));
  }

  async connected(...names_) {
    const players = [];
    for (const name of names_) players.push(await (await this.player(name)).connect());
    return players;
  }

  /** Another socket of the same session. */
  again(player) {
    return this.#keep(player.client, player.session).connect();
  }

  /** What `look` gives as soon as it gives something. */
  async until(what, look) {
    const end = Date.now() + 20_000;
    for (;;) {
      const found = await look();
      if (found) return found;
      if (Date.now() > end) fail(`waited in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  close() {
    for (const player of this.#players) player.close();
  }

  #keep(client, session) {
    const player = new Player(client, session, this.adapters[this.format]);
    this.#players.push(player);
    return player;
  }
}

/**
 * Runs everything in each format. `given`: { Client, where, adapters: { json, protobuf }, variants, only }. Gives what failed, and which messages that
 * are done went over no wire in a format.
 */
export async function run(given) {
  const failed = [];
  const missed = {};
  for (const format of Object.keys(given.adapters)) {
    const seen = new Seen(given.variants);
    try {
      for (const [name, check] of Object.entries(SOCKET)) {
        if (given.only && !name.includes(given.only)) continue;
        const rig = new Rig(given, format);
        try {
          await check({ rig, seen });
        } catch (error) {
          const text = error instanceof Response ? `${error.status} ${await error.clone().text().catch(() => '')}` : (error?.stack ?? JSON.stringify(error));
          failed.push(`${format}: ${name}: ${text}`);
        } finally {
          rig.close();
        }
      }
    } finally {
      seen.end();
    }
    missed[format] = seen.missed(given.variants);
  }
  return { failed, missed, checks: Object.keys(SOCKET).length };
}
