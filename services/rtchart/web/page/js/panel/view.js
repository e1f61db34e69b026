/** One chart and the timeline that it draws. Knows nothing of the page around it. */

import { Chart } from "../chart/chart.js";
import { afterPaint, onFrame } from "../lib/frame.js";
import { Timeline } from "./timeline.js";

/** @import { Candle, CandleMessage, Frame, Gap, View } from "../client/protocol.js" */
/** @import { Band } from "../candles/bands.js" */
/** @import { Condition } from "../candles/completeness.js" */
/** @import { Change } from "../client/store.js" */
/** @import { Source, State } from "./timeline.js" */

/**
 * What lies under the pointer: its time (ms), its price, and where it is in the container (pixels).
 * @typedef {{ openTime: number, price: number | undefined, x: number, y: number }} Place
 */

/**
 * @typedef {object} Handlers
 * @property {(candle: Candle | undefined, before: Candle | undefined, condition: Condition) => void} onCandle the candle to
 *   describe, and the one before it
 * @property {(gaps: Gap[], fetching: boolean) => void} onGaps `fetching`: the past of the symbol is on its way
 * @property {(state: State, detail?: string) => void} onState
 * @property {(message: CandleMessage, frame: Frame) => void} onDrawn a live candle was handed to the chart
 * @property {(place: Place | null) => void} onHover
 * @property {(candle: Candle, end: boolean) => void} onStep the crosshair was led to this one; `end`: none is beyond it
 * @property {() => void} onMove other candles may be in sight
 */

/** The moment at which the page's first chart was painted, for who measures it. */
const FIRST = "rtchart:first-chart";

function markFirst() {
  if (!performance.getEntriesByName(FIRST).length) performance.mark(FIRST);
}

export class ChartView {
  /** @type {View | null} */
  shown = null;
  /** @type {Timeline | null} */
  timeline = null;
  /** @type {Band[]} what is shaded */
  bands = [];
  /** @type {number | null} */
  #hovered = null;
  /** @type {string | null | undefined} */
  #tickSize;
  /** Whether the crosshair is led by keys. */
  #led = false;
  /** Whether everything is drawn anew in the next frame. */
  #stale = false;

  /**
   * @param {HTMLElement} container
   * @param {Source} source
   * @param {Handlers} handlers
   */
  constructor(container, source, handlers) {
    this.source = source;
    this.handlers = handlers;
    this.chart = new Chart(container, {
      onMove: (range) => {
        if (range.older) void this.timeline?.older();
        if (range.newer) void this.timeline?.newer();
        if (this.#led) this.#lead();
        handlers.onMove();
      },
      onHover: (place) => {
        if (!place && this.#led) return; // what moved away from under it is followed
        this.#hovered = place?.openTime ?? null;
        this.#led = false;
        handlers.onHover(place);
        this.#describe();
      },
    });
  }

  get store() {
    return this.timeline?.store;
  }

  /** @returns {readonly Candle[]} */
  get candles() {
    return this.store?.candles ?? [];
  }

  get gaps() {
    return this.timeline?.gaps ?? [];
  }

  get precision() {
    return this.timeline?.precision ?? 2;
  }

  /**
   * Show another symbol or interval.
   * @param {View} view
   * @param {string | null} [tickSize] the smallest step of its price, where it is known
   */
  show(view, tickSize) {
    this.timeline?.close();
    this.shown = view;
    this.#tickSize = tickSize;
    this.leave();
    this.#hovered = null;
    this.timeline = new Timeline(view, tickSize, this.source, {
      onSnapshot: (first) => {
        this.#draw();
        if (first) this.chart.sight.toNow();
        if (first) afterPaint(markFirst);
        this.#describe();
      },
      onCandle: (candle, change) => this.#one(candle, change),
      onNews: () => this.#drawSoon(),
      onState: this.handlers.onState,
      onLive: this.handlers.onDrawn,
      forgets: () => !this.chart.sight.isPast,
    });
    this.chart.clear(view.interval);
    this.handlers.onState("loading");
    this.#shade();
    this.#describe();
    this.timeline.follow();
  }

  close() {
    this.timeline?.close();
    this.timeline = null; // what is on its way finds nothing to draw
    this.chart.close();
  }

  /**
   * Have it drawn in another way.
   * @param {(chart: Chart) => void} change
   */
  redraw(change) {
    this.chart.redraw(() => {
      change(this.chart);
      this.#draw();
    });
  }

  /**
   * Show the candles around a time (ms). Whether there are any; raises what the API raises.
   * @param {number} time
   */
  async goTo(time) {
    const { timeline } = this;
    if (time >= this.source.now()) {
      this.toNow();
      return true;
    }
    const there = await timeline?.reach(time);
    if (timeline !== this.timeline || !there) return false;
    this.#draw();
    this.chart.sight.centre(time);
    return true;
  }

  /** Show the newest candles. */
  toNow() {
    if (this.timeline?.away && this.shown) this.show(this.shown, this.#tickSize);
    else this.chart.sight.toNow();
  }

  /** Whether the newest candle is not in sight. */
  get isPast() {
    return Boolean(this.timeline?.away) || this.chart.sight.isPast;
  }

  /** Open time (ms) of the candle that the crosshair is at. */
  get hovered() {
    return this.#hovered;
  }

  /** The candles that are in sight, oldest first. */
  get inSight() {
    const range = this.chart.sight.times;
    return range ? this.candles.filter(({ open_time }) => open_time >= range.from && open_time <= range.to) : [];
  }

  /**
   * The crosshair at a time (ms) that another chart has under its pointer; `null`: nowhere.
   * @param {number | null} time
   */
  point(time) {
    const { store } = this;
    const at = time === null || !store ? -1 : store.index(time + 1) - 1; // the candle that it lies in
    const candle = store?.candles[at];
    this.chart.point(candle?.open_time ?? null, Number(candle?.close));
    this.#hovered = candle?.open_time ?? null;
    this.#describe();
  }

  /**
   * Lead the crosshair to the next candle, at first to the newest in sight.
   * @param {1 | -1} by to a newer one when positive
   */
  step(by) {
    const { store } = this;
    const newest = this.inSight.at(-1);
    if (!store || !newest) return;
    // From where none is the next one is the one after it.
    const from = this.#hovered === null ? null : by > 0 ? store.index(this.#hovered + 1) - 1 : store.index(this.#hovered);
    const at = from === null ? store.index(newest.open_time) : from + by;
    const candle = store.candles[Math.min(Math.max(at, 0), store.candles.length - 1)];
    if (!candle) return;
    this.#led = true;
    this.#hovered = candle.open_time;
    this.#describe();
    this.chart.sight.reveal(candle.open_time);
    this.handlers.onStep(candle, !store.candles[at]);
    this.#lead();
  }

  /** Have no crosshair, if keys led it. */
  leave() {
    if (!this.#led) return;
    this.#led = false;
    this.point(null);
    this.handlers.onHover(null);
  }

  /** Put the crosshair where the candle is that keys led to: the library keeps its place, and moves candles in a frame. */
  #lead() {
    requestAnimationFrame(() => {
      if (!this.#led || this.#hovered === null) return;
      const candle = this.store?.at(this.#hovered);
      const place = candle ? this.chart.place(candle) : null;
      this.chart.point(place && place.openTime, Number(candle?.close));
      this.handlers.onHover(place);
    });
  }

  /**
   * One candle is new, or has changed.
   * @param {Candle} candle
   * @param {Change} change
   */
  #one(candle, change) {
    const { timeline } = this;
    if (!timeline) return;
    this.chart.axis.precision = timeline.precision;
    // A symbol's past comes in hundreds of candles at once: they are drawn together.
    if (change === "inserted" || this.#stale) this.#drawSoon();
    else {
      if (!this.chart.update(candle, timeline.condition(candle))) this.#drawSoon();
      if (change === "appended") this.#shade();
    }
    this.#describe();
  }

  #draw() {
    const { timeline } = this;
    this.#stale = false;
    if (!timeline) return;
    const { coming } = timeline;
    this.chart.axis.precision = timeline.precision;
    this.chart.draw(timeline.store, (candle) => timeline.condition(candle, coming));
    this.#shade();
  }

  #drawSoon() {
    this.#stale = true;
    onFrame(this.chart, () => {
      if (!this.#stale) return;
      this.#draw();
      this.#describe();
    });
  }

  #shade() {
    const { timeline } = this;
    if (!timeline) return;
    this.bands = timeline.bands();
    this.chart.shade(this.bands);
    this.handlers.onGaps(timeline.gaps, timeline.coming !== null);
  }

  #describe() {
    onFrame(this, () => {
      const { store, timeline } = this;
      if (!store || !timeline) return;
      const at = this.#hovered === null ? -1 : store.index(this.#hovered);
      const hovered = store.candles[at]?.open_time === this.#hovered;
      const place = hovered ? at : store.candles.length - 1;
      const candle = store.candles[place];
      this.handlers.onCandle(candle, store.candles[place - 1], candle ? timeline.condition(candle) : "whole");
    });
  }
}
