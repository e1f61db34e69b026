/** In which order symbols are listed, and which of them a text asks for. No DOM. */

import { byName } from "../client/identity.js";
import { changePercent } from "../lib/format.js";

/** @import { Entry } from "./entry.js" */

/** The first one is usual. */
export const SORTS = /** @type {const} */ (["listed", "name", "rising", "falling", "traded", "price", "oldest"]);

/** @typedef {typeof SORTS[number]} Sort */

/** What live orders go by: the largest first, whatever has none last. */
const VALUES = /** @type {Partial<Record<Sort, (entry: Entry) => number | null>>} */ ({
  rising: ({ ticker }) => ticker && changePercent(ticker.open, ticker.price),
  falling: ({ ticker }) => negative(ticker && changePercent(ticker.open, ticker.price)),
  // In money, at the last price: pieces of one coin and of another are not to be compared.
  traded: ({ ticker }) => ticker && Number(ticker.volume) * Number(ticker.price),
  price: ({ ticker, info }) => (ticker ? Number(ticker.price) : info.price ? Number(info.price) : null),
  oldest: ({ ticker }) => ticker && -ticker.time,
});

/**
 * Whether an order changes with every price.
 * @param {Sort} sort
 */
export const isLive = (sort) => sort in VALUES;

/**
 * The entries in this order; those that are equal in it by name.
 * @param {Iterable<Entry>} entries
 * @param {Sort} sort
 * @returns {Entry[]}
 */
export function sorted(entries, sort) {
  if (sort === "listed") return [...entries].sort((a, b) => a.listed - b.listed);
  if (sort === "name") return [...entries].sort((a, b) => byName(a.info, b.info));
  const value = VALUES[sort];
  // Each value is worked out once, not at each comparison.
  const valued = Array.from(entries, (entry) => ({ entry, value: value?.(entry) ?? -Infinity }));
  valued.sort((a, b) => (a.value === b.value ? byName(a.entry.info, b.entry.info) : a.value < b.value ? 1 : -1));
  return valued.map(({ entry }) => entry);
}

/**
 * Those whose symbol contains the text, the ones that begin with it first; otherwise in the order they have.
 * @param {readonly Entry[]} entries
 * @param {string} text
 * @returns {readonly Entry[]}
 */
export function matching(entries, text) {
  const wanted = text.trim().toUpperCase();
  if (!wanted) return entries;
  /** @type {Entry[]} */
  const beginning = [];
  /** @type {Entry[]} */
  const containing = [];
  for (const entry of entries) {
    const at = entry.info.symbol.toUpperCase().indexOf(wanted);
    if (at === 0) beginning.push(entry);
    else if (at > 0) containing.push(entry);
  }
  return [...beginning, ...containing];
}

/** @param {number | null} value */
const negative = (value) => value && -value;
