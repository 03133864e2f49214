// What the others look like at a moment: remembers entities as they were at the last packets and blends between them, a little behind the server
// so that there is usually a packet on either side. Owns the estimate of when a tick happens here. Knows nothing of packets and of drawing; `now`
// is an argument, in milliseconds.

/** Packets that are remembered of an entity. */
const KEEP = 24;
/** How far behind the newest tick the picture is, at most. */
export const DELAY_MAX_MS = 300;
/** A picture that is off by more than this is set right at once; else it runs up to this part slower or faster. */
const JUMP_MS = 400;
const BEND = 0.1;

export class Interpolation {
  #clock;
  #beyond;
  #snap;
  #kinds = new Map(); // name → { fields, angles, places }
  #tracks = new Map(); // entity → { ticks, values, count }
  #newest = null;
  #shown = -Infinity;

  /**
   * `schema` is that of the mirror, `hz` the room's. Fields of type `fixed` and `angle` are blended. Whoever is farther away than `snap` was put
   * there and is not seen on the way; no one is moved on for more than `beyond` ticks when packets stay away.
   */
  constructor(schema, { hz, beyond = 4, snap = Infinity }) {
    this.#clock = new PictureClock(1000 / hz);
    this.#beyond = beyond;
    this.#snap = snap;
    for (const { name, at, fields } of schema.kinds) {
      const smooth = fields.filter(({ type }) => type === 'fixed' || type === 'angle');
      this.#kinds.set(name, {
        fields: smooth.map((field) => field.name),
        angles: smooth.map(({ type }) => type === 'angle'),
        moves: smooth.map((field) => field.extrapolated),
        places: smooth.map((field) => at?.includes(field.name) ?? false),
      });
    }
  }

  /** How far behind the newest tick the picture is to be. */
  get delay_ms() {
    return this.#clock.delay_ms;
  }

  /** The mirror took a packet. */
  push(now, mirror) {
    // Ticks go round; here they go on.
    this.#newest = this.#newest === null ? mirror.tick : this.#newest + ((mirror.tick - this.#newest) | 0);
    this.#clock.heard(now, this.#newest);
    for (const entity of mirror.left) this.#tracks.delete(entity);
    for (const entity of mirror.entities.values()) this.#remember(entity);
  }

  /** The tick to draw at `now`, not a whole one; what `read` gives is from there. Null before the first packet. */
  show(now) {
    if (this.#newest === null) return null;
    this.#shown = this.#clock.show(now);
    return this.#shown;
  }

  /** Puts the blended fields of an entity into `out`, which is returned. */
  read(entity, out = {}) {
    const { fields, angles, moves, places } = this.#kinds.get(entity.kind);
    const track = this.#tracks.get(entity);
    const tick = Math.min(this.#shown, this.#newest + this.#beyond);
    const after = track === undefined ? -1 : find(track, tick);
    for (let i = 0; i < fields.length; i += 1) {
      const now = entity[fields[i]];
      if (now === undefined || after === -1) out[fields[i]] = now;
      else if (tick > this.#newest && moves[i]) out[fields[i]] = entity.valueAt(fields[i], tick);
      else out[fields[i]] = blend(track, after, fields.length, i, tick, angles[i]);
    }
    if (after !== -1 && this.#snap < Infinity && this.#jumped(track, after, fields.length, places)) {
      for (let i = 0; i < fields.length; i += 1) out[fields[i]] = track.values[after * fields.length + i];
    }
    return out;
  }

  #remember(entity) {
    const { fields } = this.#kinds.get(entity.kind);
    let track = this.#tracks.get(entity);
    if (track === undefined) {
      track = { ticks: new Float64Array(KEEP), values: new Float64Array(KEEP * fields.length), count: 0 };
      this.#tracks.set(entity, track);
    }
    if (track.count === KEEP) {
      track.ticks.copyWithin(0, 1);
      track.values.copyWithin(0, fields.length);
      track.count -= 1;
    }
    track.ticks[track.count] = this.#newest;
    for (let i = 0; i < fields.length; i += 1) track.values[track.count * fields.length + i] = entity[fields[i]] ?? 0;
    track.count += 1;
  }

  #jumped({ values }, after, width, places) {
    let square = 0;
    for (let i = 0; i < width; i += 1) {
      if (places[i] && after > 0) square += (values[after * width + i] - values[(after - 1) * width + i]) ** 2;
    }
    return square > this.#snap ** 2;
  }
}

// The first remembered packet at `tick` or later; when there is none, the newest.
function find({ ticks, count }, tick) {
  let at = count - 1;
  while (at > 0 && ticks[at - 1] >= tick) at -= 1;
  return at;
}

function blend({ ticks, values }, after, width, field, tick, isAngle) {
  const to = values[after * width + field];
  if (after === 0) return to;
  const from = values[(after - 1) * width + field];
  const part = (tick - ticks[after - 1]) / (ticks[after] - ticks[after - 1]);
  const way = isAngle ? shortTurn(to - from) : to - from;
  return from + way * part;
}

/** The same turn between -π and π. */
export function shortTurn(angle) {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

/** When ticks happen here, and which of them is in the picture. */
export class PictureClock {
  /** How far behind the newest tick the picture is to be: longer when packets are rare or uneven. */
  delay_ms;
  #tick_ms;
  #origin_ms = null; // local time of tick 0, if it had come without any delay
  #jitter_ms = 0;
  #gap_ms;
  #newest = null;
  #shown_ms = -Infinity; // the moment that was drawn last ...
  #shownAt_ms = 0; // ... and when

  constructor(tick_ms) {
    this.#tick_ms = tick_ms;
    this.#gap_ms = tick_ms;
    this.delay_ms = tick_ms * 1.5;
  }

  /** The packet of a tick arrived. The earliest arrivals say when a tick happens; later ones say how uneven the way is. */
  heard(now, tick) {
    const origin_ms = now - tick * this.#tick_ms;
    if (this.#newest !== null) this.#gap_ms += ((tick - this.#newest) * this.#tick_ms - this.#gap_ms) * 0.05;
    this.#newest = tick;
    if (this.#origin_ms === null || Math.abs(origin_ms - this.#origin_ms) > 2000) {
      this.#origin_ms = origin_ms;
      this.#jitter_ms = 0;
      return;
    }
    const late_ms = origin_ms - this.#origin_ms;
    // When all come later than before, the way has become longer for good.
    this.#origin_ms += late_ms < 0 ? late_ms * 0.25 : Math.min(late_ms, 20) * 0.01;
    this.#jitter_ms += (Math.max(0, late_ms) - this.#jitter_ms) * (late_ms > this.#jitter_ms ? 0.2 : 0.01);
    const wanted = Math.min(DELAY_MAX_MS, this.#gap_ms * 1.5 + this.#jitter_ms);
    this.delay_ms += (wanted - this.delay_ms) * 0.05;
  }

  /** The tick in the picture at `now`: runs a little faster or slower towards where it should be, never backwards, and jumps only when far off. */
  show(now) {
    const wanted_ms = now - this.#origin_ms - this.delay_ms;
    const passed_ms = now - this.#shownAt_ms;
    const off_ms = wanted_ms - (this.#shown_ms + passed_ms);
    const isNear = passed_ms >= 0 && Math.abs(off_ms) < JUMP_MS;
    const bend_ms = Math.max(-BEND * passed_ms, Math.min(BEND * passed_ms, off_ms));
    this.#shown_ms = isNear ? this.#shown_ms + passed_ms + bend_ms : wanted_ms;
    this.#shownAt_ms = now;
    return this.#shown_ms / this.#tick_ms;
  }
}
