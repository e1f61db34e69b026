/**
 * What is not whole, and whether that will change: what is being fetched is a calm thing, what is lost is not. No DOM.
 *
 * Two things are known to be on their way: the seconds of the ledger's open gaps, and the past of a symbol that is new. That
 * past is no gap, because nobody was promised it; it shows by its candles, which arrive oldest first, with the source
 * `backfill`. So what still lacks between the newest of them and the stream is on its way, as long as they keep coming.
 */

import { nextOpen } from "../client/interval.js";
import { isIncomplete } from "../client/store.js";

/** @import { Candle, Gap } from "../client/protocol.js" */
/** @import { Store } from "../client/store.js" */

/** @typedef {{ start: number, end: number }} Range Half-open, in ms. */
/** @typedef {"whole" | "coming" | "began" | "lacking"} Condition all is here; the rest is being fetched; the record begins in it; seconds are missing. */

/** How long (ms) after its last candle, or the stream's begin, the past counts as being fetched: a CronJob folds once a minute. */
export const QUIET = 90_000;

/**
 * The stretch that the past of the symbol has yet to fill: from the candle before what lacks to the one behind it.
 * `null` when nothing lacks there, or nothing has come for too long.
 * @param {Store} store
 * @param {number} arrived when a candle of the past was last seen to come (ms); 0: not yet
 * @param {number} now in ms
 * @param {number} [quiet] how long (ms) it counts as being fetched without a candle that comes
 * @returns {Range | null}
 */
export function coming(store, arrived, now, quiet = QUIET) {
  const { candles, interval } = store;
  const end = (/** @type {Candle} */ candle) => nextOpen(interval, candle.open_time);
  // Not simply the newest of the past: what came of it in the last minutes is here at once, the rest when it has been folded.
  const at = candles.findLastIndex((candle, index) => {
    if (candle.source !== "backfill") return false;
    const next = candles[index + 1];
    return isIncomplete(candle, now) || (next && (next.open_time > end(candle) || isIncomplete(next, now)));
  });
  const newest = candles[at];
  const next = candles[at + 1];
  if (!newest || now - Math.max(arrived, next?.open_time ?? 0) >= quiet) return null;
  return { start: newest.open_time, end: end(next ?? newest) };
}

/**
 * @param {Candle} candle
 * @param {object} known
 * @param {Store} known.store
 * @param {readonly Gap[]} known.gaps
 * @param {Range | null} known.coming
 * @param {boolean} known.complete whether there is nothing older than the store's first candle
 * @param {number} now in ms
 * @returns {Condition}
 */
export function condition(candle, { store, gaps, coming, complete }, now) {
  if (!isIncomplete(candle, now)) return "whole";
  const start = candle.open_time;
  const end = nextOpen(store.interval, start);
  const touches = (/** @type {Range} */ range) => range.start < end && range.end > start;
  const recorded = gaps.filter((gap) => gap.state !== "repaired" && touches(gap));
  if (recorded.some(({ state }) => state === "open")) return "coming";
  if (recorded.length) return "lacking";
  if (coming && touches(coming)) return "coming";
  return complete && candle === store.first ? "began" : "lacking";
}
