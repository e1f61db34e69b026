/** What is in sight of a chart: where its right edge is, what moves it, and that drawing does not. */

import { barTime } from "./bars.js";

/** @import { ITimeScaleApi, Time } from "lightweight-charts" */

/** When fewer bars than this are left of what is seen, more are wanted. */
const AHEAD = 120;
/** Pixels between bars at first. */
export const BAR_SPACING = 8;
/** Places that are left free beside the newest candle. */
export const RIGHT = 6;

/** Where the right edge is: so many places right of the bar of a time. @typedef {{ time: Time, beyond: number }} Edge */

export class Sight {
  /** Whether all is being drawn anew: what is in sight meanwhile is nothing to go by. */
  #drawing = false;
  /** @type {number | null} the time that was gone to, until the library has moved there */
  #centred = null;

  /**
   * @param {ITimeScaleApi<Time>} scale
   * @param {() => number | undefined} newest open time of the newest candle that is drawn (ms)
   * @param {(wanted: { older: boolean, newer: boolean }) => void} onMove others are in sight: which will soon be wanted
   */
  constructor(scale, newest, onMove) {
    this.scale = scale;
    this.newest = newest;
    this.onMove = onMove;
    scale.subscribeVisibleLogicalRangeChange(() => this.#moved());
  }

  /** How many places the time scale has. */
  get #count() {
    const newest = this.newest();
    return newest === undefined ? 0 : (this.scale.timeToIndex(barTime(newest), true) ?? 0) + 1;
  }

  /** Whether the newest candle is beyond the right edge. */
  get isPast() {
    return this.newest() !== undefined && this.scale.scrollPosition() < -1;
  }

  /** The times (ms) of the first and the last place in sight. */
  get times() {
    const range = this.scale.getVisibleRange();
    return range && { from: Number(range.from) * 1000, to: Number(range.to) * 1000 };
  }

  /**
   * Draw other candles; what is in sight stays.
   * @param {() => void} drawing
   */
  keep(drawing) {
    const edge = this.#edge();
    this.#drawing = true;
    try {
      drawing();
    } finally {
      this.#drawing = false;
    }
    if (this.#centred !== null) this.centre(this.#centred);
    else if (edge) this.#hold(edge);
    else this.#moved();
  }

  /**
   * Draw the same candles in another way, though a series comes and goes; what is in sight stays.
   * @param {() => void} drawing
   */
  redraw(drawing) {
    const position = this.scale.scrollPosition();
    drawing();
    if (this.newest() !== undefined) this.scale.scrollToPosition(position, false);
  }

  /** Show the newest candles, at the usual width. */
  toNow() {
    this.#centred = null;
    this.scale.applyOptions({ barSpacing: BAR_SPACING });
    this.scale.scrollToPosition(RIGHT, false); // at once: what the library would glide to, the next candle that comes stops
  }

  /**
   * Show what is around a time (ms).
   * @param {number} time
   */
  centre(time) {
    const at = this.scale.timeToIndex(barTime(time), true);
    const range = this.scale.getVisibleLogicalRange();
    if (at === null || !range) return;
    const half = (range.to - range.from) / 2;
    this.#centred = time; // the library moves in the next frame
    this.scale.setVisibleLogicalRange({ from: at - half, to: at + half });
  }

  /**
   * Move so far that a time (ms) is in sight.
   * @param {number} time
   */
  reveal(time) {
    const at = this.scale.timeToIndex(barTime(time), true);
    const range = this.scale.getVisibleLogicalRange();
    if (at === null || !range) return;
    if (at < range.from + 1) this.scroll(at - range.from - 1);
    else if (at > range.to - 1) this.scroll(at - range.to + 1);
  }

  /**
   * Move by this many bars, to newer ones when positive.
   * @param {number} bars
   */
  scroll(bars) {
    this.scale.scrollToPosition(this.scale.scrollPosition() + bars, false);
  }

  /**
   * Show this many times as much, around the right edge.
   * @param {number} factor
   */
  zoom(factor) {
    this.scale.applyOptions({ barSpacing: Math.max(0.5, this.scale.options().barSpacing / factor) });
  }

  /** The right edge while the newest candle is beyond it; else the library keeps that one where it is. @returns {Edge | null} */
  #edge() {
    const time = this.isPast ? this.scale.getVisibleRange()?.to : undefined;
    const at = time === undefined ? null : this.scale.timeToIndex(time, true);
    const to = this.scale.getVisibleLogicalRange()?.to;
    return time === undefined || at === null || to === undefined ? null : { time, beyond: to - at };
  }

  /**
   * Have the right edge where it was. The library does so alone for what is added on the left; what is added elsewhere it takes
   * for new bars on the right, and moves no further than the bars before them reach.
   * @param {Edge} edge
   */
  #hold({ time, beyond }) {
    const at = this.scale.timeToIndex(time, true);
    const position = at === null ? null : at + beyond - (this.#count - 1);
    if (position === null || Math.abs(position - this.scale.scrollPosition()) < 1e-6) this.#moved();
    else this.scale.scrollToPosition(position, false); // in the next frame, before it is painted; which is a move
  }

  #moved() {
    const range = this.scale.getVisibleLogicalRange();
    if (!range || this.#drawing) return;
    this.#centred = null;
    this.onMove({ older: range.from < AHEAD, newer: range.to > this.#count - AHEAD });
  }
}
