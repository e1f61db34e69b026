/** The prices that people marked, symbol by symbol: lines, and alerts. Kept by this browser, for all of its tabs. */

import { compare, plain } from "./decimal.js";

/** @import { Side } from "./crossing.js" */

const KEY = "marks";
/** How many a symbol can have, and how many there can be in all. */
export const MOST = { symbol: 20, all: 200 };

/**
 * @typedef {object} Mark
 * @property {string} price A decimal string.
 * @property {"line" | "alert"} kind
 * @property {Side} [from] On which side of an alert the price was when it was made; not there while it is not known.
 * @property {number} [rung] When the alert rang (ms): it does so once.
 *
 * @typedef {"added" | "there" | "symbolFull" | "allFull"} Outcome What became of a mark.
 */

/**
 * What tells a mark from the others of its symbol.
 * @param {Mark} mark
 */
export const idOf = ({ kind, price }) => `${kind} ${price}`;

export class Marks {
  /** @type {Map<string, readonly Mark[]>} by `exchange:symbol` */
  #all = new Map();
  /** @type {(() => void)[]} */
  #watchers = [];
  /** @type {string | null} what the storage had when it was last looked at */
  #stored = null;

  /**
   * @param {(key: string) => string | null} recall
   * @param {(key: string, value: string) => void} remember
   */
  constructor(recall, remember) {
    this.recall = recall;
    this.remember = remember;
    this.reload();
  }

  /** @param {() => void} listener hears of every change, whoever made it */
  watch(listener) {
    this.#watchers.push(listener);
  }

  /**
   * The marks of a symbol, highest price first.
   * @param {string} symbol `exchange:symbol`
   * @returns {readonly Mark[]}
   */
  of(symbol) {
    return this.#all.get(symbol) ?? [];
  }

  /** All of them, each with its symbol. */
  all() {
    return [...this.#all].flatMap(([symbol, marks]) => marks.map((mark) => ({ ...mark, symbol })));
  }

  /**
   * Mark a price. An alert that has rung already is set again by this.
   * @param {string} symbol `exchange:symbol`
   * @param {Mark} mark
   * @returns {Outcome}
   */
  add(symbol, mark) {
    this.reload();
    const price = plain(mark.price) ?? mark.price;
    const added = { ...mark, price };
    const others = this.of(symbol).filter((other) => idOf(other) !== idOf(added));
    const before = this.of(symbol).find((other) => idOf(other) === idOf(added));
    if (before && before.rung === undefined) return "there";
    if (!before && others.length >= MOST.symbol) return "symbolFull";
    if (!before && this.all().length >= MOST.all) return "allFull";
    this.#keep(symbol, [...others, added]);
    return "added";
  }

  /**
   * @param {string} symbol `exchange:symbol`
   * @param {Mark} mark
   */
  remove(symbol, mark) {
    this.reload();
    const left = this.of(symbol).filter((other) => idOf(other) !== idOf(mark));
    if (left.length < this.of(symbol).length) this.#keep(symbol, left);
  }

  /**
   * More is known of a mark now. Whether it is still there.
   * @param {string} symbol `exchange:symbol`
   * @param {Mark} mark
   * @param {Pick<Mark, "from" | "rung">} news
   */
  change(symbol, mark, news) {
    this.reload();
    const at = this.of(symbol).findIndex((other) => idOf(other) === idOf(mark));
    const found = this.of(symbol)[at];
    if (!found) return false;
    this.#keep(symbol, this.of(symbol).with(at, { ...found, ...news }));
    return true;
  }

  /**
   * Take what another tab may have written. What every change here begins with too, so that none of another tab's is lost.
   *
   * Where nothing is stored (it is off, or somebody emptied it) or rubbish is, what is here stays; and so it does where the
   * storage still has what it had, as when it is full and took nothing.
   */
  reload() {
    const text = this.recall(KEY);
    if (text === null || text === this.#stored) return;
    this.#stored = text;
    const found = parse(text);
    if (!found) return;
    this.#all = found;
    this.#tell();
  }

  /**
   * @param {string} symbol
   * @param {readonly Mark[]} marks
   */
  #keep(symbol, marks) {
    if (marks.length) this.#all.set(symbol, sorted(marks));
    else this.#all.delete(symbol);
    this.remember(KEY, JSON.stringify(Object.fromEntries(this.#all)));
    this.#stored = this.recall(KEY);
    this.#tell();
  }

  #tell() {
    for (const listener of [...this.#watchers]) listener();
  }
}

/** @param {readonly Mark[]} marks */
const sorted = (marks) => marks.toSorted((a, b) => compare(b.price, a.price) || (a.kind < b.kind ? -1 : 1));

/**
 * What was stored, as far as it is marks; `null` when it is none of ours at all.
 * @param {string} text
 */
function parse(text) {
  let stored;
  try {
    stored = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) return null;
  let room = MOST.all;
  /** @type {Map<string, readonly Mark[]>} */
  const all = new Map();
  for (const [symbol, marks] of Object.entries(stored)) {
    if (!/^[^:]+:[^:]+$/.test(symbol) || !Array.isArray(marks)) continue;
    const byId = new Map(marks.flatMap(meant).map((mark) => [idOf(mark), mark]));
    const some = [...byId.values()].slice(0, Math.min(MOST.symbol, room));
    room -= some.length;
    if (some.length) all.set(symbol, sorted(some));
  }
  return all;
}

/**
 * The mark that somebody stored, or none.
 * @param {any} stored
 * @returns {Mark[]}
 */
function meant(stored) {
  const { price: text, kind, from, rung } = stored ?? {};
  const price = plain(text);
  if (price === null || compare(price, "0") <= 0 || (kind !== "line" && kind !== "alert")) return [];
  if (kind === "line") return [{ price, kind }];
  const known = from === "above" || from === "below";
  return [{ price, kind, ...(known && { from }), ...(Number.isFinite(rung) && { rung }) }];
}
