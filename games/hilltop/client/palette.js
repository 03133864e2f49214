// The colours of Hilltop. Teams differ in brightness and hue for eyes that do not tell red from green, and in shape everywhere: Amber
// is round, Teal is pointed.

import { AMBER, TEAL } from './format.js';

export const TEAMS = {
  [AMBER]: { name: 'Amber', main: '#ffb238', light: '#ffe0a3', dark: '#8a4d08', ink: '#2b1703' },
  [TEAL]: { name: 'Teal', main: '#2fd6cf', light: '#b6fff6', dark: '#0a6670', ink: '#02262b' },
};

export const NEUTRAL = { main: '#d8d2c0', light: '#fffaf0', dark: '#6f6a5c', ink: '#24221c' };

export const SEA = '#0d1822';
export const PAPER = '#efe6d0';
export const SHADOW = 'rgba(5, 8, 10, 0.42)';
export const GOLD = '#ffe08a';

/** Serif of the map; the fonts are those of the device, because the game works without internet. */
export const MAP_FONT = '"Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", "URW Palladio L", Georgia, "DejaVu Serif", serif';

/** Colours of a holder: a team, or nobody. */
export const coloursOf = (holder) => TEAMS[holder] ?? NEUTRAL;
