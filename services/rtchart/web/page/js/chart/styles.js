/** How the prices are drawn: each style makes of a candle what its kind of series takes. No DOM. */

import { UNDRAWN, bar, barTime } from "./bars.js";

/** @import { UTCTimestamp } from "lightweight-charts" */
/** @import { Condition } from "../candles/completeness.js" */
/** @import { Candle } from "../client/protocol.js" */
/** @import { Palette } from "../shell/theme.js" */

/** The styles, the usual one first. */
export const STYLES = /** @type {const} */ (["candles", "hollow", "bars", "line", "area", "heikin-ashi"]);
/** The scales, the usual one first. */
export const SCALES = /** @type {const} */ (["linear", "log", "percent"]);

/** @typedef {typeof STYLES[number]} Style */
/** @typedef {typeof SCALES[number]} Scale */
/** @typedef {"candlestick" | "bar" | "line" | "area"} Kind Of series. */

/** @type {Record<Style, Kind>} */
export const KIND = {
  candles: "candlestick",
  hollow: "candlestick",
  bars: "bar",
  line: "line",
  area: "area",
  "heikin-ashi": "candlestick",
};

/**
 * Prices of a Heikin-Ashi candle, which each begin in the middle of the one before.
 * @typedef {{ open: number, close: number }} Body
 */

/**
 * One more Heikin-Ashi candle.
 * @param {Body | undefined} before
 * @param {{ open: number, high: number, low: number, close: number }} prices
 */
export function heikinAshi(before, { open, high, low, close }) {
  const middle = (open + high + low + close) / 4;
  const begin = before ? (before.open + before.close) / 2 : (open + close) / 2;
  return { open: begin, high: Math.max(high, begin, middle), low: Math.min(low, begin, middle), close: middle };
}

/**
 * What a series takes: prices, or a value.
 * @typedef {object} Datum
 * @property {UTCTimestamp} time
 * @property {number} [value]
 * @property {number} [open]
 * @property {number} [high]
 * @property {number} [low]
 * @property {number} [close]
 * @property {string} [color]
 * @property {string} [borderColor]
 * @property {string} [wickColor]
 */

/**
 * What the series takes for a candle; whole, lacking and forming ones look different where the style can show it.
 * @param {Style} style
 * @param {Candle} candle
 * @param {Condition} condition
 * @param {Palette} palette
 * @param {Body} [before] the Heikin-Ashi candle before
 * @returns {Datum}
 */
export function datum(style, candle, condition, palette, before) {
  const kind = KIND[style];
  if (kind === "line" || kind === "area") return { time: barTime(candle.open_time), value: Number(candle.close) };
  const drawn = bar(candle, condition, palette);
  if (style === "heikin-ashi") return { ...drawn, ...heikinAshi(before, drawn) };
  if (kind === "bar") {
    const { time, open, high, low, close, wickColor } = drawn;
    return { time, open, high, low, close, ...(wickColor ? { color: wickColor } : {}) };
  }
  // Hollow where it rose, unless its seconds have the say.
  if (style === "hollow" && drawn.color === undefined && drawn.close >= drawn.open) return { ...drawn, color: palette.editor };
  return drawn;
}

/**
 * The last point before a hole: what leads over the hole is not drawn.
 * @param {Style} style
 * @param {Datum} datum
 */
export function beforeHole(style, datum) {
  if (KIND[style] === "line") return { ...datum, color: UNDRAWN };
  if (KIND[style] === "area") return { ...datum, lineColor: UNDRAWN, topColor: UNDRAWN, bottomColor: UNDRAWN };
  return datum;
}

/**
 * One of the choices that an address or a memory says, or the usual one.
 * @template {string} T
 * @param {readonly T[]} choices
 * @param {string | null | undefined} said
 * @returns {T}
 */
export const among = (choices, said) => choices.find((choice) => choice === said) ?? /** @type {T} */ (choices[0]);
