/** Another symbol beside the prices, as if both had begun at one: with a scale in percent, each in percent of its first. */

import { LineSeries } from "lightweight-charts";
import { barTime, overHole } from "../chart/bars.js";
import { viewKey } from "../client/identity.js";
import { isHole } from "../client/interval.js";
import { onFrame } from "../lib/frame.js";
import { texts } from "../texts.js";
import { Timeline } from "./timeline.js";

/** @import { ISeriesApi } from "lightweight-charts" */
/** @import { Candle, View } from "../client/protocol.js" */
/** @import { Change } from "../client/store.js" */
/** @import { Source } from "./timeline.js" */
/** @import { ChartView } from "./view.js" */

export class Comparison {
  /** @type {Timeline | null} */
  timeline = null;
  /** @type {ISeriesApi<"Line"> | null} */
  #series = null;
  /** What its prices are multiplied with, so that it begins where the others do. */
  #factor = 0;
  #reaching = false;

  /**
   * @param {ChartView} view
   * @param {Source} source
   * @param {(text: string) => void} onSay why nothing of it is drawn; empty when there is no reason any more
   */
  constructor(view, source, onSay) {
    this.view = view;
    this.source = source;
    this.onSay = onSay;
  }

  /** @param {View | null} other `null`: none */
  show(other) {
    const before = this.timeline?.view;
    if (other && before && viewKey(other) === viewKey(before)) return;
    this.close();
    if (!other) return;
    const soon = () => this.#drawSoon();
    this.timeline = new Timeline(other, undefined, this.source, {
      onSnapshot: soon,
      onCandle: (candle, change) => this.#one(candle, change),
      onNews: soon,
      onState: (state, detail = "") => this.onSay(state === "refused" ? texts.compareRefused(other.symbol, detail) : ""),
      onLive: () => {},
      forgets: () => !this.view.isPast,
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
    this.onSay("");
    this.timeline?.close();
    this.timeline = null;
    if (this.#series) this.view.chart.chart.removeSeries(this.#series);
    this.#series = null;
    this.#factor = 0;
  }

  /** Other candles are in sight: what both are compared from may be another. */
  rebase() {
    if (!this.timeline) return;
    if (this.timeline.away && !this.view.timeline?.away) return this.#again();
    void this.#reach();
    if (this.#base() !== this.#factor) this.#drawSoon();
  }

  /** Have its candles where the chart's are, however far back it went. */
  async #reach() {
    const { timeline } = this;
    const from = this.view.chart.prices.firstInSight?.openTime;
    const { first, last } = timeline?.store ?? {};
    if (this.#reaching || !timeline || from === undefined || !first || !last) return;
    if (from >= first.open_time && (!timeline.away || from <= last.open_time)) return;
    this.#reaching = true;
    // What lacks, or fails, is a line that is not there; the chart says what is wrong with the server.
    await timeline.reach(from).catch(() => false);
    this.#reaching = false;
  }

  /** The chart is back at now. */
  #again() {
    const view = this.timeline?.view ?? null;
    this.close();
    this.show(view);
  }

  /**
   * One candle is new, or another.
   * @param {Candle} candle
   * @param {Change} change
   */
  #one(candle, change) {
    const newest = this.timeline?.store.last === candle && candle.open_time <= (this.view.store?.last?.open_time ?? 0);
    const { candles = [], interval = "1m" } = this.timeline?.store ?? {};
    const before = candles.at(-2);
    const apart = change === "appended" && before && isHole(interval, before.open_time, candle.open_time);
    if (change === "inserted" || apart || !newest || !this.#factor || this.#base() !== this.#factor) this.#drawSoon();
    else this.#series?.update(this.#point(candle));
  }

  /** @param {Candle} candle */
  #point({ open_time, close }) {
    return { time: barTime(open_time), value: Number(close) * this.#factor };
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
      const { candles } = this.view;
      const [first, last] = [candles[0]?.open_time ?? 0, candles.at(-1)?.open_time ?? 0];
      // Nothing of it stands where the chart has no place for it.
      const theirs = timeline.store.candles.slice(timeline.store.index(first), timeline.store.index(last + 1));
      const { interval } = timeline.view;
      const over = (/** @type {Candle} */ { open_time }, /** @type {number} */ at) =>
        overHole(interval, open_time, theirs[at + 1]?.open_time);
      this.#series.setData(theirs.map((candle, at) => ({ ...this.#point(candle), ...over(candle, at) })));
    });
  }
}
