/** The axis of the prices: linear, logarithmic, or in percent of the first close in sight. */

import { PriceScaleMode } from "lightweight-charts";
import { change, price } from "../lib/format.js";
import { onFrame } from "../lib/frame.js";

/** @import { IChartApi } from "lightweight-charts" */
/** @import { Overlay } from "./overlay.js" */
/** @import { Prices } from "./prices.js" */
/** @import { Scale } from "./styles.js" */

export class Axis {
  /** @type {Scale} */
  #scale = "linear";
  #precision = 2;
  /** What percentages are of. */
  #base = 0;

  /**
   * @param {IChartApi} chart
   * @param {Prices} prices
   * @param {Overlay} overlay what is drawn among the prices, and written like them
   */
  constructor(chart, prices, overlay) {
    this.chart = chart;
    this.prices = prices;
    this.overlay = overlay;
    this.#write();
    chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.rebase());
  }

  /** @param {number} precision how many decimals the prices have */
  set precision(precision) {
    if (precision === this.#precision) return;
    this.#precision = precision;
    this.#write();
  }

  /** @param {Scale} scale */
  set scale(scale) {
    this.#scale = scale;
    const mode = scale === "log" ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal;
    this.chart.priceScale("right").applyOptions({ mode });
    this.#base = 0;
    this.#write();
    this.rebase();
  }

  /** What percentages are of may be another candle now. */
  rebase() {
    if (this.#scale !== "percent") return;
    const first = this.prices.firstInSight?.value;
    if (first === undefined || first === this.#base) return;
    this.#base = first;
    onFrame(this, () => this.#write());
  }

  /** The library's own percentages would be of each series' own first value, and an average beside its price elsewhere. */
  #write() {
    const [precision, base] = [this.#precision, this.#base];
    const inPercent = this.#scale === "percent" && base;
    const formatter = (/** @type {number} */ value) =>
      inPercent ? change(String(base), String(value)) : price(value.toFixed(precision), precision);
    this.prices.apply({ priceFormat: { type: "custom", formatter, minMove: 10 ** -precision } });
    this.overlay.setPrice(formatter, precision);
  }
}
