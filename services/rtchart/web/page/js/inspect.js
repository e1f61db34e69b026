/** `window.rtchart`: what the page holds, for tests and for the curious at the console. It is no interface to build on. */

import { barTime } from "./bars.js";

/** @import { Feed } from "./feed.js" */
/** @import { ChartView } from "./view.js" */

/**
 * @param {ChartView} view
 * @param {Feed} feed
 */
export function inspect(view, feed) {
  const { chart } = view;
  Object.assign(window, {
    rtchart: {
      /** The view that is shown. */
      shown: () => view.shown,
      /** The candles of the store, oldest first. */
      candles: () => view.store.candles,
      /** What the library was given. */
      bars: () => chart.prices.series.data(),
      /** Which place on the time scale a candle (open time in ms) has: what is missing takes places too. */
      place: (/** @type {number} */ openTime) => chart.chart.timeScale().timeToIndex(barTime(openTime), false),
      /** Which places are in sight. */
      visible: () => chart.chart.timeScale().getVisibleLogicalRange(),
      /** How the scales write a number. */
      formatted: (/** @type {number} */ value, /** @type {"candles" | "volume"} */ series = "candles") =>
        (series === "volume" ? chart.volume : chart.prices.series).priceFormatter().format(value),
      /** What kind of series the prices are, and the mode of their scale. */
      look: () => [chart.prices.series.seriesType(), chart.chart.priceScale("right").options().mode],
      /** Where a price is on the scale, in pixels: of the candles, and of the first indicator. */
      heights: (/** @type {number} */ price) =>
        [chart.prices.series, ...chart.overlay.series].map((one) => one.priceToCoordinate(price)),
      /** The stretches that are shaded. */
      bands: () => chart.bands,
      /** How many candles are marked as incomplete. */
      marked: () => chart.prices.markers.markers().length,
      /** The indicators that are drawn: kind, line, pane and data of each series. */
      indicators: () => chart.overlay.lines,
      /** The gaps known for the symbol. */
      gaps: () => view.gaps,
      /** The state of the connection. */
      connection: () => feed.connection.status.state,
      /** Load the next page of older candles. */
      load: () => view.older(),
      /** Move the chart by this many bars, to the right when positive. */
      scroll: (/** @type {number} */ bars) => chart.scroll(bars),
    },
  });
}
