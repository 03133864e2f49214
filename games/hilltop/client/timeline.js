// What the room looked like at a moment, from the packets of its scene: the newest numbers as plain objects, and squads as they are to be drawn, a little
// behind the server so that there is usually a packet on either side. Owns the meaning of sync.toml's fields; decoding and blending are the
// client library's, given as `mirror` and `picture`. `now` is an argument.

import { NOBODY, NO_SQUAD, SQUADS_MAX } from './format.js';

/** A squad that is farther away than it could walk in the time was put there: it is not seen on its way. */
export const SNAP_UNITS = 3;
const TEAMS = 2;
const STRENGTH_MAX = 100;

export class Timeline {
  #mirror;
  #picture;
  #newest = null;
  /** OwnSquads, or null: the own squads are drawn like all others. */
  own;
  #squads = []; // entities, in the order of the newest state's squads
  #heardAt_ms = -Infinity;

  /** `mirror`: a Mirror of the room's scene; `picture`: an Interpolation of the same schema; `own`: the player's squads ahead of both. */
  constructor(mirror, picture, own = null) {
    this.#mirror = mirror;
    this.#picture = picture;
    this.own = own;
  }

  /** Newest tick, or null. */
  get tick() {
    return this.#mirror.tick;
  }

  /** Newest state, or null: { phase, secondsLeft, points, hills, players, squads }. */
  get newest() {
    return this.#newest;
  }

  /** How long ago the newest packet arrived. */
  silence_ms(now) {
    return now - this.#heardAt_ms;
  }

  /** A packet arrived. False: it is not newer than the newest. Throws the mirror's error, and nothing is changed. */
  take(now, data) {
    if (!this.#mirror.take(data)) return false;
    this.#heardAt_ms = now;
    this.#picture.push(now, this.#mirror);
    this.#newest = this.#read();
    this.own?.heard(now, this.#mirror, this.#newest);
    return true;
  }

  /** Squads as they are to be drawn at `now`: { state, squads }; null before the first packet. */
  at(now) {
    if (this.#picture.show(now) === null) return null;
    const squads = this.#squads.map((entity, i) => this.#draw(entity, this.#newest.squads[i]));
    this.own?.draw(now, squads);
    return { state: this.#newest, squads };
  }

  // When packets stay away the picture goes on in a straight line, but nobody is stronger than whole or weaker than down.
  #draw(entity, squad) {
    const drawn = this.#picture.read(entity, { ...squad });
    drawn.strength = Math.min(STRENGTH_MAX, Math.max(0, drawn.strength));
    return drawn;
  }

  #read() {
    const state = { phase: 0, secondsLeft: 0, points: [0, 0], hills: [], players: [], squads: [] };
    this.#squads = [];
    for (const entity of this.#mirror.entities.values()) READERS[entity.kind](state, entity, this.#squads);
    return state;
  }
}

const READERS = {
  round: (state, { phase, seconds, amber, teal }) => Object.assign(state, { phase, secondsLeft: seconds, points: [amber, teal] }),
  hill: (state, { number, control, contested, holder }) => {
    state.hills[number] = { control, contested: contested === 1, holder: holder < TEAMS ? holder : NOBODY };
  },
  player: (state, { slot, team, away, score }) => state.players.push({ slot, team, away: away === 1, score }),
  squad: (state, entity, squads) => {
    const { number, x, y, heading, strength, moving, firing, down, on_hill: onHill, target } = entity;
    squads.push(entity);
    state.squads.push({
      id: number, x, y, heading, strength,
      moving: moving === 1, firing: firing === 1, down: down === 1, onHill: onHill === 1,
      target: target < SQUADS_MAX ? target : NO_SQUAD,
    });
  },
};
