// One match as this player knows it: the map, who plays, the timeline of what is seen, own squads, their selection and orders. Takes in
// decoded events; knows nothing of connections or drawing.

import { NOBODY, PHASE_PLAY, slotOf, SQUADS_PER_PLAYER } from './format.js';

/** All three squads. */
export const ALL_SQUADS = 0b111;
/** An order is done when the squad is this near to its place. */
const ARRIVED_UNITS = 1.8;
/** An order that the server has not taken up after this time is not shown any longer. */
const ORDER_START_MS = 1500;
/** After this long without a state the line may be down. */
const SILENCE_MAX_MS = 500;

export class Match {
  map;
  players = new Map(); // slot → { name, team }
  timeline;
  selected = ALL_SQUADS;
  orders = [null, null, null]; // { x, y, at_ms } of own squads

  constructor(map, timeline) {
    this.map = map;
    this.timeline = timeline;
  }

  get slot() {
    return this.map.slot;
  }

  get team() {
    return this.players.get(this.slot)?.team ?? this.#ownPlayer()?.team ?? 0;
  }

  get score() {
    return this.#ownPlayer()?.score ?? 0;
  }

  get playing() {
    return this.timeline.newest?.phase === PHASE_PLAY;
  }

  isOwn(squad) {
    return slotOf(squad) === this.slot;
  }

  indexOf(squad) {
    return squad % SQUADS_PER_PLAYER;
  }

  isSelected(squad) {
    return this.isOwn(squad) && (this.selected & (1 << this.indexOf(squad))) !== 0;
  }

  teamOf(squad) {
    const slot = slotOf(squad);
    return this.players.get(slot)?.team ?? this.timeline.newest?.players.find((player) => player.slot === slot)?.team ?? NOBODY;
  }

  nameOf(slot) {
    return this.players.get(slot)?.name ?? `Player ${slot + 1}`;
  }

  setRoster(players) {
    this.players = new Map(players.map(({ slot, team, name }) => [slot, { team, name }]));
  }

  /** Players with team and score, best first. */
  ranking() {
    const scores = this.timeline.newest?.players ?? [];
    return scores
      .map(({ slot, team, away, score }) => ({ slot, team, away, score, name: this.nameOf(slot), own: slot === this.slot }))
      .sort((a, b) => b.score - a.score || a.slot - b.slot);
  }

  /** Shows an order at once, before the server has heard of it. */
  order(mask, x, y, now) {
    for (let i = 0; i < SQUADS_PER_PLAYER; i += 1) if (mask & (1 << i)) this.orders[i] = { x, y, at_ms: now };
  }

  stop(mask) {
    for (let i = 0; i < SQUADS_PER_PLAYER; i += 1) if (mask & (1 << i)) this.orders[i] = null;
  }

  /** Takes orders off that are done or void. Nothing is known of them while the server is silent: they may still be on their way. */
  settleOrders(squads, now) {
    if (this.timeline.silence_ms(now) > SILENCE_MAX_MS) return;
    for (const squad of squads) {
      if (!this.isOwn(squad.id)) continue;
      const order = this.orders[this.indexOf(squad.id)];
      if (order === null) continue;
      const arrived = Math.hypot(order.x - squad.x, order.y - squad.y) < ARRIVED_UNITS;
      const waited = now - order.at_ms > ORDER_START_MS;
      if (squad.down || (arrived && waited) || (!squad.moving && waited)) this.orders[this.indexOf(squad.id)] = null;
    }
  }

  #ownPlayer() {
    return this.timeline.newest?.players.find((player) => player.slot === this.slot);
  }
}
