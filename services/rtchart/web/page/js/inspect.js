/** `window.rtchart`: what the page holds, for tests and for the curious at the console. It is no interface to build on. */

import { barTime } from "./chart/bars.js";

/** @import { Feed } from "./client/feed.js" */
/** @import { Panels } from "./panel/panels.js" */

/**
 * @param {Panels} panels
 * @param {Feed} feed
 */
export function inspect(panels, feed) {
  const view = () => panels.active.view;
  const chart = () => view().chart;
  const scale = () => chart().chart.timeScale();
  Object.assign(window, {
    rtchart: {
      /** What the active chart shows, and what all do. */
      shown: () => view().shown,
      charts: () => panels.shown,
      /** The active chart's candles, oldest first. */
      candles: () => view().candles,
      /** Those of any chart. */
      candlesOf: (/** @type {number} */ at) => panels.all[at]?.view.candles,
      /** What the library was given. */
      bars: () => chart().prices.series.data(),
      /** Which place on the time scale a candle (open time in ms) has: what is missing takes places too. */
      place: (/** @type {number} */ openTime) => scale().timeToIndex(barTime(openTime), false),
      /** Where a candle (open time in ms) is, in pixels from the left. */
      x: (/** @type {number} */ openTime) => scale().timeToCoordinate(barTime(openTime)),
      /** Which places are in sight, and the candles there. */
      visible: () => scale().getVisibleLogicalRange(),
      inSight: () => view().inSight,
      /** How the scales write a number, and the axis a time (ms). */
      formatted: (/** @type {number} */ value, /** @type {"candles" | "volume"} */ series = "candles") =>
        (series === "volume" ? chart().volume : chart().prices.series).priceFormatter().format(value),
      /** What kind of series the prices are, and the mode of their scale. */
      look: () => [chart().prices.series.seriesType(), chart().chart.priceScale("right").options().mode],
      /** Where a price is on the scale, in pixels: of the candles, and of the first indicator. */
      heights: (/** @type {number} */ price) =>
        [chart().prices.series, ...chart().overlay.series].map((one) => one.priceToCoordinate(price)),
      /** The candle (open time in ms) that the crosshair is at, and where it stands, in pixels. */
      pointed: () => view().hovered,
      crosshair: () => chart().crosshair,
      /** The stretches that are shaded. */
      bands: () => view().bands,
      /** How many candles are marked as incomplete. */
      marked: () => chart().prices.markers.markers().length,
      /** The indicators that are drawn: kind, line, pane and data of each series. */
      indicators: () => chart().overlay.lines,
      /** The prices of the lines that people drew. */
      lines: () => chart().lines.prices,
      /** The points of the symbol that is compared with. */
      compared: () => panels.active.comparison.data,
      /** The gaps known for the symbol. */
      gaps: () => view().gaps,
      /** The state of the connection. */
      connection: () => feed.connection.status.state,
      /** Load the next page of older candles. */
      load: () => view().timeline?.older(),
      /** Move the chart by this many bars, to the right when positive. */
      scroll: (/** @type {number} */ bars) => chart().sight.scroll(bars),
    },
  });
}
