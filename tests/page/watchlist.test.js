/** The list of symbols without its document: orders, the line of the last hour, what is asked for, and which rows there are. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { entry, freshness } from "../../services/rtchart/web/page/js/watchlist/entry.js";
import { scrollFor, sight, span, step } from "../../services/rtchart/web/page/js/watchlist/place.js";
import { SORTS, isLive, matching, sorted } from "../../services/rtchart/web/page/js/watchlist/sort.js";
import { advance, path, spark, trend } from "../../services/rtchart/web/page/js/watchlist/spark.js";
import { Sparks } from "../../services/rtchart/web/page/js/watchlist/sparks.js";
import { Symbols } from "../../services/rtchart/web/page/js/watchlist/symbols.js";
import { MINUTE } from "./samples.js";

/** @import { SymbolInfo, Ticker } from "../../services/rtchart/web/page/js/client/protocol.js" */
/** @import { Entry } from "../../services/rtchart/web/page/js/watchlist/entry.js" */

/**
 * @param {string} symbol
 * @returns {SymbolInfo}
 */
const info = (symbol, exchange = "binance") => ({ exchange, symbol, intervals: ["1m"], status: "streaming" });

/**
 * @param {string} symbol
 * @param {Partial<Ticker>} [said]
 * @returns {Ticker}
 */
const ticker = (symbol, said = {}) => ({
  exchange: "binance",
  symbol,
  price: "10",
  open: "10",
  high: "10",
  low: "10",
  volume: "1",
  time: 0,
  ...said,
});

/**
 * @param {string} symbol
 * @param {Partial<Ticker>} [said] nothing: no ticker came
 */
const known = (symbol, said) => ({ ...entry(info(symbol)), ticker: said ? ticker(symbol, said) : null });

/** @param {Iterable<Entry>} entries */
const names = (entries) => Array.from(entries, ({ info }) => info.symbol).join(" ");

const ENTRIES = [
  known("ETH", { price: "11", volume: "1000", time: 3_000 }),
  known("NEW"),
  known("BTC", { price: "9", volume: "7000", time: 1_000 }),
  known("ADA", { price: "10", volume: "2", time: 2_000 }),
  known("FREE", { price: "10", volume: "2", time: 2_000 }),
].map((entry, listed) => ({ ...entry, listed }));

test("every order, with what has no such value last", () => {
  const orders = Object.fromEntries(SORTS.map((sort) => [sort, names(sorted(ENTRIES.toReversed(), sort))]));
  assert.deepEqual(orders, {
    listed: "ETH NEW BTC ADA FREE",
    name: "ADA BTC ETH FREE NEW",
    rising: "ETH ADA FREE BTC NEW",
    falling: "BTC ADA FREE ETH NEW",
    traded: "BTC ETH ADA FREE NEW",
    price: "ETH ADA FREE BTC NEW",
    oldest: "BTC ADA FREE ETH NEW",
  });
  assert.deepEqual(SORTS.filter((sort) => !isLive(sort)), ["listed", "name"]); // prettier-ignore
});

test("the same name of two venues, and a day that began with no price", () => {
  const same = [entry(info("BTC", "sim")), entry(info("BTC", "binance"))];
  assert.deepEqual(sorted(same, "name").map(({ info }) => info.exchange), ["binance", "sim"]); // prettier-ignore
  assert.equal(names(sorted([known("A", { open: "0" }), known("B", { price: "1" })], "rising")), "B A");
});

test("a text finds what begins with it before what contains it", () => {
  const entries = ["ETHBTC", "BTCUSDT", "WBTC", "BTCEUR", "SOL"].map((symbol) => known(symbol));
  assert.equal(names(matching(entries, " btc ")), "BTCUSDT BTCEUR ETHBTC WBTC");
  assert.equal(matching(entries, " "), entries);
  assert.equal(names(matching(entries, "xyz")), "");
});

test("a live order follows the prices every two seconds, and holds still for whoever is at it", () => {
  let now = 0;
  const symbols = new Symbols(() => now);
  symbols.sort = "price";
  symbols.replace(["A", "B", "C"].map((name) => info(name)), false); // prettier-ignore
  symbols.update([ticker("A", { price: "1" }), ticker("B", { price: "2" }), ticker("C", { price: "3" }), ticker("gone")]);
  now = 1_999;
  assert.equal(symbols.follow(), false);
  now = 2_000;
  assert.equal(symbols.follow(), true);
  assert.equal(names(symbols.matching("")), "C B A");

  symbols.update([ticker("A", { price: "9" })]);
  symbols.replace(["A", "B", "D", "C"].map((name) => info(name)), true); // prettier-ignore
  assert.equal(names(symbols.matching("")), "C B A D");
  symbols.replace(["A", "B", "D"].map((name) => info(name)), false); // prettier-ignore
  assert.equal(names(symbols.matching("")), "A B D");
  symbols.sort = "listed";
  now = 10_000;
  assert.equal(symbols.follow(), false);
});

test("the forming minute has the last price, and a minute that turns moves the others up", () => {
  const line = spark(0, ["1", null, "3"]);
  assert.equal(advance(line, 2.5 * MINUTE, 4), 0);
  assert.deepEqual(line, { start: 0, closes: [1, null, 4] });
  assert.equal(advance(line, MINUTE, 9), 0, "old news");
  assert.deepEqual(line.closes, [1, null, 4]);
  assert.equal(advance(line, 3 * MINUTE, 5), 0);
  assert.deepEqual(line, { start: MINUTE, closes: [null, 4, 5] });
  assert.equal(advance(line, 5 * MINUTE, 6), 1, "a minute is not known");
  assert.deepEqual(line, { start: 3 * MINUTE, closes: [5, null, 6] });
  assert.equal(advance(line, 500 * MINUTE, 7), 494);
  assert.deepEqual(line, { start: 498 * MINUTE, closes: [null, null, 7] });
  assert.equal(advance(spark(0, []), 0, 1), 0);
});

test("the line is scaled to its size and breaks where a candle lacks", () => {
  assert.equal(path([1, 3, 2], 42, 22), "M1 21L21 1L41 11");
  assert.equal(path([1, null, 3, 2, null, 1], 52, 22), "M1 21h0M21 1L31 11M51 21h0");
  assert.equal(path([5, 5], 42, 22), "M1 11L41 11");
  assert.equal(path([null, null], 42, 22), "");
  assert.equal(path([], 42, 22), "");
  assert.deepEqual([[null, 1, null, 2], [2, 1], [1, 1], [null]].map(trend), ["up", "down", "", ""]); // prettier-ignore
});

test("how old the newest second is", () => {
  const told = { ...entry(info("A")), ticker: ticker("A", { time: 1_000 }) }; // until 2,000
  const states = [0, 6_999, 7_000, 32_000, 32_001].map((now) => freshness(told, now).state);
  assert.deepEqual(states, ["fresh", "fresh", "late", "late", "stale"]);
  assert.deepEqual(freshness(told, 14_700), { state: "late", seconds: 12, until: 2_000 });
  assert.equal(freshness({ ...told, info: { ...told.info, status: "stale" } }, 2_000).state, "stale");
  assert.equal(freshness(entry(info("A")), 2_000).state, "");
});

/**
 * @param {Entry[]} entries what is in sight
 * @param {(symbols: string[]) => unknown} [answer] raises what the server has against it
 */
function asking(entries, answer = () => {}) {
  const state = { now: 0, news: 0, asked: /** @type {string[]} */ ([]), entries };
  const sparks = new Sparks({
    fetchCloses: async (exchange, symbols, interval, limit) => {
      state.asked.push(`${exchange} ${symbols.length} ${symbols[0]} ${interval} ${limit}`);
      await answer(symbols);
      return { interval, start: 0, closes: symbols.map((symbol) => ({ exchange, symbol, closes: ["1", "2"] })) };
    },
    inSight: () => state.entries,
    onNews: () => (state.news += 1),
    clock: () => state.now,
  });
  return { state, sparks };
}

const many = (/** @type {number} */ count) => Array.from({ length: count }, (_, at) => entry(info(`S${at}`)));

test("closes are asked for some at a time, of one exchange, and again after five minutes", async () => {
  const entries = [...many(60), entry(info("OTHER", "sim"))];
  const [first] = /** @type {[Entry]} */ (/** @type {unknown} */ (entries));
  first.ticker = ticker("S0", { time: MINUTE + 1, price: "7" });
  const { state, sparks } = asking(entries);
  await Promise.all([sparks.look(), sparks.look()]);
  assert.deepEqual(state.asked, ["binance 50 S0 1m 60", "binance 10 S50 1m 60", "sim 1 OTHER 1m 60"]);
  assert.deepEqual(first.spark?.closes, [1, 7], "seconds came meanwhile");
  assert.equal(state.news, 3);

  state.now = 5 * MINUTE - 1;
  await sparks.look();
  assert.equal(state.asked.length, 3);
  state.now = 5 * MINUTE;
  state.entries = entries.slice(0, 2);
  await sparks.look();
  assert.deepEqual(state.asked.slice(3), ["binance 2 S0 1m 60"]);
});

test("a request that fails is made again after a while, or when the server says", async () => {
  /** @type {object | null} */
  let error = { status: 0, retryAfter: 0 };
  const { state, sparks } = asking(many(3), () => {
    if (error) throw error;
  });
  /** @param {number} now */
  const askedAt = async (now) => {
    state.now = now;
    await sparks.look();
    return state.asked.length;
  };
  assert.deepEqual([await askedAt(0), await askedAt(9_999)], [1, 1]);
  error = { status: 429, retryAfter: 30 };
  assert.deepEqual([await askedAt(10_000), await askedAt(39_999)], [2, 2]);
  error = null;
  assert.deepEqual([await askedAt(40_000), await askedAt(60_000)], [3, 3]);
  assert.ok(state.entries.every(({ spark }) => spark));
});

test("a symbol that the server does not know keeps no other from its line", async () => {
  const entries = many(20);
  const { state, sparks } = asking(entries, (symbols) => {
    if (symbols.includes("S7")) throw { status: 404 };
  });
  await sparks.look();
  assert.equal(entries.filter(({ spark }) => spark).length, 19);
  assert.ok(state.asked.length < 12);
});

test("minutes without a word are asked for", () => {
  const symbols = new Symbols();
  symbols.replace([info("A")], false);
  const a = /** @type {Entry} */ (symbols.get("binance:A"));
  Object.assign(a, { spark: spark(0, ["1", "2"]), asked: 5 });
  symbols.update([ticker("A", { time: 2 * MINUTE })]);
  assert.equal(a.asked, 5);
  symbols.update([ticker("A", { time: 9 * MINUTE })]);
  assert.equal(a.asked, -Infinity);
});

const PLACE = { scroll: 0, height: 460, row: 46, count: 1_500 };

test("only the rows around those in sight are there, and all of a short list", () => {
  assert.deepEqual(sight(PLACE), { first: 0, end: 10 });
  assert.deepEqual(span(PLACE), { first: 0, end: 18 });
  assert.deepEqual(sight({ ...PLACE, scroll: 4_610 }), { first: 100, end: 111 });
  assert.deepEqual(span({ ...PLACE, scroll: 4_610 }), { first: 92, end: 119 });
  assert.deepEqual(span({ ...PLACE, scroll: 1e9 }), { first: 1_482, end: 1_500 }, "it was longer before");
  assert.deepEqual(span({ ...PLACE, count: 40, scroll: 1_000 }), { first: 0, end: 40 });
  assert.deepEqual(span({ ...PLACE, count: 0 }), { first: 0, end: 0 });
  assert.deepEqual(span({ ...PLACE, height: 0 }), { first: 0, end: 8 }, "it is hidden");
});

test("a row is scrolled to no farther than needed", () => {
  const scrolled = { ...PLACE, scroll: 1_000 };
  assert.deepEqual([22, 30, 31, 40, 21, 0].map((at) => scrollFor(at, scrolled)), [1_000, 1_000, 1_012, 1_426, 966, 0]); // prettier-ignore
});

test("the keys lead through the list, and out of it above", () => {
  /** @type {[string, number, number | null][]} */
  const steps = [
    ["ArrowDown", -1, 0],
    ["ArrowDown", 1_499, 1_499],
    ["ArrowUp", 0, -1],
    ["ArrowUp", 7, 6],
    ["PageDown", 0, 9],
    ["PageDown", 1_498, 1_499],
    ["PageUp", 5, 0],
    ["Home", 800, 0],
    ["End", 0, 1_499],
    ["Enter", 3, null],
  ];
  for (const [key, at, to] of steps) assert.equal(step(key, at, PLACE), to, key);
  assert.equal(step("PageDown", 3, { ...PLACE, height: 10 }), 4);
});
