/** The candles of one view, in order, under the rules by which one version of a candle replaces another. */

import { nextOpen } from "./interval.js";

/** @import { Candle } from "./protocol.js" */

/** @typedef {"ignored" | "updated" | "appended" | "inserted"} Change What a candle did to the store. */

/** Seconds that the newest second may take to arrive before a forming candle counts as incomplete, as the gap ledger has it. */
export const SILENCE = 5;

/**
 * Whether `incoming` replaces `current`, a candle of the same period. Seconds never get fewer. Between two stored versions
 * the higher revision wins; a live one (revision 0) wins over a stored one by more seconds, or by closing it.
 * @param {Candle} incoming
 * @param {Candle | undefined} current
 */
export function supersedes(incoming, current) {
  if (!current) return true;
  if (incoming.received < current.received) return false;
  if (incoming.revision && current.revision && incoming.revision !== current.revision) {
    return incoming.revision > current.revision;
  }
  if (incoming.received > current.received) return true;
  if (incoming.revision > current.revision) return true;
  if (incoming.closed !== current.closed) return incoming.closed;
  return !current.revision; // live over live is a correction; live over stored, with the same seconds, is nothing new
}

/**
 * Whether seconds of the candle are missing that should be there by `now` (ms).
 * @param {Candle} candle
 * @param {number} now
 */
export function isIncomplete(candle, now) {
  if (candle.closed) return candle.received < candle.expected;
  const elapsed = Math.min(candle.expected, Math.floor((now - candle.open_time) / 1000));
  return candle.received + SILENCE < elapsed;
}

/** Candles of one exchange, symbol and interval, each period once, oldest first. */
export class Store {
  /** @type {Candle[]} */
  candles = [];

  /** @param {string} interval */
  constructor(interval) {
    this.interval = interval;
  }

  get first() {
    return this.candles[0];
  }

  get last() {
    return this.candles[this.candles.length - 1];
  }

  /**
   * The place of the first candle that opens at or after `time`.
   * @param {number} time
   */
  index(time) {
    let low = 0;
    let high = this.candles.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (/** @type {Candle} */ (this.candles[middle]).open_time < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The candle that opens at `time`.
   * @param {number} time
   */
  at(time) {
    const candle = this.candles[this.index(time)];
    return candle?.open_time === time ? candle : undefined;
  }

  /**
   * Take one candle.
   * @param {Candle} candle
   * @returns {Change}
   */
  merge(candle) {
    const at = this.index(candle.open_time);
    const current = this.candles[at];
    if (current?.open_time === candle.open_time) {
      if (!supersedes(candle, current)) return "ignored";
      this.candles[at] = candle;
      return "updated";
    }
    this.candles.splice(at, 0, candle);
    return at === this.candles.length - 1 ? "appended" : "inserted";
  }

  /**
   * Take many, in any order. Returns how many changed something.
   * @param {readonly Candle[]} candles
   */
  mergeAll(candles) {
    const byTime = new Map(this.candles.map((candle) => [candle.open_time, candle]));
    let changed = 0;
    for (const candle of candles) {
      if (!supersedes(candle, byTime.get(candle.open_time))) continue;
      byTime.set(candle.open_time, candle);
      changed += 1;
    }
    if (changed) this.candles = [...byTime.values()].sort((a, b) => a.open_time - b.open_time);
    return changed;
  }

  /**
   * Keep the newest `most` alone.
   * @param {number} most
   */
  trim(most) {
    if (this.candles.length > most) this.candles = this.candles.slice(-most);
  }

  /**
   * Where a subscription resumes: at the oldest of the last `reach` candles that is not whole, not closed, or followed by a
   * hole; what comes from there on is what can have changed. `undefined` when nothing is here.
   * @param {number} reach
   */
  resumeFrom(reach) {
    const recent = this.candles.slice(-reach);
    const unsettled = recent.find(
      ({ open_time, closed, received, expected }, at) =>
        !closed || received < expected || nextOpen(this.interval, open_time) < (recent[at + 1]?.open_time ?? 0),
    );
    return (unsettled ?? recent.at(-1))?.open_time;
  }

  /**
   * Whether every period that opens in `[start, end)` (ms), where candles are, has a closed one with all its seconds.
   * @param {number} start
   * @param {number} end
   */
  isWhole(start, end) {
    let expected = start;
    for (const { open_time, received, expected: seconds } of this.candles.slice(this.index(start), this.index(end))) {
      if (open_time !== expected || received < seconds) return false;
      expected = nextOpen(this.interval, open_time);
    }
    return expected >= end;
  }

  /**
   * Periods between the oldest and the newest candle that have none, as half-open ranges in ms.
   * @returns {{ start: number, end: number }[]}
   */
  holes() {
    const holes = [];
    for (let at = 1; at < this.candles.length; at += 1) {
      const start = nextOpen(this.interval, /** @type {Candle} */ (this.candles[at - 1]).open_time);
      const end = /** @type {Candle} */ (this.candles[at]).open_time;
      if (start < end) holes.push({ start, end });
    }
    return holes;
  }
}
