/** @import { Candle } from "../../services/rtchart/web/page/js/client/protocol.js" */

/**
 * A closed, whole candle of a minute, but for what is said.
 * @param {Partial<Candle>} [said]
 * @returns {Candle}
 */
export const candle = (said = {}) => ({
  open_time: 60_000,
  open: "10.0",
  high: "12.5",
  low: "9.5",
  close: "11.25",
  volume: "3",
  quote_volume: "33",
  trades: 7,
  taker_buy_volume: "1",
  taker_buy_quote_volume: "11",
  received: 60,
  expected: 60,
  source: "stream",
  revision: 0,
  closed: true,
  ...said,
});

export const MINUTE = 60_000;
