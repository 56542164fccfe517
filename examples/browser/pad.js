// @ts-check
// The pad: strokes by mouse, touch or pen, and by keys, which set the corners of a line.

/** @typedef {[x: number, y: number]} Point From 0 to 1. */

/** How far a key moves the cursor. */
const KEY_STEP = 0.05;

/** @type {Readonly<Record<string, Point>>} */
const MOVES = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export class Pad {
  /** @type {Point[][]} */
  strokes = [];
  /** @type {Point} */
  #cursor = [0.5, 0.5];
  /** The stroke that is being drawn: by which pointer, or by the keys. @type {number | "keys" | null} */
  #drawing = null;
  #isFinished = false;

  /**
   * @param {HTMLElement} element
   * @param {(isOver: boolean) => void} changed after every change; whether it ended a stroke
   */
  constructor(element, changed) {
    this.element = element;
    this.changed = changed;
    element.tabIndex = 0;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel"]) {
      element.addEventListener(type, (event) => this.#up(/** @type {PointerEvent} */ (event)));
    }
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("blur", () => this.#lift());
    this.#draw();
  }

  /** The next stroke begins another drawing. */
  finish() {
    this.#lift();
    this.#isFinished = true;
  }

  undo() {
    this.#set(this.strokes.slice(0, -1));
  }

  clear() {
    this.#set([]);
  }

  /** @param {readonly (readonly (readonly [number, number])[])[]} strokes */
  show(strokes) {
    this.#set(strokes.map((stroke) => stroke.map(([x, y]) => [x, y])));
  }

  /** @param {Point[][]} strokes */
  #set(strokes) {
    this.strokes = strokes;
    this.#drawing = null;
    this.#isFinished = false;
    this.#draw();
    this.changed(true);
  }

  /** @param {Point} point @param {number | "keys"} by */
  #begin(point, by) {
    if (this.#isFinished) this.strokes = [];
    this.#isFinished = false;
    this.#drawing = by;
    this.strokes.push([point]);
  }

  #lift() {
    if (this.#drawing === null) return;
    this.#drawing = null;
    this.#draw();
    this.changed(true);
  }

  /** @param {PointerEvent} event @returns {Point} */
  #pointOf({ clientX, clientY }) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    const within = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));
    return [within((clientX - left) / width), within((clientY - top) / height)];
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || typeof this.#drawing === "number") return;
    this.#lift();
    this.element.classList.remove("by-keys");
    this.element.setPointerCapture(event.pointerId);
    this.#begin(this.#pointOf(event), event.pointerId);
    this.#draw();
    this.changed(false);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerId !== this.#drawing) return;
    // A browser calls once a frame; the pen has been at more places. Some, that are not asked securely, do not tell.
    const events = event.getCoalescedEvents?.() ?? [];
    const points = (events.length > 0 ? events : [event]).map((each) => this.#pointOf(each));
    this.strokes[this.strokes.length - 1].push(...points);
    this.#draw();
    this.changed(false);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (event.pointerId === this.#drawing) this.#lift();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey || typeof this.#drawing === "number") return;
    const move = MOVES[key];
    if (move) {
      this.#cursor = /** @type {Point} */ (
        this.#cursor.map((value, axis) => {
          const moved = Math.round((value + move[axis] * KEY_STEP) / KEY_STEP) * KEY_STEP;
          return Math.min(1 - KEY_STEP, Math.max(KEY_STEP, moved));
        })
      );
    } else if (key === " ") {
      if (this.#drawing === null) this.#begin([...this.#cursor], "keys");
      else this.strokes[this.strokes.length - 1].push([...this.#cursor]);
    } else if (key === "Backspace") {
      this.undo();
    } else if (key !== "Enter" && key !== "Escape") {
      return;
    }
    event.preventDefault();
    this.element.classList.add("by-keys");
    if (key === "Enter" || key === "Escape") this.#lift();
    this.#draw();
    if (key === " ") this.changed(false);
  }

  #draw() {
    const part = (/** @type {string} */ name) => /** @type {Element} */ (this.element.querySelector(`.${name}`));
    part("ink").setAttribute("d", pathOf(this.strokes));
    const corner = this.#drawing === "keys" ? this.strokes.at(-1)?.at(-1) : undefined;
    part("band").setAttribute("d", corner ? pathOf([[corner, this.#cursor]]) : "");
    const [x, y] = this.#cursor;
    part("cursor").setAttribute("cx", `${100 * x}`);
    part("cursor").setAttribute("cy", `${100 * y}`);
    part("cursor").classList.toggle("is-down", corner !== undefined);
  }
}

/**
 * Strokes as the path of an SVG of 100 by 100. A line to where it began draws a dot.
 *
 * @param {readonly (readonly (readonly [number, number])[])[]} strokes
 */
export function pathOf(strokes) {
  const pair = (/** @type {readonly [number, number]} */ [x, y]) => `${(100 * x).toFixed(2)} ${(100 * y).toFixed(2)}`;
  return strokes.map((stroke) => `M${pair(stroke[0])}L${stroke.map(pair).join(" ")}`).join("");
}
