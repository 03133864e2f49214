// Colours with a meaning: teal is the honest players' side, warm colours are what was refused. Neighbours in a stack differ in brightness
// as well as in hue, for eyes that do not tell red from green; the legend names each.

const DARK = {
  CALM: '#2fd6cf', CALM_FAINT: '#8fb8ff', WARN: '#ffb238', ALARM: '#ff5d5d', INK: '#e6eef5', INK_DIM: '#8ea3b4',
  GRID: 'rgba(142, 163, 180, 0.13)', CARD: '#101a23', ATTACK: '#ff7a59',
};
const LIGHT = {
  CALM: '#0b8f8a', CALM_FAINT: '#3f6fd1', WARN: '#a86400', ALARM: '#c62828', INK: '#14212b', INK_DIM: '#566977',
  GRID: 'rgba(60, 84, 102, 0.14)', CARD: '#ffffff', ATTACK: '#cf4520',
};

export let { CALM, CALM_FAINT, WARN, ALARM, INK, INK_DIM, GRID, CARD, ATTACK } = DARK;
let light = false;

/** Colours for a light page, or a dark one. Who imported a colour by name sees the new one; who kept it must ask again. */
export function setTheme(isLight) {
  light = isLight;
  ({ CALM, CALM_FAINT, WARN, ALARM, INK, INK_DIM, GRID, CARD, ATTACK } = light ? LIGHT : DARK);
}

/** On a light page pale colours are darkened. */
const shade = (colour) => (light ? `#${[1, 3, 5].map((at) => Math.round(parseInt(colour.slice(at, at + 2), 16) * 0.78).toString(16).padStart(2, '0')).join('')}` : colour);

/** Colours of each stage's reasons, in the order in which they appear. */
const STAGES = {
  connect: ['#ffb238', '#d9772b', '#ffd98a', '#b3541e', '#f0a35e', '#ffe9c2', '#8f5a2b', '#c9a06a'],
  transport: ['#c9b37e', '#8f7a45'],
  hello: ['#ff5d5d', '#ff9d94', '#c93a4b', '#ff7ab0', '#d9408f', '#ffc2d9', '#9c2f6b', '#ff8a5c'],
  frame: ['#c792ff', '#8a5cd6', '#e3c9ff', '#6b3fb8'],
  session: ['#7fa7ff', '#4f74d9', '#b9ceff'],
  rate: ['#ffe45c', '#c9a227', '#fff3ae'],
  room: ['#9fb4a8', '#6d8478'],
};

/** Names, stages and colours of the reasons, from what the server says about them. */
export class Reasons {
  constructor(table) {
    const used = new Map();
    this.byCode = new Map(table.map(([code, label, stage]) => {
      const nth = used.get(stage) ?? 0;
      used.set(stage, nth + 1);
      const colours = STAGES[stage] ?? ['#8ea3b4'];
      return [code, { code, label: label.replaceAll('_', ' '), stage, colour: shade(colours[nth % colours.length]) }];
    }));
  }

  of(code) {
    return this.byCode.get(code) ?? { code, label: `reason ${code}`, stage: '', colour: INK_DIM };
  }
}
