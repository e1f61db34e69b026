/** The prices' series, in the style that is chosen: another style is another series in its place. */

import {
  AreaSeries,
  BarSeries,
  CandlestickSeries,
  LineSeries,
  LineStyle,
  MismatchDirection,
  createSeriesMarkers,
} from "lightweight-charts";
import { barTime, room } from "./bars.js";
import { KIND, beforeHole, datum } from "./styles.js";

/** @import { IChartApi, IPriceLine, ISeriesApi, ISeriesPrimitive, SeriesType, Time } from "lightweight-charts" */
/** @import { Condition } from "../candles/completeness.js" */
/** @import { Candle } from "../client/protocol.js" */
/** @import { Body, Style } from "./styles.js" */
/** @import { Palette } from "../shell/theme.js" */

const DEFINITIONS = { candlestick: CandlestickSeries, bar: BarSeries, line: LineSeries, area: AreaSeries };

export class Prices {
  /** @type {Style} */
  style = "candles";
  /** @type {Palette | null} */
  #palette = null;
  /** @type {Record<string, unknown>} what every style's series has in common */
  #common = { borderVisible: true };
  /** @type {Candle | undefined} the newest candle that is drawn */
  #last;
  /** @type {Body | undefined} the Heikin-Ashi candle before it */
  #before;
  /** @type {IPriceLine | undefined} the last price, where the series' own last value is none */
  #line;

  /**
   * @param {IChartApi} chart
   * @param {readonly ISeriesPrimitive<Time>[]} primitives drawn with the series, whichever it is
   */
  constructor(chart, primitives) {
    this.chart = chart;
    this.primitives = primitives;
    this.series = this.#add();
    this.markers = createSeriesMarkers(this.series, []);
  }

  /** @returns {ISeriesApi<SeriesType>} */
  #add() {
    const series = this.chart.addSeries(/** @type {any} */ (DEFINITIONS[KIND[this.style]]), this.#common, 0);
    for (const primitive of this.primitives) series.attachPrimitive(primitive);
    return series;
  }

  /**
   * Draw in another style. What was drawn is gone: draw it anew.
   * @param {Style} style
   */
  choose(style) {
    if (style === this.style) return;
    this.style = style;
    const before = this.series;
    const order = before.seriesOrder();
    for (const primitive of this.primitives) before.detachPrimitive(primitive);
    this.series = this.#add();
    this.markers = createSeriesMarkers(this.series, []);
    this.#line = undefined;
    const own = style !== "heikin-ashi";
    this.series.applyOptions({ lastValueVisible: own, priceLineVisible: own });
    this.chart.removeSeries(before);
    this.series.setSeriesOrder(order); // the indicators stay before it
  }

  /** Open time (ms) of the newest candle that is drawn. */
  get newest() {
    return this.#last?.open_time;
  }

  /** The first candle in sight: its open time (ms), and its close as it is drawn. */
  get firstInSight() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    const first = range && this.series.dataByIndex(Math.ceil(range.from), MismatchDirection.NearestRight);
    if (!first) return undefined;
    const value = "value" in first ? first.value : "close" in first ? first.close : undefined;
    return value === undefined ? undefined : { openTime: Number(first.time) * 1000, value };
  }

  /** @param {Record<string, unknown>} options of the series, whatever its style */
  apply(options) {
    Object.assign(this.#common, options);
    this.series.applyOptions(/** @type {any} */ (options));
  }

  /** @param {Palette} palette */
  setPalette(palette) {
    this.#palette = palette;
    this.apply({
      upColor: palette.up,
      borderUpColor: palette.up,
      wickUpColor: palette.up,
      downColor: palette.down,
      borderDownColor: palette.down,
      wickDownColor: palette.down,
      color: palette.accent,
      lineColor: palette.accent,
      topColor: palette["area-top"],
      bottomColor: palette["area-bottom"],
      lineWidth: 2,
    });
  }

  /**
   * Draw everything anew.
   * @param {readonly Candle[]} candles oldest first
   * @param {string} interval
   * @param {(candle: Candle) => Condition} condition
   */
  draw(candles, interval, condition) {
    const palette = this.#palette;
    if (!palette) return;
    /** @type {any[]} */
    const data = [];
    this.#last = this.#before = undefined;
    let body;
    for (const candle of candles) {
      const drawn = datum(this.style, candle, condition(candle), palette, body);
      const hole = room(interval, this.#last?.open_time, candle.open_time);
      const before = data.at(-1);
      if (hole.length && before) data[data.length - 1] = beforeHole(this.style, before);
      data.push(...hole, drawn);
      this.#before = body;
      body = /** @type {any} */ (drawn);
      this.#last = candle;
    }
    this.series.setData(/** @type {any} */ (data));
    this.#tell();
  }

  /**
   * Draw one candle that is new at the end, or has changed in place. Whether that is all: in some styles a candle is made of
   * those before it, and all is to be drawn anew.
   * @param {Candle} candle
   * @param {string} interval
   * @param {Condition} condition
   */
  update(candle, interval, condition) {
    const palette = this.#palette;
    if (!palette) return true;
    const last = this.#last;
    const older = last !== undefined && candle.open_time < last.open_time;
    if (this.style === "heikin-ashi") {
      if (older) return false;
      if (last && candle.open_time > last.open_time) {
        this.#before = /** @type {any} */ (datum(this.style, last, "whole", palette, this.#before));
      }
    }
    if (!older) {
      const hole = room(interval, last?.open_time, candle.open_time);
      if (hole.length && last) {
        const before = beforeHole(this.style, datum(this.style, last, "whole", palette));
        if ("value" in before) this.series.update(/** @type {any} */ (before));
      }
      for (const empty of hole) this.series.update(empty);
      this.#last = candle;
    }
    this.series.update(/** @type {any} */ (datum(this.style, candle, condition, palette, this.#before)), older);
    this.#tell();
    return true;
  }

  /**
   * The last price at the axis has the colour of its direction, whatever the candle's own colour says of its seconds. A
   * Heikin-Ashi candle's close is no price, so there the line is another one.
   */
  #tell() {
    const { close, open } = this.#last ?? { close: "0", open: "0" };
    const color = (Number(close) < Number(open) ? this.#palette?.down : this.#palette?.up) ?? "";
    if (this.series.options().priceLineColor !== color) this.apply({ priceLineColor: color });
    if (this.style !== "heikin-ashi" || !this.#last) return;
    this.#line ??= this.series.createPriceLine({ price: Number(close), lineWidth: 1, lineStyle: LineStyle.Dotted });
    this.#line.applyOptions({ price: Number(close), color });
  }

  /**
   * Mark these candles.
   * @param {readonly number[]} openTimes rising
   */
  mark(openTimes) {
    const color = this.#palette?.warn ?? "";
    this.markers.setMarkers(
      openTimes.map((openTime) => ({ time: barTime(openTime), position: "belowBar", shape: "circle", color, size: 0.4 })),
    );
  }
}
