// Mouse, touch and keys: which squads are selected, where they are sent, what part of the map is shown. Calls what it is given; draws
// nothing and sends nothing itself.

/** A press that moved less than this is a click, in CSS pixels. */
const CLICK_PX = 7;
/** A squad is hit within this distance, in CSS pixels. */
const REACH_PX = { mouse: 20, touch: 30 };
const DOUBLE_MS = 350;

export class Controls {
  #canvas;
  #scene;
  #deeds;
  #pointers = new Map();
  #press = null;
  #lastKey = { key: '', at: 0 };

  /** `deeds`: { match(), select(mask, add), order(x, y), stop() }. */
  constructor(canvas, scene, deeds) {
    this.#canvas = canvas;
    this.#scene = scene;
    this.#deeds = deeds;
    canvas.addEventListener('pointerdown', (event) => this.#onDown(event));
    canvas.addEventListener('pointermove', (event) => this.#onMove(event));
    canvas.addEventListener('pointerup', (event) => this.#onUp(event));
    canvas.addEventListener('pointercancel', (event) => this.#onCancel(event));
    canvas.addEventListener('pointerleave', () => {
      scene.hover.squad = null;
    });
    canvas.addEventListener('contextmenu', (event) => event.preventDefault());
    canvas.addEventListener('wheel', (event) => this.#onWheel(event), { passive: false });
    window.addEventListener('keydown', (event) => this.#onKey(event));
  }

  #onDown(event) {
    const match = this.#deeds.match();
    this.#canvas.setPointerCapture(event.pointerId);
    const at = { x: event.clientX, y: event.clientY };
    this.#pointers.set(event.pointerId, at);
    if (match === null || this.#pointers.size > 1) {
      this.#release();
      return;
    }
    if (event.button === 2) {
      this.#order(at);
      return;
    }
    if (event.button !== 0) return;
    const kind = event.pointerType === 'mouse' ? 'mouse' : 'touch';
    this.#press = { from: at, kind, own: this.#squadAt(at, kind, true), add: event.shiftKey, moved: false };
  }

  #onMove(event) {
    const before = this.#pointers.get(event.pointerId);
    const at = { x: event.clientX, y: event.clientY };
    if (before === undefined) {
      this.#scene.hover.squad = this.#deeds.match() === null ? null : this.#squadAt(at, 'mouse', false);
      return;
    }
    if (this.#pointers.size === 2) this.#pinch(event.pointerId, before, at);
    this.#pointers.set(event.pointerId, at);
    const press = this.#press;
    if (press === null) return;
    press.moved ||= Math.hypot(at.x - press.from.x, at.y - press.from.y) > CLICK_PX;
    if (!press.moved) return;
    if (press.own !== null) {
      // From a squad to where it is to go: nothing to show but the end, on release.
    } else if (press.kind === 'touch') {
      this.#scene.camera.panBy(at.x - before.x, at.y - before.y);
    } else {
      this.#scene.hover.box = { x0: press.from.x, y0: press.from.y, x1: at.x, y1: at.y };
    }
  }

  #onUp(event) {
    const at = { x: event.clientX, y: event.clientY };
    this.#pointers.delete(event.pointerId);
    const press = this.#press;
    this.#release();
    if (press === null || this.#deeds.match() === null) return;
    const bit = press.own === null ? 0 : 1 << this.#deeds.match().indexOf(press.own);
    if (press.moved && press.own !== null) {
      this.#deeds.select(bit, false);
      this.#order(at);
    } else if (press.moved) {
      if (press.kind === 'mouse') this.#selectBox(press.from, at, press.add);
    } else if (press.own !== null) {
      this.#deeds.select(bit, press.add);
    } else {
      this.#order(at);
    }
  }

  #onCancel(event) {
    this.#pointers.delete(event.pointerId);
    this.#release();
  }

  #release() {
    this.#press = null;
    this.#scene.hover.box = null;
  }

  #onWheel(event) {
    event.preventDefault();
    this.#scene.camera.zoomAt(event.clientX, event.clientY, Math.exp(-event.deltaY * 0.0014));
  }

  #pinch(moved, before, at) {
    const other = [...this.#pointers].find(([id]) => id !== moved)[1];
    const spread = (one) => Math.max(10, Math.hypot(one.x - other.x, one.y - other.y));
    this.#scene.camera.panBy((at.x - before.x) / 2, (at.y - before.y) / 2);
    this.#scene.camera.zoomAt((at.x + other.x) / 2, (at.y + other.y) / 2, spread(at) / spread(before));
  }

  #onKey(event) {
    const match = this.#deeds.match();
    if (match === null || event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const twice = key === this.#lastKey.key && event.timeStamp - this.#lastKey.at < DOUBLE_MS && !event.repeat;
    this.#lastKey = { key, at: event.timeStamp };
    if (key >= '1' && key <= '3') {
      const index = Number(key) - 1;
      this.#deeds.select(1 << index, event.shiftKey);
      if (twice) this.#centre(match.slot * 3 + index);
    } else if (key === 'q' || key === ' ') {
      this.#deeds.select(0b111, false);
      if (twice) this.#centre(match.slot * 3);
    } else if (key === 's' || key === 'x') {
      this.#deeds.stop();
    } else if (event.key.startsWith('Arrow')) {
      const [dx, dy] = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
      this.#scene.camera.panBy(dx, dy);
    } else if (key === '+' || key === '-') {
      const { width, height } = this.#scene.size;
      this.#scene.camera.zoomAt(width / 2, height / 2, key === '+' ? 1.2 : 1 / 1.2);
    } else {
      return;
    }
    event.preventDefault();
  }

  #centre(id) {
    const squad = this.#scene.troops.get(id);
    if (squad !== undefined) this.#scene.camera.goTo(squad.x, squad.y);
  }

  #order({ x, y }) {
    this.#deeds.order(...this.#scene.camera.toWorld(x, y));
  }

  #selectBox(from, to, add) {
    const match = this.#deeds.match();
    let mask = 0;
    for (const squad of this.#scene.troops.squads) {
      if (!match.isOwn(squad.id)) continue;
      const [x, y] = this.#scene.camera.toScreen(squad.x, squad.y);
      const inside = x >= Math.min(from.x, to.x) && x <= Math.max(from.x, to.x) && y >= Math.min(from.y, to.y) && y <= Math.max(from.y, to.y);
      if (inside) mask |= 1 << match.indexOf(squad.id);
    }
    if (mask !== 0) this.#deeds.select(mask, add);
  }

  /** The nearest squad in reach; `own`: only own ones. */
  #squadAt({ x, y }, kind, own) {
    const match = this.#deeds.match();
    let best = { id: null, away: REACH_PX[kind] };
    for (const squad of this.#scene.troops.squads) {
      if (squad.down || (own && !match.isOwn(squad.id))) continue;
      const [px, py] = this.#scene.camera.toScreen(squad.x, squad.y);
      const away = Math.hypot(px - x, (py - 6 - y) * 0.9);
      if (away < best.away) best = { id: squad.id, away };
    }
    return best.id;
  }
}
