/** Hatches the candles whose seconds are not all here, over whatever the style draws: a primitive of the library. */

import { barTime } from "./bars.js";
import { hatch } from "./shading.js";

/** @import { CanvasRenderingTarget2D } from "fancy-canvas" */
/** @import { IChartApi, ISeriesApi, ISeriesPrimitive, SeriesAttachedParameter, SeriesType, Time } from "lightweight-charts" */
/** @import { Body } from "./styles.js" */
/** @import { Palette } from "../shell/theme.js" */

const STRIPE = 4;
/** Narrower candles have no room for it; their colour and their mark say it alone. */
const NARROWEST = 5;
/** The library's candles leave this share of their place free. */
const BODY = 0.8;

/** @implements {ISeriesPrimitive<Time>} */
export class Hatching {
  /** @type {SeriesAttachedParameter<Time> | null} */
  #attached = null;
  /** @type {readonly number[]} open times (ms) */
  #openTimes = [];
  /** @type {Palette | null} */
  #palette = null;
  #views = [{ zOrder: () => /** @type {const} */ ("top"), renderer: () => ({ draw: this.#draw.bind(this) }) }];

  /** @param {SeriesAttachedParameter<Time>} parameters */
  attached(parameters) {
    this.#attached = parameters;
  }

  detached() {
    this.#attached = null;
  }

  paneViews() {
    return this.#views;
  }

  /** @param {readonly number[]} openTimes in ms */
  show(openTimes) {
    this.#openTimes = openTimes;
    this.#attached?.requestUpdate();
  }

  /** @param {Palette} palette */
  set palette(palette) {
    this.#palette = palette;
    this.#attached?.requestUpdate();
  }

  /** @param {CanvasRenderingTarget2D} target */
  #draw(target) {
    const palette = this.#palette;
    if (!this.#attached || !palette || !this.#openTimes.length) return;
    const chart = /** @type {IChartApi} */ (this.#attached.chart);
    const series = /** @type {ISeriesApi<SeriesType>} */ (this.#attached.series);
    const scale = chart.timeScale();
    const { barSpacing } = scale.options();
    if (barSpacing < NARROWEST) return;
    target.useBitmapCoordinateSpace(({ context, bitmapSize, horizontalPixelRatio: ratio, verticalPixelRatio }) => {
      context.strokeStyle = palette.warn;
      for (const openTime of this.#openTimes) {
        const x = scale.timeToCoordinate(barTime(openTime));
        const index = x === null ? null : scale.timeToIndex(barTime(openTime), false);
        const datum = /** @type {Body | null} */ (index === null ? null : series.dataByIndex(index));
        if (x === null || datum?.open === undefined) continue; // a line has no body
        const [a, b] = [series.priceToCoordinate(datum.open), series.priceToCoordinate(datum.close)];
        if (a === null || b === null) continue;
        const left = Math.max(0, Math.round((x - (barSpacing * BODY) / 2) * ratio));
        const right = Math.min(bitmapSize.width, Math.round((x + (barSpacing * BODY) / 2) * ratio));
        const top = Math.min(a, b) * verticalPixelRatio;
        const height = Math.max(1, Math.abs(a - b) * verticalPixelRatio);
        if (right <= left) continue;
        context.save();
        context.beginPath();
        context.rect(left, top, right - left, height);
        context.clip();
        hatch(context, left, right, bitmapSize.height, STRIPE * ratio);
        context.restore();
      }
    });
  }
}
