// The soldiers of each squad: how many stand, where each walks in the formation, which way it looks. The server knows squads only; the
// soldiers are our picture of them. Knows positions in units; nothing of drawing.

/** Soldiers of a squad at full strength. */
export const SOLDIERS = 6;
// Two ranks of three; x is forward.
const PLACES = [
  [0.72, 0],
  [0.6, -1.35],
  [0.6, 1.35],
  [-0.78, -0.68],
  [-0.78, 0.68],
  [-0.9, 1.95],
];
/** A squad that jumped farther than this was set to another place. */
const JUMP_UNITS = 6;

export class Troops {
  #squads = new Map();

  /** All squads that are on the map: { id, team, x, y, heading, strength, …, soldiers }. */
  get squads() {
    return this.#squads.values();
  }

  get(id) {
    return this.#squads.get(id);
  }

  clear() {
    this.#squads.clear();
  }

  /** Takes over the squads of this moment and moves their soldiers by `dt` seconds; `onFall(squad, soldier)` hears of each who falls. */
  step(squads, teamOf, dt, onFall) {
    const gone = new Set(this.#squads.keys());
    for (const seen of squads) {
      gone.delete(seen.id);
      const squad = this.#squads.get(seen.id) ?? this.#enter(seen);
      const jumped = Math.hypot(seen.x - squad.x, seen.y - squad.y) > JUMP_UNITS;
      const turn = shortTurn(seen.heading - squad.facing) * (1 - Math.exp(-dt * 7));
      const facing = jumped ? seen.heading : squad.facing + turn;
      Object.assign(squad, seen, { facing, team: teamOf(seen.id) });
      this.#muster(squad, jumped, onFall);
      for (const soldier of squad.soldiers) walk(squad, soldier, dt);
    }
    for (const id of gone) this.#squads.delete(id);
  }

  #enter(seen) {
    const squad = { ...seen, facing: seen.heading, soldiers: [] };
    this.#squads.set(seen.id, squad);
    return squad;
  }

  /** Lets soldiers fall or come in until their number fits the strength. */
  #muster(squad, jumped, onFall) {
    const wanted = squad.down ? 0 : Math.max(1, Math.ceil((squad.strength / 100) * SOLDIERS));
    while (squad.soldiers.length > wanted) onFall(squad, squad.soldiers.pop());
    if (jumped) for (const soldier of squad.soldiers) [soldier.x, soldier.y] = place(squad, soldier);
    while (squad.soldiers.length < wanted) {
      const index = squad.soldiers.length;
      const soldier = { index, x: 0, y: 0, side: 1, stride: index * 0.37, pace: 0, age: 0, haste: 6.5 + ((squad.id * 7 + index * 13) % 10) * 0.35 };
      [soldier.x, soldier.y] = place(squad, soldier);
      squad.soldiers.push(soldier);
    }
  }
}

/** The same turn between -π and π. */
export function shortTurn(angle) {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

function place(squad, soldier) {
  const [ahead, aside] = PLACES[soldier.index];
  const cos = Math.cos(squad.facing);
  const sin = Math.sin(squad.facing);
  // No rank is perfect.
  const sway = ((squad.id * 31 + soldier.index * 17) % 7) / 7 - 0.5;
  const forward = ahead + sway * 0.28;
  const sideways = aside - sway * 0.22;
  return [squad.x + forward * cos - sideways * sin, squad.y + (forward * sin + sideways * cos) * 0.88];
}

function walk(squad, soldier, dt) {
  const [x, y] = place(squad, soldier);
  const part = 1 - Math.exp(-dt * soldier.haste);
  const dx = (x - soldier.x) * part;
  const dy = (y - soldier.y) * part;
  soldier.x += dx;
  soldier.y += dy;
  const speed = dt > 0 ? Math.hypot(dx, dy) / dt : 0;
  soldier.pace += (speed - soldier.pace) * Math.min(1, dt * 10);
  soldier.stride += soldier.pace * dt * 1.15;
  soldier.age += dt;
  const ahead = Math.cos(squad.facing);
  if (Math.abs(ahead) > 0.15) soldier.side = ahead > 0 ? 1 : -1;
}
