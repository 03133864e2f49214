// Colours with a meaning: teal is the honest players' side, warm colours are what was refused. Neighbours in a stack differ in brightness
// as well as in hue, for eyes that do not tell red from green; the legend names each.

export const CALM = '#2fd6cf';
export const CALM_FAINT = '#8fb8ff';
export const WARN = '#ffb238';
export const ALARM = '#ff5d5d';
export const INK = '#e6eef5';
export const INK_DIM = '#8ea3b4';
export const GRID = 'rgba(142, 163, 180, 0.13)';
export const CARD = '#101a23';
export const ATTACK = '#ff7a59';

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
      return [code, { code, label: label.replaceAll('_', ' '), stage, colour: colours[nth % colours.length] }];
    }));
  }

  of(code) {
    return this.byCode.get(code) ?? { code, label: `reason ${code}`, stage: '', colour: INK_DIM };
  }
}
