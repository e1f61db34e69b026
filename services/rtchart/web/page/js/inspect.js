/** `window.rtchart`: what the page holds, for tests and for the curious at the console. It is no interface to build on. */

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
      /** What the library was given: bars, and room for what is missing. */
      bars: () => chart.candles.data(),
      /** How many candles are marked as incomplete. */
      marked: () => chart.markers.markers().length,
      /** The gaps known for the symbol. */
      gaps: () => view.gaps,
      /** The state of the connection. */
      connection: () => feed.connection.status.state,
      /** Move the chart by this many bars, to the right when positive. */
      scroll: (/** @type {number} */ bars) => chart.scroll(bars),
    },
  });
}
