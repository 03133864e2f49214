// A room for tests: what a mirror would hold after packets that say so, without packets.

import { Interpolation } from '../../../../sdk/js/interpolate.js';
import { schema } from '../sync.schema.js';
import { SNAP_UNITS, Timeline } from '../timeline.js';

/** Takes { tick, entities } in place of packets: each a kind, an id, and fields that are as before where they are left out. */
class Told {
  tick = null;
  entities = new Map();
  left = [];

  take({ tick, entities }) {
    if (this.tick !== null && tick <= this.tick) return false;
    this.tick = tick;
    const before = this.entities;
    this.entities = new Map(entities.map((told) => [told.id, Object.assign(before.get(told.id) ?? { valueAt: (name) => told[name] }, told)]));
    this.left = [...before].filter(([id]) => !this.entities.has(id)).map(([, entity]) => entity);
    return true;
  }
}

export const timeline = () => new Timeline(new Told(), new Interpolation(schema, { hz: 20, snap: SNAP_UNITS }));

export const squad = (number, more = {}) => ({
  id: number + 100, kind: 'squad', number, x: 10, y: 10, heading: 0, strength: 100, moving: 1, firing: 0, down: 0, on_hill: 0, target: 48, ...more,
});
export const player = (slot, more = {}) => ({ id: slot + 10, kind: 'player', slot, team: 0, away: 0, score: 0, ...more });
export const hill = (number, more = {}) => ({ id: number + 1, kind: 'hill', number, control: 100, contested: 0, holder: 2, ...more });
export const round = (more = {}) => ({ id: 0, kind: 'round', phase: 0, seconds: 300, amber: 0, teal: 0, ...more });
