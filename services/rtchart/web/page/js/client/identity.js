/** Names by which symbols and views are looked up. */

/** @import { View } from "./protocol.js" */

/** @typedef {{ exchange: string, symbol: string }} Identity */

/**
 * `binance:BTCUSDT`
 * @param {Identity} identity
 */
export const symbolKey = ({ exchange, symbol }) => `${exchange}:${symbol}`;

/**
 * `binance:BTCUSDT:1m`
 * @param {View} view
 */
export const viewKey = ({ exchange, symbol, interval }) => `${exchange}:${symbol}:${interval}`;
