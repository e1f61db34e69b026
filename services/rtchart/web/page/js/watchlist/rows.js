/**
 * A list of any length of which only the rows around those in sight are in the document.
 *
 * All rows are of one height, the list's custom property `--row`; the list's `--rows` is the height of all. Rows that scroll
 * out become others, but for the one that has the focus, or gets it with Tab: it stays where it is in the order.
 */

import { onFrame } from "../lib/frame.js";
import { scrollFor, sight, span } from "./place.js";

/** @import { Place } from "./place.js" */

/**
 * @template V what a row shows
 * @template {{ item: HTMLElement, link: HTMLElement }} R a row: what is in the list, and what of it takes the focus
 */
export class VirtualRows {
  /** @type {readonly V[]} */
  #values = [];
  /** @type {Map<string, number>} where each value is */
  #places = new Map();
  /** @type {Map<string, { row: R, value: V, at: number }>} what is in the document */
  #shown = new Map();
  /** @type {R[]} rows for later */
  #spare = [];
  /** The value whose row Tab leads to. */
  #stop = "";
  #scroll = 0;
  #height = 0;
  #row = 1;

  /**
   * @param {HTMLElement} list what scrolls
   * @param {object} wiring
   * @param {(value: V) => string} wiring.keyOf
   * @param {() => R} wiring.make
   * @param {(row: R, value: V) => void} wiring.bind have a row show another value
   * @param {() => void} wiring.onMove other rows are in sight
   */
  constructor(list, { keyOf, make, bind, onMove }) {
    this.list = list;
    this.keyOf = keyOf;
    this.make = make;
    this.bind = bind;
    this.onMove = onMove;
    list.addEventListener("scroll", () => {
      this.#scroll = list.scrollTop; // the layout is known here, later it may have to be worked out for it
      onFrame(this, () => this.#render());
    });
    list.addEventListener("focusin", ({ target }) => {
      for (const [key, { row }] of this.#shown) if (row.link === target) this.stop = key;
    });
    new ResizeObserver(() => {
      this.#measure();
      this.#render();
    }).observe(list);
    this.#measure();
  }

  get values() {
    return this.#values;
  }

  /** Rows of values that stay are kept, and so is the focus. */
  set values(values) {
    this.#values = values;
    this.#places = new Map(values.map((value, at) => [this.keyOf(value), at]));
    this.#fit();
    this.#render();
  }

  /** The values in sight; none when the list is not. */
  get inSight() {
    const { first, end } = sight(this.place);
    return this.#height ? this.#values.slice(first, end) : [];
  }

  /** What is in the document, in no order. */
  get shown() {
    return this.#shown.values();
  }

  /** @returns {Place} */
  get place() {
    return { scroll: this.#scroll, height: this.#height, row: this.#row, count: this.#values.length };
  }

  /** @param {string} key the value whose row Tab leads to, as long as there is such a one */
  set stop(key) {
    if (key === this.#stop) return;
    this.#stop = key;
    this.#render();
  }

  /** The place of the row that has the focus; -1: none has. */
  get focused() {
    for (const { row, at } of this.#shown.values()) if (row.link === document.activeElement) return at;
    return -1;
  }

  /**
   * Where the value of this key is; -1: nowhere.
   * @param {string} key
   */
  indexOf(key) {
    return this.#places.get(key) ?? -1;
  }

  /** @param {number} at */
  reveal(at) {
    this.scrollTo(scrollFor(at, this.place));
  }

  /** @param {number} top in px */
  scrollTo(top) {
    if (top === this.#scroll) return;
    this.list.scrollTop = top;
    this.#scroll = this.list.scrollTop;
    this.#render();
  }

  /** @param {number} at */
  focus(at) {
    const value = this.#values[at];
    if (value === undefined) return;
    this.stop = this.keyOf(value); // which puts it into the document, wherever it is
    this.#shown.get(this.keyOf(value))?.row.link.focus({ preventScroll: true });
    this.reveal(at); // when the row that had the focus may go
  }

  #measure() {
    this.#height = this.list.clientHeight;
    this.#row = parseFloat(getComputedStyle(this.list).getPropertyValue("--row")) || 1;
    this.#fit();
  }

  /** Have the list scroll as far as all rows reach. */
  #fit() {
    const whole = `${this.#values.length * this.#row}px`;
    if (this.list.style.getPropertyValue("--rows") !== whole) this.list.style.setProperty("--rows", whole);
  }

  #render() {
    const lost = this.#clear();
    const wanted = this.#wanted();
    const stop = this.#values[Math.max(0, this.indexOf(this.#stop))];
    const rows = wanted.map((at) => {
      const value = /** @type {V} */ (this.#values[at]);
      const row = this.#at(value, at);
      const tab = value === stop ? 0 : -1;
      if (row.link.tabIndex !== tab) row.link.tabIndex = tab;
      return row;
    });
    arrange(
      this.list,
      rows.map(({ item }) => item),
    );
    if (lost >= 0) this.focus(Math.min(lost, this.#values.length - 1));
    onFrame(this.onMove, this.onMove);
  }

  /** The places that are to be in the document, in their order. */
  #wanted() {
    const { first, end } = span(this.place);
    const wanted = Array.from({ length: end - first }, (_, number) => first + number);
    const stop = this.#values.length ? Math.max(0, this.indexOf(this.#stop)) : -1;
    if (stop >= end) wanted.push(stop);
    else if (stop >= 0 && stop < first) wanted.unshift(stop);
    return wanted;
  }

  /**
   * Take out of the document what is not wanted there.
   * @returns {number} where the focus was, if it went with that; else -1
   */
  #clear() {
    const wanted = new Set(this.#wanted());
    let lost = -1;
    for (const [key, { row, at }] of this.#shown) {
      const now = this.#places.get(key);
      if (now !== undefined && wanted.has(now)) continue;
      if (row.link === document.activeElement) lost = at;
      row.item.remove();
      this.#shown.delete(key);
      this.#spare.push(row);
    }
    return lost;
  }

  /**
   * The row of a value, at its place.
   * @param {V} value
   * @param {number} at
   */
  #at(value, at) {
    const key = this.keyOf(value);
    const known = this.#shown.get(key);
    const row = known?.row ?? this.#spare.pop() ?? this.make();
    this.#shown.set(key, { row, value, at });
    if (!known) this.bind(row, value);
    const size = String(this.#values.length);
    if (row.item.ariaSetSize !== size) row.item.ariaSetSize = size;
    const position = String(at + 1);
    if (row.item.ariaPosInSet !== position) row.item.ariaPosInSet = position;
    const top = `translateY(${at * this.#row}px)`;
    if (row.item.style.transform !== top) row.item.style.transform = top;
    return row;
  }
}

/**
 * Put items into this order, for those who have the list read to them. The one with the focus is not moved: it would lose it.
 * @param {HTMLElement} list
 * @param {HTMLElement[]} items
 */
function arrange(list, items) {
  const fixed = items.findIndex((item) => item.contains(document.activeElement));
  /** @type {Node | null} */
  let next = items[fixed] ?? null;
  for (const item of items.slice(0, fixed < 0 ? items.length : fixed).reverse()) {
    if (item.nextSibling !== next || item.parentNode !== list) list.insertBefore(item, next);
    next = item;
  }
  if (fixed < 0) return;
  let before = /** @type {HTMLElement} */ (items[fixed]);
  for (const item of items.slice(fixed + 1)) {
    if (before.nextSibling !== item) list.insertBefore(item, before.nextSibling);
    before = item;
  }
}
