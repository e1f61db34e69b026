/** Names by which symbols and views are looked up. */

/** @import { View } from "./protocol.js" */

/** @typedef {{ exchange: string, symbol: string }} Identity */

/**
 * `binance:BTCUSDT`
 * @param {Identity} identity
 */
export const symbolKey = ({ exchange, symbol }) => `${exchange}:${symbol}`;

/**
 * The symbol of such a key: whatever it is called, an exchange has no colon.
 * @param {string} key
 * @returns {Identity}
 */
export function identityOf(key) {
  const at = key.indexOf(":");
  return { exchange: key.slice(0, Math.max(0, at)), symbol: key.slice(at + 1) };
}

/**
 * In the order of their names. Names of symbols are no words of a language: their characters are enough.
 * @param {Identity} a
 * @param {Identity} b
 */
export const byName = (a, b) => compare(a.symbol, b.symbol) || compare(a.exchange, b.exchange);

/**
 * @param {string} a
 * @param {string} b
 */
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * `binance:BTCUSDT:1m`
 * @param {View} view
 */
export const viewKey = ({ exchange, symbol, interval }) => `${exchange}:${symbol}:${interval}`;
