/** A symbol of the list, and all that is known of it. No DOM. */

import { symbolKey } from "../client/identity.js";
import { SILENCE } from "../client/store.js";
import { decimals } from "../lib/format.js";

/** @import { SymbolInfo, Ticker } from "../client/protocol.js" */
/** @import { Spark } from "./spark.js" */

/**
 * @typedef {object} Entry
 * @property {string} key
 * @property {SymbolInfo} info
 * @property {number} listed its place as the server lists them
 * @property {Ticker | null} ticker
 * @property {number} precision decimals of its prices: the most that any of them used
 * @property {Spark | null} spark the closes of its last hour
 * @property {number} asked when they were asked for, by the clock of `Sparks`; -Infinity: they are to be asked for
 * @property {boolean} changed whether something came that is not drawn yet
 */

/**
 * @param {SymbolInfo} info
 * @returns {Entry}
 */
export const entry = (info) => ({
  key: symbolKey(info),
  info,
  listed: 0,
  ticker: null,
  precision: decimals([info.tick_size ?? "", info.price ?? ""]),
  spark: null,
  asked: -Infinity,
  changed: true,
});

/** From this age on (ms) a symbol's newest second is late. */
const LATE = SILENCE * 1_000;
/** Beyond this one it is stale: what is shown is no longer the price. */
const STALE = 30_000;

/**
 * How old what is shown of a symbol is; the state is empty where nothing ever came.
 * @param {Entry} entry
 * @param {number} now the server's time in ms
 * @returns {{ state: "" | "fresh" | "late" | "stale", seconds: number, until: number }} `until`: the end of its newest second
 */
export function freshness({ info, ticker }, now) {
  if (!ticker) return { state: "", seconds: 0, until: 0 };
  const until = ticker.time + 1000; // a ticker's time is when its second began
  const age = Math.max(0, now - until);
  const state = info.status === "stale" || age > STALE ? "stale" : age >= LATE ? "late" : "fresh";
  return { state, seconds: Math.floor(age / 1000), until };
}
