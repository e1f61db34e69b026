/** The chart library, behind the few things that a view does with it. */

import { ColorType, CrosshairMode, HistogramSeries, createChart } from "lightweight-charts";
import { Axis } from "./axis.js";
import { barTime, volume } from "./bars.js";
import { compact } from "../lib/format.js";
import { Zone } from "../lib/zone.js";
import { isDaily, isSeconds } from "../client/interval.js";
import { Hatching } from "./hatching.js";
import { Lines } from "./lines.js";
import { Overlay } from "./overlay.js";
import { Prices } from "./prices.js";
import { Shading } from "./shading.js";
import { BAR_SPACING, RIGHT, Sight } from "./sight.js";

/** @import { Time } from "lightweight-charts" */
/** @import { Band } from "../candles/bands.js" */
/** @import { Condition } from "../candles/completeness.js" */
/** @import { Candle } from "../client/protocol.js" */
/** @import { Store } from "../client/store.js" */
/** @import { Chosen } from "../shell/menu.js" */
/** @import { Place } from "../panel/view.js" */
/** @import { Palette } from "../shell/theme.js" */

/** Pixels of the axis at least: it shall not widen with the first digit more. */
const AXIS = 76;

/**
 * @typedef {object} Handlers
 * @property {(wanted: { older: boolean, newer: boolean }) => void} onMove Others are in sight: which will soon be wanted.
 * @property {(place: Place | null) => void} onHover What is under the pointer; `null` for nothing.
 */

export class Chart {
  /** @type {Band[]} what is shaded */
  bands = [];
  /** @type {number | null} where the crosshair stands, in pixels from the left; `null` where there is none */
  crosshair = null;
  /** @type {Zone} in which times are written */
  #zone = new Zone();
  #interval = "1m";
  /** @type {Palette | null} */
  #palette = null;
  /** @type {Set<number>} open times of the candles marked because seconds of them are missing */
  #marked = new Set();
  /** One in each pane. */
  #shadings = /** @type {const} */ ([new Shading(true), new Shading(false)]);
  #hatching = new Hatching();

  /**
   * @param {HTMLElement} container
   * @param {Handlers} handlers
   */
  constructor(container, handlers) {
    this.chart = createChart(container, {
      autoSize: true,
      layout: {
        // The library's logo brings a style element of its own, which the page's policy refuses; the page shows the notice
        // and the link that the licence asks for itself.
        attributionLogo: false,
        fontFamily: getComputedStyle(container).fontFamily,
        fontSize: 11,
        panes: { enableResize: true },
      },
      crosshair: { mode: CrosshairMode.Normal },
      localization: { timeFormatter: (/** @type {Time} */ at) => this.#time(at) },
      rightPriceScale: { borderVisible: false, minimumWidth: AXIS },
      timeScale: { borderVisible: false, rightOffset: RIGHT, barSpacing: BAR_SPACING, minBarSpacing: 0.5 },
    });
    this.prices = new Prices(this.chart, [this.#shadings[0], this.#hatching]);
    this.volume = this.chart.addSeries(
      HistogramSeries,
      { priceFormat: { type: "custom", formatter: compact, minMove: 0.01 }, lastValueVisible: false, priceLineVisible: false },
      1,
    );
    const [main, below] = this.chart.panes();
    main?.setStretchFactor(5);
    below?.setStretchFactor(1);
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0 } });
    this.volume.attachPrimitive(this.#shadings[1]);
    this.overlay = new Overlay(this.chart);
    this.lines = new Lines(() => this.prices.series);
    this.axis = new Axis(this.chart, this.prices, this.overlay);
    this.sight = new Sight(this.chart.timeScale(), () => this.prices.newest, handlers.onMove);
    this.chart.subscribeCrosshairMove(({ time: at, point, sourceEvent }) => {
      this.crosshair = point?.x ?? null;
      if (!sourceEvent && at !== undefined) return; // it was put there by `point`
      if (typeof at !== "number" || !point) return handlers.onHover(null);
      handlers.onHover({ openTime: at * 1000, price: this.prices.series.coordinateToPrice(point.y) ?? undefined, ...point });
    });
  }

  close() {
    this.chart.remove();
  }

  /**
   * Make ready for another view.
   * @param {string} interval
   */
  clear(interval) {
    this.#interval = interval;
    this.#marked.clear();
    this.prices.draw([], interval, () => "whole");
    this.volume.setData([]);
    this.overlay.draw([], interval);
    this.#mark();
    this.shade([]);
    this.chart.timeScale().applyOptions({ timeVisible: !isDaily(interval), secondsVisible: isSeconds(interval) });
    for (const pane of this.chart.panes()) pane.priceScale("right").applyOptions({ autoScale: true });
  }

  get palette() {
    return this.#palette;
  }

  /** @param {Zone} zone in which times are written */
  set zone(zone) {
    this.#zone = zone;
    const tickMarkFormatter = (/** @type {Time} */ at) => zone.mark(Number(at) * 1000, { clock: !isDaily(this.#interval) });
    this.chart.applyOptions({ timeScale: { tickMarkFormatter } });
  }

  /**
   * @param {Palette} palette
   */
  setPalette(palette) {
    this.#palette = palette;
    this.chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: palette.editor },
        textColor: palette.muted,
        panes: { separatorColor: palette.line, separatorHoverColor: palette.grid },
      },
      grid: { vertLines: { color: palette.grid }, horzLines: { color: palette.grid } },
      crosshair: {
        vertLine: { color: palette.muted, labelBackgroundColor: palette.accent },
        horzLine: { color: palette.muted, labelBackgroundColor: palette.accent },
      },
    });
    this.prices.setPalette(palette);
    for (const one of [...this.#shadings, this.#hatching]) one.palette = palette;
    this.overlay.setPalette(palette);
  }

  /**
   * Draw everything anew; what is in sight stays where it is.
   * @param {Store} store
   * @param {(candle: Candle) => Condition} condition
   */
  draw(store, condition) {
    const palette = this.#palette;
    if (!palette) return;
    this.#marked.clear();
    this.sight.keep(() => {
      this.prices.draw(store.candles, this.#interval, (candle) => {
        const found = condition(candle);
        if (found === "lacking") this.#marked.add(candle.open_time);
        return found;
      });
      this.volume.setData(store.candles.map((candle) => volume(candle, palette)));
      this.overlay.draw(store.candles, this.#interval);
      this.#mark();
    });
  }

  /**
   * Draw one candle that is new at the end, or has changed in place. Whether that was all there is to do: else what follows it
   * is to be drawn anew too.
   * @param {Candle} candle
   * @param {Condition} condition
   */
  update(candle, condition) {
    const palette = this.#palette;
    if (!palette) return true;
    const older = candle.open_time < (this.prices.newest ?? 0);
    const drawn = [this.prices.update(candle, this.#interval, condition), this.overlay.update(candle)].every(Boolean);
    this.volume.update(volume(candle, palette), older);
    const lacking = condition === "lacking";
    if (lacking !== this.#marked.has(candle.open_time)) {
      if (lacking) this.#marked.add(candle.open_time);
      else this.#marked.delete(candle.open_time);
      this.#mark();
    }
    return drawn;
  }

  /**
   * Look like this; draw everything anew then.
   * @param {Chosen} chosen
   */
  look({ style, scale, studies }) {
    this.prices.choose(style);
    this.overlay.choose(studies);
    this.axis.scale = scale;
  }

  /**
   * Draw all anew in another way; what is in sight stays where it is, though another style's series comes and goes.
   * @param {() => void} drawing
   */
  redraw(drawing) {
    this.sight.redraw(drawing);
    this.axis.rebase();
  }

  /**
   * Shade these stretches.
   * @param {Band[]} bands
   */
  shade(bands) {
    this.bands = bands;
    for (const shading of this.#shadings) shading.show(bands, this.prices.newest ?? 0);
  }

  /** @param {number} y pixels from the container's top */
  priceAt(y) {
    const [main] = this.chart.panes();
    return y <= (main?.getHeight() ?? 0) ? (this.prices.series.coordinateToPrice(y) ?? undefined) : undefined;
  }

  /**
   * Where a candle is seen, at its close; `null` when it is out of sight.
   * @param {Candle} candle
   * @returns {Place | null}
   */
  place({ open_time, close }) {
    const price = Number(close);
    const x = this.chart.timeScale().timeToCoordinate(barTime(open_time));
    const y = this.prices.series.priceToCoordinate(price);
    const inSight = x !== null && x >= 0 && x < this.chart.timeScale().width();
    return !inSight || y === null ? null : { openTime: open_time, price, x, y };
  }

  /**
   * Put the crosshair at a candle, or take it away.
   * @param {number | null} openTime in ms
   * @param {number} price
   */
  point(openTime, price) {
    // The library tells of what the pointer does, and of what moves with the chart, not of this.
    this.crosshair = openTime === null ? null : this.chart.timeScale().timeToCoordinate(barTime(openTime));
    if (openTime === null) this.chart.clearCrosshairPosition();
    else this.chart.setCrosshairPosition(price, barTime(openTime), this.prices.series);
  }

  #mark() {
    const marked = [...this.#marked].sort((a, b) => a - b);
    this.prices.mark(marked);
    this.#hatching.show(marked);
  }

  /** @param {Time} at */
  #time(at) {
    return this.#zone.time(Number(at) * 1000, { clock: !isDaily(this.#interval), seconds: isSeconds(this.#interval) });
  }
}
