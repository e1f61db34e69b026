/** Another symbol beside the prices, as if both had begun at one: with a scale in percent, each in percent of its first. */

import { LineSeries } from "../../vendor/lightweight-charts.mjs";
import { barTime } from "../chart/bars.js";
import { onFrame } from "../lib/frame.js";
import { Timeline } from "./timeline.js";

/** @import { ISeriesApi } from "../../vendor/lightweight-charts.mjs" */
/** @import { View } from "../client/protocol.js" */
/** @import { Source } from "./timeline.js" */
/** @import { ChartView } from "./view.js" */

/** @param {View} view */
const key = ({ exchange, symbol, interval }) => `${exchange}:${symbol}:${interval}`;

export class Comparison {
  /** @type {Timeline | null} */
  timeline = null;
  /** @type {ISeriesApi<"Line"> | null} */
  #series = null;
  /** What its prices are multiplied with, so that it begins where the others do. */
  #factor = 0;

  /**
   * @param {ChartView} view
   * @param {Source} source
   */
  constructor(view, source) {
    this.view = view;
    this.source = source;
  }

  /** @param {View | null} other `null`: none */
  show(other) {
    const before = this.timeline?.view;
    if (other && before && key(other) === key(before)) return;
    this.close();
    if (!other) return;
    const soon = () => this.#drawSoon();
    this.timeline = new Timeline(other, undefined, this.source, {
      onSnapshot: soon,
      onCandle: soon,
      onNews: soon,
      onState: () => {},
      onLive: () => {},
    });
    this.#series = this.view.chart.chart.addSeries(LineSeries, {
      title: other.symbol,
      lineWidth: 2,
      lastValueVisible: true,
      priceLineVisible: false,
    });
    this.timeline.follow();
  }

  close() {
    this.timeline?.close();
    this.timeline = null;
    if (this.#series) this.view.chart.chart.removeSeries(this.#series);
    this.#series = null;
    this.#factor = 0;
  }

  /** Other candles are in sight: what both are compared from may be another. */
  rebase() {
    if (!this.timeline) return;
    const { store } = this.timeline;
    const first = this.view.candles[0]?.open_time ?? Infinity;
    if (store.first && first < store.first.open_time) void this.timeline.older();
    if (this.#base() !== this.#factor) this.#drawSoon();
  }

  /** The series' points, for tests and for the curious. */
  get data() {
    return this.#series?.data() ?? [];
  }

  #base() {
    const from = this.view.chart.prices.firstInSight?.openTime;
    const { store } = this.timeline ?? {};
    if (from === undefined || !store) return 0;
    // The first candle in sight that both have.
    const { candles } = this.view;
    for (let at = this.view.store?.index(from) ?? 0; at < candles.length; at += 1) {
      const mine = candles[at];
      const other = mine && store.at(mine.open_time);
      if (mine && other) return Number(mine.close) / Number(other.close);
    }
    return 0;
  }

  #drawSoon() {
    onFrame(this, () => {
      const { timeline } = this;
      const { palette } = this.view.chart;
      if (!timeline || !this.#series || !palette) return;
      this.#factor = this.#base();
      if (!this.#factor) return this.#series.setData([]);
      const price = this.view.chart.prices.series.options().priceFormat;
      this.#series.applyOptions({ color: palette["study-3"], priceFormat: price });
      const first = this.view.candles[0]?.open_time ?? 0;
      // Nothing of it stands where the chart has no place for it.
      const theirs = timeline.store.candles.slice(timeline.store.index(first));
      this.#series.setData(
        theirs.map(({ open_time, close }) => ({ time: barTime(open_time), value: Number(close) * this.#factor })),
      );
    });
  }
}
