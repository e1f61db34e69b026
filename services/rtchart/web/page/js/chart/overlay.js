/** The chosen indicators on the chart: their series, live on the forming candle. */

import { HistogramSeries, LineSeries, LineStyle } from "lightweight-charts";
import { barTime, overHole } from "./bars.js";
import { isHole } from "../client/interval.js";
import { Running } from "./indicators.js";
import { KINDS, written } from "./studies.js";
import { texts } from "../texts.js";

/** @import { IChartApi, ISeriesApi, SeriesType } from "lightweight-charts" */
/** @import { Bar, Values } from "./indicators.js" */
/** @import { Candle } from "../client/protocol.js" */
/** @import { Study } from "./studies.js" */
/** @import { Palette } from "../shell/theme.js" */

/** Panes of the chart itself: prices and volumes. */
const FIRST_PANE = 2;

/**
 * @typedef {object} Drawn A study that is on the chart.
 * @property {Study} study
 * @property {Running<any>} running all candles but the newest are taken
 * @property {Map<string, ISeriesApi<SeriesType>>} series by line
 */

/**
 * @param {Candle} candle
 * @returns {Bar}
 */
const barOf = ({ open_time, high, low, close, volume }) => ({
  open_time,
  high: Number(high),
  low: Number(low),
  close: Number(close),
  volume: Number(volume),
});

export class Overlay {
  /** @type {readonly Study[]} */
  studies = [];
  /** @type {Drawn[]} */
  #drawn = [];
  /** @type {Palette | null} */
  #palette = null;
  /** @type {(price: number) => string} */
  #price = String;
  #precision = 2;
  #interval = "1m";
  /** @type {Candle | undefined} the newest candle, which may still change */
  #last;

  /** @param {IChartApi} chart */
  constructor(chart) {
    this.chart = chart;
  }

  /** @param {Palette} palette */
  setPalette(palette) {
    this.#palette = palette;
    this.#build();
  }

  /**
   * @param {(price: number) => string} formatter how prices are written
   * @param {number} precision their decimals
   */
  setPrice(formatter, precision) {
    this.#price = formatter;
    this.#precision = precision;
    for (const { study, series } of this.#drawn) {
      for (const each of series.values()) each.applyOptions({ priceFormat: this.#format(study) });
    }
  }

  /**
   * Have these on the chart; `draw` draws them.
   * @param {readonly Study[]} studies
   */
  choose(studies) {
    if (written(studies) === written(this.studies)) return; // the panes keep their heights
    this.studies = studies;
    this.#build();
  }

  /** The series that are on the chart. */
  get series() {
    return this.#drawn.flatMap(({ series }) => [...series.values()]);
  }

  /** What is on the chart: each series' title and data, for tests and for the curious. */
  get lines() {
    return this.#drawn.flatMap(({ study, series }) =>
      [...series].map(([line, each]) => ({ kind: study.kind, line, pane: each.getPane().paneIndex(), data: each.data() })),
    );
  }

  /** Each line's name and its values by open time (ms), for a table. */
  get columns() {
    return this.#drawn.flatMap(({ study, series }) =>
      [...series].map(([line, each]) => {
        const name = texts.study(study.kind, study.settings);
        const values = new Map(
          each.data().flatMap((point) => ("value" in point ? [[Number(point.time) * 1000, point.value]] : [])),
        );
        return { name: series.size > 1 ? `${name} ${line}` : name, values };
      }),
    );
  }

  /**
   * Draw everything anew.
   * @param {readonly Candle[]} candles oldest first
   * @param {string} interval
   */
  draw(candles, interval) {
    this.#interval = interval;
    this.#last = candles.at(-1);
    const bars = candles.map(barOf);
    for (const drawn of this.#drawn) {
      drawn.running = new Running(KINDS[drawn.study.kind]?.make(drawn.study.settings) ?? drawn.running.indicator);
      const along = bars.map((bar, at) => (at < bars.length - 1 ? drawn.running.add(bar) : drawn.running.peek(bar)));
      for (const [line, series] of drawn.series) {
        series.setData(bars.map((bar, at) => this.#point(bar, line, along[at] ?? {}, bars[at + 1])));
      }
    }
  }

  /**
   * The newest candle changed, or there is a newer one. Whether that could be drawn: what is older needs all anew.
   * @param {Candle} candle
   */
  update(candle) {
    const last = this.#last;
    if (!this.#drawn.length) {
      this.#last = candle;
      return true;
    }
    // One after an outage changes the point before it too.
    if (last && (candle.open_time < last.open_time || isHole(this.#interval, last.open_time, candle.open_time))) return false;
    const bar = barOf(candle);
    for (const { running, series } of this.#drawn) {
      if (last && candle.open_time > last.open_time) running.add(barOf(last));
      const values = running.peek(bar);
      for (const [line, each] of series) each.update(this.#point(bar, line, values));
    }
    this.#last = candle;
    return true;
  }

  /**
   * @param {Bar} bar
   * @param {string} line
   * @param {Values} values
   * @param {Bar} [next] the one after it
   */
  #point(bar, line, values, next) {
    const time = barTime(bar.open_time);
    const value = values[line];
    if (value === undefined) return { time };
    if (line !== "histogram") return { time, value, ...overHole(this.#interval, bar.open_time, next?.open_time) };
    const color = (value < 0 ? this.#palette?.["down-volume"] : this.#palette?.["up-volume"]) ?? "";
    return { time, value, color };
  }

  #build() {
    for (const { series } of this.#drawn) for (const each of series.values()) this.chart.removeSeries(each);
    this.#drawn = [];
    const palette = this.#palette;
    if (!palette) return;
    let pane = FIRST_PANE;
    let colour = 0;
    for (const study of this.studies) {
      const kind = KINDS[study.kind];
      if (!kind) continue;
      const title = texts.study(study.kind, study.settings);
      const apart = kind.unit !== "price"; // with a scale, and so a pane, of its own
      /** @type {Drawn["series"]} */
      const series = new Map();
      for (const [line, how] of Object.entries(kind.lines)) {
        const color = how === "histogram" ? palette.muted : palette[STROKES[colour % STROKES.length] ?? "accent"];
        const options = {
          color,
          title: series.size ? "" : title,
          priceFormat: this.#format(study),
          lastValueVisible: apart,
          priceLineVisible: false,
        };
        const at = apart ? pane : 0;
        const drawn =
          how === "histogram"
            ? this.chart.addSeries(HistogramSeries, { ...options, base: 0 }, at)
            : this.chart.addSeries(LineSeries, { ...options, lineWidth: 1, crosshairMarkerVisible: false }, at);
        series.set(line, drawn);
        if (how === "line" && !kind.one) colour += 1;
      }
      if (kind.one) colour += 1;
      for (const price of kind.marks) {
        const [first] = series.values();
        first?.createPriceLine({
          price,
          color: palette.muted,
          lineWidth: 1,
          lineStyle: LineStyle.Dashed,
          axisLabelVisible: false,
        });
      }
      if (apart) {
        this.chart.panes()[pane]?.setStretchFactor(1.5);
        pane += 1;
      }
      this.#drawn.push({ study, running: new Running(kind.make(study.settings)), series });
    }
  }

  /**
   * @param {Study} study
   * @returns {{ type: "custom", formatter: (value: number) => string, minMove: number }}
   */
  #format({ kind }) {
    const unit = KINDS[kind]?.unit;
    if (unit === "percent") return { type: "custom", formatter: (value) => value.toFixed(1), minMove: 0.1 };
    if (unit === "difference")
      return { type: "custom", formatter: (value) => value.toFixed(this.#precision + 1), minMove: 1e-8 };
    return { type: "custom", formatter: this.#price, minMove: 1e-8 };
  }
}

const STROKES = /** @type {const} */ (["study-1", "study-2", "study-3", "study-4"]);
