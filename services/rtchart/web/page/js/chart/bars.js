/** Candles as the chart library takes them: what is missing takes its room, what is not whole looks like it. */

import { isHole, nextOpen } from "../client/interval.js";

/** @import { CandlestickData, HistogramData, UTCTimestamp, WhitespaceData } from "lightweight-charts" */
/** @import { Condition } from "../candles/completeness.js" */
/** @import { Candle } from "../client/protocol.js" */
/** @import { Palette } from "../shell/theme.js" */

/** Empty periods drawn for one hole at most: an outage of a year of seconds must not fill the memory. */
export const WIDEST_HOLE = 1_500;

/**
 * The library's time, in seconds.
 * @param {number} openTime in ms
 */
export const barTime = (openTime) => /** @type {UTCTimestamp} */ (openTime / 1000);

/**
 * The candle's bar. One with seconds missing is pale and has the colour of warnings, one whose seconds are coming is hollow.
 * @param {Candle} candle
 * @param {Condition} condition
 * @param {Palette} palette
 * @returns {CandlestickData<UTCTimestamp>}
 */
export function bar(candle, condition, palette) {
  const prices = {
    time: barTime(candle.open_time),
    open: Number(candle.open),
    high: Number(candle.high),
    low: Number(candle.low),
    close: Number(candle.close),
  };
  if (condition === "coming") return { ...prices, color: palette.editor };
  if (condition !== "lacking") return prices;
  return { ...prices, color: palette["warn-fill"], borderColor: palette.warn, wickColor: palette.warn };
}

/**
 * The candle's volume, in the colour of its direction.
 * @param {Candle} candle
 * @param {Palette} palette
 * @returns {HistogramData<UTCTimestamp>}
 */
export function volume(candle, palette) {
  const up = Number(candle.close) >= Number(candle.open);
  return {
    time: barTime(candle.open_time),
    value: Number(candle.volume),
    color: up ? palette["up-volume"] : palette["down-volume"],
  };
}

/**
 * Room for the periods after `previous` and before `openTime` that have no candle.
 * @param {string} interval
 * @param {number | undefined} previous open time of the candle before
 * @param {number} openTime
 * @returns {WhitespaceData<UTCTimestamp>[]}
 */
export function room(interval, previous, openTime) {
  /** @type {WhitespaceData<UTCTimestamp>[]} */
  const empty = [];
  if (previous === undefined) return empty;
  for (let at = nextOpen(interval, previous); at < openTime && empty.length < WIDEST_HOLE; at = nextOpen(interval, at)) {
    empty.push({ time: barTime(at) });
  }
  return empty;
}

/** The colour of a line that leads over a hole: none. A line has it from the last point before the hole on. */
export const UNDRAWN = "transparent";

/**
 * What a point of a line has besides its value.
 * @param {string} interval
 * @param {number} openTime in ms
 * @param {number | undefined} next that of the point after it
 */
export const overHole = (interval, openTime, next) =>
  next !== undefined && isHole(interval, openTime, next) ? { color: UNDRAWN } : {};
