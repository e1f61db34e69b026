/** Candles as a table that a spreadsheet or a script reads. */

import { isSeconds } from "../client/interval.js";

/** @import { Candle, View } from "../client/protocol.js" */

/**
 * @typedef {object} Column The values of an indicator's line.
 * @property {string} name
 * @property {Map<number, number>} values by open time (ms)
 */

const OF_CANDLE = /** @type {const} */ ([
  "open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume", "received",
  "expected", "source", "revision", "closed",
]); // prettier-ignore

/** RFC 4180 has it so, and everything reads it. */
const END = "\r\n";

/**
 * One row for each candle. Decimal strings are as the server sent them; where an indicator has no value yet, there is none.
 * @param {View} view
 * @param {readonly Candle[]} candles oldest first
 * @param {readonly Column[]} indicators
 */
export function csv({ exchange, symbol, interval }, candles, indicators) {
  const names = ["exchange", "symbol", "interval", "open_time", "time", ...OF_CANDLE, ...indicators.map(({ name }) => name)];
  const rows = candles.map((candle) => [
    exchange,
    symbol,
    interval,
    candle.open_time,
    new Date(candle.open_time).toISOString(),
    ...OF_CANDLE.map((name) => candle[name]),
    ...indicators.map(({ values }) => values.get(candle.open_time)),
  ]);
  return [names, ...rows].map((row) => row.map(cell).join(",") + END).join("");
}

/**
 * @param {string | number | boolean | undefined} value
 */
function cell(value) {
  if (value === undefined || (typeof value === "number" && !Number.isFinite(value))) return "";
  if (typeof value !== "string" || /^-?\d+(\.\d+)?$/.test(value)) return String(value);
  // A spreadsheet would take a text that begins like this for a formula, and compute it.
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * What a file of this is called, such as `BTCUSDT-1m-20261127T0615-20261127T0735.csv`, in UTC. Letters, digits, `-` and `_`: no
 * system minds these, and without a further point none takes it for a device of its own.
 * @param {View} view
 * @param {number} from open time (ms) of the first candle
 * @param {number} to that of the last one
 * @param {string} ext
 */
export function fileName({ symbol, interval }, from, to, ext) {
  const digits = isSeconds(interval) ? 15 : 13;
  const at = (/** @type {number} */ ms) => new Date(ms).toISOString().replace(/[-:]/g, "").slice(0, digits);
  const safe = (/** @type {string} */ text) =>
    text
      .normalize("NFC")
      .replace(/[^\p{L}\p{N}_-]+/gu, "_")
      .slice(0, 40);
  return `${safe(symbol) || "chart"}-${safe(interval)}-${at(from)}-${at(to)}.${ext}`;
}
