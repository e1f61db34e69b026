/** How whole the symbols are: their order, and how it is said. No DOM. */

import { byName } from "../client/identity.js";
import { SILENCE } from "../client/store.js";

/** @import { SymbolHealth } from "../client/protocol.js" */

/** Seconds that are looked at. */
export const DAY = 86_400;
/** A streamed symbol whose newest second ended longer ago is late (ms): the others' are a second old at most. */
const LATE = SILENCE * 1_000;

/** From the worst to the best; each symbol is one of these. */
const CONDITIONS = /** @type {const} */ (["stale", "late", "lacking", "paused", "whole"]);

/** @typedef {typeof CONDITIONS[number]} Condition */

/**
 * @typedef {object} Row
 * @property {SymbolHealth} symbol
 * @property {Condition} condition
 * @property {number | null} age since its newest second ended, in ms; `null`: none came
 */

/**
 * How long ago a symbol's newest second ended, in ms; `null`: none came.
 * @param {SymbolHealth} symbol
 * @param {number} time the server's
 */
export const age = ({ newest }, time) => (newest === null ? null : Math.max(0, time - newest - 1_000));

/**
 * The worst that can be said of a symbol.
 * @param {SymbolHealth} symbol
 * @param {number} time the server's
 * @returns {Condition}
 */
export function condition(symbol, time) {
  const { status, missing, open } = symbol;
  if (["stale", "refused", "unknown"].includes(status)) return "stale";
  const paused = status === "halted" || status === "suspended"; // by the exchange or by its owner: nothing new is to come
  if (!paused && (age(symbol, time) ?? Infinity) > LATE) return "late";
  if (missing || open) return "lacking";
  return paused ? "paused" : "whole";
}

/**
 * Each symbol, worst first.
 * @param {readonly SymbolHealth[]} symbols
 * @param {number} time the server's
 * @returns {Row[]}
 */
export function rows(symbols, time) {
  const found = symbols.map((symbol) => ({ symbol, condition: condition(symbol, time), age: age(symbol, time) }));
  return found.sort(
    (a, b) =>
      CONDITIONS.indexOf(a.condition) - CONDITIONS.indexOf(b.condition) ||
      b.symbol.missing - a.symbol.missing ||
      b.symbol.open - a.symbol.open ||
      // Those that work are a fraction of a second apart, now in this order, now in that.
      (a.condition === "whole" ? 0 : (b.age ?? Infinity) - (a.age ?? Infinity) || 0) ||
      byName(a.symbol, b.symbol),
  );
}

/**
 * The first `most` rows whose symbol has `name` in it, how many more there are, and how many of these lack something.
 * @param {readonly Row[]} rows
 * @param {string} name
 * @param {number} most
 */
export function within(rows, name, most) {
  const wanted = name.trim().toUpperCase();
  const found = rows.filter(({ symbol }) => symbol.symbol.toUpperCase().includes(wanted));
  const rest = found.slice(most);
  const { whole, paused } = tally(rest);
  return { shown: found.slice(0, most), more: rest.length, lacking: rest.length - whole - paused };
}

/**
 * How many symbols are in each condition.
 * @param {readonly Row[]} rows
 */
export function tally(rows) {
  const found = { stale: 0, late: 0, lacking: 0, paused: 0, whole: 0 };
  for (const { condition } of rows) found[condition] += 1;
  return found;
}

/**
 * How much of a day is there, `99.998 %`. It is cut, not rounded, at what tells one second: it says 100 only when none lacks.
 * @param {number} missing seconds
 */
export function completeness(missing) {
  if (missing <= 0) return "100 %";
  return `${(Math.floor(((DAY - Math.min(missing, DAY)) * 100_000) / DAY) / 1_000).toFixed(3)} %`;
}
