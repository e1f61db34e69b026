/** Which stretches of the chart are shaded, and why: outages are shown as outages. No DOM. */

/** @import { Range } from "./completeness.js" */
/** @import { Gap } from "../client/protocol.js" */

/**
 * @typedef {object} Band A stretch of time `[start, end)` in ms.
 * @property {number} start
 * @property {number} end
 * @property {"missing" | "coming" | "absent"} kind nothing is here; it is being fetched; the exchange itself has nothing.
 */

/**
 * The bands for the periods without a candle and the ledger's gaps. What is being fetched is always shown; what the exchange
 * lacks only where a whole period is empty, because elsewhere the candle itself says that it is not whole.
 * @param {readonly Range[]} holes periods without a candle
 * @param {readonly Gap[]} gaps
 * @param {Range | null} [coming] where the past of a new symbol is on its way
 * @returns {Band[]}
 */
export function bands(holes, gaps, coming = null) {
  const open = gaps.filter(({ state }) => state === "open");
  const absent = gaps.filter(({ state }) => state === "absent");
  /** @type {Band[]} */
  const found = [];
  for (const { start, end } of holes) {
    // A hole that is being repaired has a band of its own below.
    if (open.some((gap) => gap.start <= start && gap.end >= end)) continue;
    const overlaps = (/** @type {Range} */ range) => range.start < end && range.end > start;
    const kind = absent.some(overlaps) ? "absent" : coming && overlaps(coming) ? "coming" : "missing";
    found.push({ start, end, kind });
  }
  for (const { start, end } of open) found.push({ start, end, kind: "coming" });
  return found.sort((a, b) => a.start - b.start);
}

/**
 * The gaps with the newer ones in them: a gap of the same seconds is the same gap, in a newer state.
 * @param {readonly Gap[]} gaps
 * @param {readonly Gap[]} newer
 */
export function withGaps(gaps, newer) {
  const replaced = new Set(newer.map(({ start, end }) => `${start}-${end}`));
  return [...gaps.filter(({ start, end }) => !replaced.has(`${start}-${end}`)), ...newer];
}
