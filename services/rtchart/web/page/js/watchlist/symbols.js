/** All symbols there are, with what is known of each, in an order that follows the prices. No DOM. */

import { symbolKey } from "../client/identity.js";
import { entry } from "./entry.js";
import { SORTS, isLive, matching, sorted } from "./sort.js";
import { advance } from "./spark.js";

/** @import { SymbolInfo, Ticker } from "../client/protocol.js" */
/** @import { Entry } from "./entry.js" */
/** @import { Sort } from "./sort.js" */

/** A live order is looked at again at most so often (ms). */
const RESORT = 2_000;

export class Symbols {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {readonly Entry[]} all of them */
  #order = [];
  /** @type {Sort} */
  #sort = SORTS[0];
  #sortedAt = -Infinity;
  /** Whether they are of more than one venue. */
  venues = false;

  /** @param {() => number} [clock] in ms, one that never steps */
  constructor(clock = () => performance.now()) {
    this.clock = clock;
  }

  get size() {
    return this.#entries.size;
  }

  get live() {
    return isLive(this.#sort);
  }

  get sort() {
    return this.#sort;
  }

  set sort(sort) {
    this.#sort = sort;
    this.#resort();
  }

  /** @param {string} key */
  get(key) {
    return this.#entries.get(key);
  }

  /** @param {string} text */
  matching(text) {
    return matching(this.#order, text);
  }

  /**
   * These there are; what is known of those that stay is kept.
   * @param {readonly SymbolInfo[]} symbols
   * @param {boolean} held whether those that stay keep their order
   */
  replace(symbols, held) {
    const before = this.#entries;
    this.#entries = new Map();
    symbols.forEach((info, listed) => {
      const known = before.get(symbolKey(info)) ?? entry(info);
      this.#entries.set(known.key, Object.assign(known, { info, listed, changed: true }));
    });
    this.venues = new Set(symbols.map(({ exchange }) => exchange)).size > 1;
    if (!held) return this.#resort();
    const stay = this.#order.filter(({ key }) => this.#entries.has(key));
    this.#order = [...stay, ...[...this.#entries.values()].filter(({ key }) => !before.has(key))];
  }

  /** @param {readonly Ticker[]} tickers */
  update(tickers) {
    for (const ticker of tickers) {
      const entry = this.#entries.get(symbolKey(ticker));
      if (!entry) continue;
      entry.ticker = ticker;
      entry.changed = true;
      // After minutes without a word, in a tab that slept or through an outage, the server knows what was in them.
      if (entry.spark && advance(entry.spark, ticker.time, Number(ticker.price)) > 0) entry.asked = -Infinity;
    }
  }

  /**
   * Have a live order follow the prices, when it is time.
   * @returns {boolean} whether it was
   */
  follow() {
    if (!this.live || this.clock() - this.#sortedAt < RESORT) return false;
    this.#resort();
    return true;
  }

  #resort() {
    this.#sortedAt = this.clock();
    this.#order = sorted(this.#entries.values(), this.#sort);
  }
}
