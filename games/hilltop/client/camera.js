// Which part of the map is on the screen: fits the whole map where it is large enough to play on, else follows the player's wish.
// Owns the transform between units and CSS pixels; knows nothing of what is drawn.

/** A map below this many pixels a unit is too small to play on: part of it is shown then. */
const PLAYABLE_SCALE = 4.9;
/** Beyond this the painted land is too coarse. */
const SCALE_MAX = 24;
/** Sea that may be seen around the map, in units. */
const BORDER = 3;

export class Camera {
  /** CSS pixels a unit. */
  scale = 1;
  x = 0;
  y = 0;
  #map = { width: 160, height: 100 };
  #screen = { width: 1, height: 1, top: 0, bottom: 0 };
  #zoom = 1;
  #goal = null;

  setMap({ width, height }) {
    this.#map = { width, height };
    this.x = width / 2;
    this.y = height / 2;
    this.#settle();
  }

  /** `top` and `bottom` are covered by the display. */
  setScreen(screen) {
    this.#screen = screen;
    this.#settle();
  }

  /** Whether all of the map is on the screen. */
  get showsAll() {
    return this.scale <= this.#fitScale() * 1.02;
  }

  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.#screen.width / 2, (y - this.y) * this.scale + this.#middle()];
  }

  toWorld(px, py) {
    return [(px - this.#screen.width / 2) / this.scale + this.x, (py - this.#middle()) / this.scale + this.y];
  }

  /** The part of the map on the screen, in units. */
  get window() {
    const [left, top] = this.toWorld(0, this.#screen.top);
    const [right, bottom] = this.toWorld(this.#screen.width, this.#screen.height - this.#screen.bottom);
    return { left, top, right, bottom };
  }

  /** Zooms around a point of the screen. */
  zoomAt(px, py, factor) {
    this.#goal = null;
    const [x, y] = this.toWorld(px, py);
    this.#zoom *= factor;
    this.#settle();
    const [nowX, nowY] = this.toWorld(px, py);
    this.#move(this.x + x - nowX, this.y + y - nowY);
  }

  panBy(dx, dy) {
    this.#goal = null;
    this.#move(this.x - dx / this.scale, this.y - dy / this.scale);
  }

  /** Glides to a place. */
  goTo(x, y) {
    this.#goal = { x, y };
  }

  jumpTo(x, y) {
    this.#goal = null;
    this.#move(x, y);
  }

  /** Moves on by `dt` seconds. */
  step(dt) {
    if (this.#goal === null) return;
    const part = 1 - Math.exp(-dt * 9);
    const { x, y } = this;
    this.#move(x + (this.#goal.x - x) * part, y + (this.#goal.y - y) * part);
    if (Math.hypot(this.x - x, this.y - y) < 0.01) this.#goal = null;
  }

  #settle() {
    const fit = this.#fitScale();
    const least = Math.max(fit, Math.min(PLAYABLE_SCALE, fit * 3));
    this.#zoom = Math.max(fit / least, Math.min(Math.max(1, SCALE_MAX / least), this.#zoom));
    this.scale = least * this.#zoom;
    this.#move(this.x, this.y);
  }

  #fitScale() {
    const { width, height, top, bottom } = this.#screen;
    return Math.max(0.5, Math.min(width / (this.#map.width + BORDER * 2), (height - top - bottom) / (this.#map.height + BORDER * 2)));
  }

  #move(x, y) {
    const { width, height, top, bottom } = this.#screen;
    this.x = within(x, this.#map.width, width / this.scale);
    this.y = within(y, this.#map.height, (height - top - bottom) / this.scale);
  }

  #middle() {
    return this.#screen.top + (this.#screen.height - this.#screen.top - this.#screen.bottom) / 2;
  }
}

function within(at, size, shown) {
  if (shown >= size + BORDER * 2) return size / 2;
  return Math.max(shown / 2 - BORDER, Math.min(size + BORDER - shown / 2, at));
}
