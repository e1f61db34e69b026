/** The arithmetic of intervals that the page needs: where the next period opens. The server says which intervals there are. */

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/**
 * The open time (ms) of the period after the one that opens at `openTime`. Months have no fixed length, and are UTC's.
 * @param {string} interval such as `15m`; `1M` is a month.
 * @param {number} openTime
 * @returns {number}
 */
export function nextOpen(interval, openTime) {
  const count = Number.parseInt(interval, 10);
  const unit = interval.slice(-1);
  if (unit === "M") {
    const date = new Date(openTime);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count, 1);
  }
  if (!(unit in UNITS) || !(count > 0)) throw new RangeError(`unknown interval ${JSON.stringify(interval)}`);
  return openTime + count * UNITS[/** @type {keyof typeof UNITS} */ (unit)];
}

/**
 * Whether periods are a day or longer, so that a clock time says nothing.
 * @param {string} interval
 */
export const isDaily = (interval) => /[dwM]$/.test(interval);

/**
 * Whether periods are shorter than a minute, so that seconds matter.
 * @param {string} interval
 */
export const isSeconds = (interval) => interval.endsWith("s");

/**
 * Whether periods lie between two.
 * @param {string} interval
 * @param {number} one open time of the earlier (ms)
 * @param {number} other of the later
 */
export const isHole = (interval, one, other) => nextOpen(interval, one) < other;
