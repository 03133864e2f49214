// The page of Magpie: logs in, asks for a seat, sends where the player walks, draws what the room says. What the bytes mean stands in
// server/main.luau, and nowhere else.

import { HillfortSession } from '/sdk/js/session.js';

/** The game has the name of the folder that this page is served from. */
const GAME = location.pathname.split('/')[1];
const WALK = 1;
const YOU = 1;
const NAMES = 2;

const canvas = document.querySelector('canvas');
const paper = canvas.getContext('2d');
const session = new HillfortSession();
const names = new Map();
let shown = new Map(); // where each dot is drawn: it glides to where the room says
let state = { coins: [], dots: [] };
let you = -1;
/** For tests and the curious. */
window.hillfort = { status: 'idle', stats: { statesReceived: 0, score: 0 } };

session.on('status', ({ name, reject }) => {
  window.hillfort.status = name;
  say(reject ? reject.sentence : name === 'playing' ? 'Arrow keys, WASD or a held finger walk. Pick up the coins.' : `${name} …`);
});
session.on('left', ({ reject }) => say(reject ? reject.sentence : 'You left.'));
session.on('event', ({ op, data }) => {
  if (op === YOU) you = data[0];
  if (op === NAMES) readNames(data);
});
session.on('state', ({ data }) => {
  state = readState(new DataView(data.buffer, data.byteOffset, data.byteLength));
  window.hillfort.stats.statesReceived += 1;
  window.hillfort.stats.score = state.dots.find((dot) => dot.player === you)?.score ?? 0;
});

document.querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  event.target.hidden = true;
  session.join(GAME);
  session.start(event.target.elements.name.value);
});

function readNames(data) {
  names.clear();
  for (let at = 1; at < data.length; at += 2 + data[at + 1]) {
    names.set(data[at], new TextDecoder().decode(data.subarray(at + 2, at + 2 + data[at + 1])));
  }
}

function readState(view) {
  let at = 0;
  const u8 = () => view.getUint8(at++);
  const u16 = () => view.getUint16((at += 2) - 2, true);
  const i8 = () => view.getInt8(at++);
  const coins = Array.from({ length: u8() }, () => ({ x: u16(), y: u16() }));
  const dots = Array.from({ length: u8() }, () => ({ player: u8(), x: u16(), y: u16(), walks: [i8(), i8()], score: u16() }));
  return { coins, dots };
}

// Where the player walks ------------------------------------------------------------------------------------------------------------

const KEYS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  KeyA: [-1, 0], KeyD: [1, 0], KeyW: [0, -1], KeyS: [0, 1],
};
const held = new Set();
let walks = [0, 0];

function walk(x, y) {
  if (x === walks[0] && y === walks[1]) return;
  if (session.input(WALK, new Int8Array([x, y]))) walks = [x, y];
}

function walkByKeys() {
  const sum = [...held].reduce(([x, y], key) => [x + KEYS[key][0], y + KEYS[key][1]], [0, 0]);
  walk(Math.sign(sum[0]), Math.sign(sum[1]));
}

addEventListener('keydown', (event) => {
  if (!(event.code in KEYS) || event.target.tagName === 'INPUT') return;
  event.preventDefault();
  held.add(event.code);
  walkByKeys();
});
addEventListener('keyup', (event) => held.delete(event.code) && walkByKeys());
addEventListener('blur', () => { held.clear(); walkByKeys(); });

function walkTo(event) {
  const dot = shown.get(you);
  if (event.buttons === 0 || dot === undefined) return walk(0, 0);
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  const toward = [(event.clientX - box.left) * scale - dot.x, (event.clientY - box.top) * scale - dot.y];
  return walk(...toward.map((way) => (Math.abs(way) < 12 ? 0 : Math.sign(way))));
}
for (const name of ['pointerdown', 'pointermove', 'pointerup']) canvas.addEventListener(name, walkTo);

// What the room says ----------------------------------------------------------------------------------------------------------------

function draw() {
  paper.clearRect(0, 0, canvas.width, canvas.height);
  paper.fillStyle = '#ffd35c';
  for (const { x, y } of state.coins) disc(x, y, 7);
  const before = shown;
  shown = new Map();
  for (const { player, x, y, score } of state.dots) {
    const from = before.get(player) ?? { x, y };
    const at = { x: from.x + (x - from.x) * 0.3, y: from.y + (y - from.y) * 0.3 };
    shown.set(player, at);
    paper.fillStyle = `hsl(${(player * 67) % 360} 65% 60%)`;
    disc(at.x, at.y, player === you ? 15 : 13);
    paper.fillStyle = '#dfe9ee';
    paper.textAlign = 'center';
    paper.fillText(`${names.get(player) ?? ''} ${score}`, at.x, at.y - 20);
  }
  requestAnimationFrame(draw);
}

function disc(x, y, radius) {
  paper.beginPath();
  paper.arc(x, y, radius, 0, 2 * Math.PI);
  paper.fill();
}

function say(text) {
  document.querySelector('p').textContent = text;
}

draw();
