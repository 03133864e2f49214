// Joins everything: the session with the server, the match, the scene, the display and the controls. Owns the page's life: entry,
// play, reload.

import { Interpolation } from '/sdk/js/interpolate.js';
import { Pace, Predictor } from '/sdk/js/predict.js';
import { HillfortSession } from '/sdk/js/session.js';
import { Mirror, MirrorError } from '/sdk/js/sync.js';
import { Account, deviceId } from './account.js';
import { roomAsked } from './asked.js';
import { Controls } from './controls.js';
import { beat, FormatError, moveOrder, readEvent, stopOrder, SQUADS_PER_PLAYER } from './format.js';
import { Hud, Minimap } from './hud.js';
import { deviceStore, keepName, keepSession, keptName, takeSession, wasHelped } from './keep.js';
import { Match } from './match.js';
import { OwnSquads } from './own.js';
import { TEAMS } from './palette.js';
import { Profile } from './profile.js';
import { Scene } from './scene.js';
import { schema } from './sync.schema.js';
import { SNAP_UNITS, Timeline } from './timeline.js';
import { wordsFor } from './words.js';

const GAME = 'hilltop';
/** The land behind the entry screen, before the server has sent a map. */
const ENTRY_MAP = {
  width: 160, height: 100, seed: 20, bases: [{ x: 14, y: 50 }, { x: 146, y: 50 }],
  hills: [[80, 50, 9], [44, 24, 8], [116, 76, 8], [44, 76, 8], [116, 24, 8]].map(([x, y, radius]) => ({ x, y, radius, name: '' })),
};
/** A lost seat is asked for again after this pause. */
const REJOIN_MS = 1500;
/** Who wants to play does not wait longer for the account: what comes of it later is told in the game. */
const NAME_PATIENCE_MS = 2000;
const DISPLAY_EVERY_MS = 100;

const query = new URLSearchParams(location.search);
/** Only looks: nothing is ordered. */
const spectates = query.has('spectate');
const canvas = document.querySelector('#field');
const scene = new Scene(canvas);
const minimap = new Minimap(scene.camera);
const account = new Account({
  fetch: (...args) => fetch(...args),
  device: () => deviceId(deviceStore, (count) => crypto.getRandomValues(new Uint8Array(count))),
});
const stats = { statesReceived: 0, lastStateAt: 0, maxStateGap_ms: 0, rtt_ms: null, tick: 0, session: null, slot: null, fps: 0 };
/** For tests and the curious: what the page knows about itself. */
window.hillfort = {
  status: 'idle', stats, account,
  get own() {
    return match?.timeline.own ?? null;
  },
  /** Own squads: as they are drawn, and as the server told them last. */
  squads: () => [...scene.troops.squads].filter(({ id }) => match?.isOwn(id)),
  told: () => match.timeline.newest.squads.filter(({ id }) => match.isOwn(id)),
};

let session = null;
let match = null;
let hz = 20;
let askedAnew = false;
let lastEvents = {}; // map and roster as they came, for a reload
let lastScore = 0;

const deeds = {
  match: () => (match?.timeline.newest ? match : null),
  select(mask, add) {
    match.selected = add ? match.selected | mask : mask;
    hud.show(match);
  },
  order(x, y) {
    if (spectates) return;
    const inside = [Math.max(0, Math.min(match.map.width, x)), Math.max(0, Math.min(match.map.height, y))];
    const now = performance.now();
    foresee(now);
    const { own } = match.timeline;
    const ticket = own.ticket();
    const { op, data } = moveOrder(match.selected, ...inside, ticket);
    if (!session.input(op, data)) return;
    own.order(now, ticket, match.selected, ...inside);
    match.order(match.selected, ...inside, now);
    scene.effects.tap(...inside, match.team);
  },
  stop() {
    if (spectates) return;
    const now = performance.now();
    foresee(now);
    const { own } = match.timeline;
    const ticket = own.ticket();
    const { op, data } = stopOrder(match.selected, ticket);
    if (!session.input(op, data)) return;
    own.stop(now, ticket, match.selected);
    match.stop(match.selected);
  },
  centre(index) {
    const squad = scene.troops.get(match.slot * SQUADS_PER_PLAYER + index);
    if (squad !== undefined) scene.camera.goTo(squad.x, squad.y);
  },
};
const hud = new Hud(deeds);
new Profile(account, (name) => {
  keepName(name);
  document.querySelector('#name').value = name;
});
new Controls(canvas, scene, deeds);

// The session -----------------------------------------------------------------------------------------------------------------------

function play(name, kept = null) {
  session = new HillfortSession({ saved: kept?.session });
  match = null;
  lastEvents = {};
  hz = kept?.session.room?.hz ?? 20;
  session.on('status', onStatus);
  session.on('joined', (seat) => {
    hz = seat.hz;
  });
  session.on('left', onLeft);
  session.on('event', onEvent);
  session.on('scene', onScene);
  session.on('refusal', (reject) => hud.say(reject.sentence, 'bad'));
  session.on('rtt', (ms) => {
    stats.rtt_ms = ms;
    hud.addRtt(ms);
  });
  for (const event of kept?.events ?? []) onEvent(event);
  session.start(name);
  if (kept === null) session.join(roomAsked(GAME, query));
  document.body.dataset.screen = 'game';
}

function onStatus(status) {
  window.hillfort.status = status.name;
  stats.session = session.id;
  if (status.name === 'refused') {
    showEntry(status.reject.sentence);
    hud.sayStatus(null);
    return;
  }
  if (status.name === 'restarted') match = null;
  if (status.name === 'playing') stats.lastStateAt = 0;
  hud.sayStatus(wordsFor(status, performance.now()));
}

function onLeft({ reject }) {
  match = null;
  if (reject === null) return;
  hud.say(reject.sentence, 'bad');
  const left = session;
  setTimeout(() => {
    if (left === session && match === null) session.join(roomAsked(GAME, query));
  }, REJOIN_MS);
}

function onScene({ data, at_ms }) {
  if (match === null) return;
  const isFirst = match.timeline.newest === null;
  if (!taken(at_ms, data)) return;
  if (stats.lastStateAt !== 0) stats.maxStateGap_ms = Math.max(stats.maxStateGap_ms, at_ms - stats.lastStateAt);
  stats.statesReceived += 1;
  stats.lastStateAt = at_ms;
  stats.tick = match.timeline.tick;
  if (isFirst) welcome();
  showGain();
}

/** Gives a packet to the match; one that does not fit to what is known has the scene sent anew, once. */
function taken(at_ms, data) {
  try {
    const isNew = match.timeline.take(at_ms, data);
    askedAnew = false;
    return isNew;
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    if (error.reason === 'schema') hud.say('This page is not of the server\'s version: load it again', 'bad');
    else if (!askedAnew) session.resync();
    askedAnew = true;
    return false;
  }
}

function onEvent({ op, data }) {
  const event = understood(() => readEvent(op, data));
  if (event === null) return;
  if (event.kind === 'map') {
    const sameLand = match !== null && match.map.seed === event.seed;
    const own = spectates ? null : new OwnSquads(event, { Pace, Predictor });
    match = new Match(event, new Timeline(new Mirror(schema), new Interpolation(schema, { hz, snap: SNAP_UNITS }), own));
    askedAnew = false;
    stats.slot = event.slot;
    if (!sameLand) scene.setMap(event);
  }
  if (event.kind === 'map' || event.kind === 'roster') lastEvents[event.kind] = { op, data: data.slice() };
  if (match !== null) HAPPENED[event.kind](event);
}

/** What `read` gives, or null when the server speaks another version of the format. */
function understood(read) {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    hud.say('This page is older than the server: please reload it.', 'bad');
    return null;
  }
}

const HAPPENED = {
  map: () => {},
  roster: ({ players }) => {
    const before = match.players;
    match.setRoster(players);
    if (before.size === 0) return;
    for (const { slot, team, name } of players) if (!before.has(slot)) hud.tell([{ text: name, team }, ' joins']);
    for (const [slot, { team, name }] of before) if (!match.players.has(slot)) hud.tell([{ text: name, team }, ' leaves']);
  },
  hill: ({ hill, holder }) => {
    const where = match.map.hills[hill];
    if (where === undefined) return;
    scene.effects.capture(where, holder);
    if (TEAMS[holder] === undefined) {
      hud.tell([`${where.name} is nobody's`]);
    } else {
      hud.tell([{ text: TEAMS[holder].name, team: holder }, ` takes ${where.name}`]);
      hud.say(`${TEAMS[holder].name} takes ${where.name}`, holder === 0 ? 'amber' : 'teal');
    }
  },
  down: (event) => {
    scene.onDown(match, event);
    const name = (squad) => ({ text: match.nameOf(Math.floor(squad / SQUADS_PER_PLAYER)), team: match.teamOf(squad) });
    if (match.isOwn(event.by) || match.isOwn(event.squad)) hud.tell([name(event.by), ' brings down ', name(event.squad)]);
  },
  round: (event) => {
    hud.roundOver(event);
    if (spectates) return;
    account.roundOver({ won: event.winner === match.team, score: match.score });
    account.save().then(() => hud.showRecord(account));
  },
};

/** Lets the own squads walk on, and asks the server now and then how early inputs come. */
function foresee(now) {
  const own = match?.timeline.own ?? null;
  if (own === null) return;
  const ticket = own.turn(now);
  if (ticket === null) return;
  const { op, data } = beat(ticket);
  session.input(op, data);
}

/** The first state of a match: looks at the own squads where the map does not fit, and explains the game once. */
function welcome() {
  lastScore = match.score;
  const own = match.timeline.newest.squads.find((squad) => match.isOwn(squad.id));
  if (own !== undefined) scene.camera.jumpTo(own.x, own.y);
  if (!spectates && !wasHelped() && !query.has('auto')) hud.showHelp();
}

/** Lets the points of held hills float up; those of a squad brought down come with its event. */
function showGain() {
  const gain = match.score - lastScore;
  lastScore = match.score;
  if (gain <= 0 || gain >= 10) return;
  const holding = [...scene.troops.squads].find((squad) => match.isOwn(squad.id) && squad.onHill && !squad.down);
  if (holding !== undefined) scene.effects.word(holding.x, holding.y - 2, `+${gain}`, { size: 13, colour: '#f4efdf' });
}

// The page --------------------------------------------------------------------------------------------------------------------------

function showEntry(note = '') {
  document.body.dataset.screen = 'entry';
  document.querySelector('#entry-note').textContent = note;
  document.querySelector('#name').focus();
}

function resize() {
  const narrow = window.matchMedia('(max-width: 900px), (max-height: 520px)').matches;
  const insets = narrow ? { top: 62, bottom: window.innerHeight > 520 ? 74 : 8 } : { top: 62, bottom: 10 };
  scene.resize(window.innerWidth, window.innerHeight, Math.min(window.devicePixelRatio, 2), insets);
}

let lastFrame = performance.now();
let lastDisplay = 0;
function frame(now) {
  // A page that was hidden draws its first frame as if only a moment had passed.
  const dt = Math.min(0.1, (now - lastFrame) / 1000);
  stats.fps += (1 / Math.max(dt, 0.001) - stats.fps) * 0.05;
  lastFrame = now;
  foresee(now);
  scene.draw(now, dt, match?.map ?? null, match);
  minimap.draw(scene, match);
  hud.frame(now);
  if (now - lastDisplay > DISPLAY_EVERY_MS) {
    if (match?.playing && !spectates) account.played(Math.min(now - lastDisplay, 1000) / 1000);
    lastDisplay = now;
    if (match !== null) hud.show(match);
    if (session?.status.name === 'lost') hud.sayStatus(wordsFor(session.status, now));
  }
  requestAnimationFrame(frame);
}

window.addEventListener('resize', resize);
document.addEventListener('visibilitychange', () => {
  if (document.hidden) account.save({ last: true });
});
window.addEventListener('pagehide', () => {
  if (session === null) return;
  session.suspend();
  const saved = session.save();
  if (saved !== null && lastEvents.map !== undefined) keepSession(saved, Object.values(lastEvents));
});
window.addEventListener('pageshow', (event) => {
  // Back from the browser's memory of pages: go on with the session that was suspended.
  if (!event.persisted || session === null) return;
  takeSession();
  session.start();
});
document.querySelector('#entry form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const name = document.querySelector('#name').value.trim();
  const button = event.target.querySelector('[type="submit"]');
  if (name === '' || button.disabled) return;
  button.disabled = true;
  const wrong = await claimed(name);
  button.disabled = false;
  document.querySelector('#entry-note').textContent = wrong ?? '';
  if (wrong !== null) return document.querySelector('#name').focus();
  keepName(name);
  document.querySelector('#name').blur();
  return play(name);
});

/** What is wrong with the name for the account; null: nothing, or the account is not there in time, and then it is told when it is. */
async function claimed(name) {
  let isLate = false;
  const claim = signedIn.then(() => account.rename(name));
  claim.then((wrong) => {
    if (isLate && wrong !== null) hud.tell([`${wrong}. Until then your account is called ${account.name}`]);
  });
  const late = new Promise((resolve) => setTimeout(resolve, NAME_PATIENCE_MS, null)).then(() => {
    isLate = true;
    return null;
  });
  return Promise.race([claim, late]);
}

resize();
requestAnimationFrame(frame);
const kept = takeSession();
const signedIn = spectates ? Promise.resolve() : account.signIn();
document.querySelector('#name').value = query.get('name') ?? keptName();
signedIn.then(() => {
  const place = document.querySelector('#name');
  if (account.status === 'known' && !account.isNew) place.value ||= account.name;
});
if (kept !== null) {
  play(kept.session.name, kept);
} else if (spectates) {
  play(query.get('name') ?? 'Spectator');
} else if (query.has('auto') && query.get('name')) {
  play(query.get('name'));
  signedIn.then(() => account.rename(query.get('name')));
} else {
  scene.setMap(ENTRY_MAP);
  showEntry();
}
