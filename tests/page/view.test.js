import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bands, withGaps } from "../../services/rtchart/web/page/js/candles/bands.js";
import { WIDEST_HOLE, bar, room, volume } from "../../services/rtchart/web/page/js/chart/bars.js";
import { Store } from "../../services/rtchart/web/page/js/client/store.js";
import { TRIES, fill } from "../../services/rtchart/web/page/js/candles/fill.js";
import { choose } from "../../services/rtchart/web/page/js/shell/choose.js";
import { History } from "../../services/rtchart/web/page/js/candles/history.js";
import { parse, query } from "../../services/rtchart/web/page/js/shell/url.js";
import { MINUTE, candle } from "./samples.js";

/** @import { CandlePage, Gap } from "../../services/rtchart/web/page/js/client/protocol.js" */
/** @import { Palette } from "../../services/rtchart/web/page/js/shell/theme.js" */

const PALETTE = /** @type {Palette} */ ({
  editor: "#fff",
  "warn-fill": "#000",
  warn: "#fa0",
  "up-volume": "#0f0",
  "down-volume": "#f00",
});

/** @param {Partial<Gap>} said @returns {Gap} */
const gap = (said) => ({ start: 0, end: MINUTE, state: "open", reason: "step", ...said });

describe("bars", () => {
  test("are numbers at the library's times", () => {
    assert.deepEqual(bar(candle(), "whole", PALETTE), { time: 60, open: 10, high: 12.5, low: 9.5, close: 11.25 });
    assert.deepEqual(volume(candle(), PALETTE), { time: 60, value: 3, color: "#0f0" });
    assert.equal(volume(candle({ close: "9.6" }), PALETTE).color, "#f00");
  });

  test("show what is not whole", () => {
    const { color, borderColor, wickColor } = bar(candle(), "lacking", PALETTE);
    assert.deepEqual([color, borderColor, wickColor], ["#000", "#fa0", "#fa0"]);
    const hollow = bar(candle(), "coming", PALETTE);
    assert.deepEqual([hollow.color, hollow.wickColor], ["#fff", undefined]);
  });

  test("leave room for what is missing, within bounds", () => {
    assert.deepEqual(room("1m", undefined, 9 * MINUTE), []);
    assert.deepEqual(room("1m", MINUTE, 2 * MINUTE), []);
    assert.deepEqual(room("1m", MINUTE, 4 * MINUTE), [{ time: 120 }, { time: 180 }]);
    assert.equal(room("1s", 0, 365 * 86_400_000).length, WIDEST_HOLE);
  });
});

describe("shaded bands", () => {
  const hole = { start: 5 * MINUTE, end: 9 * MINUTE };

  test("are where no candle is", () => {
    assert.deepEqual(bands([hole], []), [{ ...hole, kind: "missing" }]);
    assert.deepEqual(bands([], []), []);
  });

  test("tell what the exchange itself lacks", () => {
    assert.deepEqual(bands([hole], [gap({ ...hole, state: "absent" })]), [{ ...hole, kind: "absent" }]);
    assert.deepEqual(bands([], [gap({ state: "absent" })]), [], "a candle with a second missing says so itself");
  });

  test("tell what is being repaired, once", () => {
    assert.deepEqual(bands([hole], [gap(hole)]), [{ ...hole, kind: "coming" }]);
    assert.deepEqual(bands([], [gap({ state: "repaired" })]), []);
  });

  test("tell what of a new symbol's past is on its way", () => {
    const later = { start: 20 * MINUTE, end: 21 * MINUTE };
    const coming = { start: 4 * MINUTE, end: 10 * MINUTE };
    assert.deepEqual(
      bands([hole, later], [], coming).map(({ kind }) => kind),
      ["coming", "missing"],
    );
    assert.deepEqual(bands([hole], [gap({ ...hole, state: "absent" })], coming), [{ ...hole, kind: "absent" }]);
  });

  test("follow a gap to its end", () => {
    const known = withGaps([gap({}), gap({ start: 1_000 })], [gap({ state: "repaired" })]);
    assert.deepEqual(known.map(({ start, state }) => [start, state]), [[1_000, "open"], [0, "repaired"]]); // prettier-ignore
  });
});

describe("a range that was repaired", () => {
  const second = (/** @type {number} */ at) => candle({ open_time: at * 1_000, received: 1, expected: 1 });
  /** @param {number[]} there which seconds the database has, more with each question @param {number} page how many it gives */
  const chart = (there, page) => {
    const store = new Store("1s");
    store.mergeAll([1, 2, 9, 10].map(second));
    /** @type {[number, number][]} */
    const asked = [];
    let news = 0;
    const needs = {
      fetch: async (/** @type {number} */ start, /** @type {number} */ end) => {
        asked.push([start / 1_000, end / 1_000]);
        if (asked.length === 1) throw new Error("503");
        const found = there.filter((at) => start <= at * 1_000 && at * 1_000 < end).slice(0, page);
        return { exchange: "sim", symbol: "BTCUSDT", interval: "1s", candles: found.map(second), next: null };
      },
      wanted: () => true,
      onNews: () => (news += 1),
    };
    return { store, asked, needs, news: () => news };
  };

  test("is asked for page by page until there is no hole", async () => {
    const { store, asked, needs, news } = chart([3, 4, 5, 6, 7, 8], 4);
    await fill(store, { start: 3_000, end: 9_000 }, needs, 0);
    assert.deepEqual(asked, [[3, 9], [3, 9], [7, 9]]); // prettier-ignore
    assert.equal(news(), 2);
    assert.deepEqual(store.holes(), []);
  });

  test("is left when nothing comes", async () => {
    const { store, asked, needs } = chart([], 4);
    await fill(store, { start: 3_000, end: 9_000 }, needs, 0);
    assert.equal(asked.length, TRIES);
  });

  test("is nobody's business when another chart is shown, or nothing lacks", async () => {
    const { store, asked, needs } = chart([3], 4);
    await fill(store, { start: 3_000, end: 9_000 }, { ...needs, wanted: () => false }, 0);
    await fill(store, { start: 20_000, end: 30_000 }, needs, 0);
    assert.deepEqual(asked, []);
  });
});

describe("what is shown", () => {
  const symbols = [
    { exchange: "sim", symbol: "BTCUSDT", intervals: ["1m", "1h"], status: "streaming" },
    { exchange: "binance", symbol: "BTCUSDT", intervals: ["1s", "1m"], status: "streaming" },
    { exchange: "binance", symbol: "币安人生USDT", intervals: ["5m"], status: "streaming" },
  ];

  test("is what was wished for", () => {
    const wish = { exchange: "binance", symbol: "BTCUSDT", interval: "1s" };
    assert.deepEqual(choose(symbols, wish), wish);
  });

  test("is the nearest to it that exists", () => {
    assert.deepEqual(choose(symbols, {}), { exchange: "sim", symbol: "BTCUSDT", interval: "1m" });
    assert.deepEqual(choose(symbols, { symbol: "NONE", interval: "1h" }), {
      exchange: "sim",
      symbol: "BTCUSDT",
      interval: "1h",
    });
    assert.deepEqual(choose(symbols, { symbol: "BTCUSDT", exchange: "nowhere", interval: "7m" })?.interval, "1m");
    assert.equal(choose(symbols, { symbol: "币安人生USDT" })?.interval, "5m");
    assert.equal(choose([], {}), null);
  });

  test("is in the address, and back", () => {
    const views = ["BTCUSDT", "币安人生USDT", "A&B=C", "A:B"].map((symbol) => ({
      exchange: "binance",
      symbol,
      interval: "1M",
    }));
    for (let count = 1; count <= 4; count += 1) {
      assert.deepEqual(parse(query(views.slice(-count))), views.slice(-count));
    }
    assert.deepEqual(parse("?symbol=&other=1"), [{}]);
    assert.deepEqual(parse("?symbol=X&beside=&beside=a:b"), [{ symbol: "X" }], "what is no chart is left out");
    assert.equal(parse(query([...views, ...views])).length, 4);
  });
});

describe("history", () => {
  /** @param {number | null} next @returns {CandlePage} */
  const page = (next) => ({ exchange: "sim", symbol: "BTCUSDT", interval: "1m", candles: [candle()], next });

  test("goes back page by page, to the beginning", async () => {
    /** @type {number[]} */
    const asked = [];
    const history = new History(async (end) => {
      asked.push(end);
      return page(end > 800 ? end - 100 : null);
    });
    assert.equal((await history.older(1_000))?.length, 1);
    await history.older(950);
    await history.older(900);
    assert.deepEqual(asked, [1_000, 900, 800], "by the server's `next`, not by the oldest candle here");
    assert.equal(history.complete, true);
    assert.equal(await history.older(700), null);
    assert.equal(asked.length, 3);
  });

  test("asks for one page at a time", async () => {
    let asked = 0;
    const history = new History(async () => {
      asked += 1;
      return page(1);
    });
    const [first, second] = await Promise.all([history.older(1_000), history.older(1_000)]);
    assert.equal(first?.length, 1);
    assert.equal(second, null);
    assert.equal(asked, 1);
  });

  test("ends where a server does not move back", async () => {
    const history = new History(async (end) => page(end));
    await history.older(1_000);
    assert.equal(history.complete, true);
  });

  test("pauses after a failure, and then goes on", async () => {
    let asked = 0;
    const history = new History(async () => {
      asked += 1;
      throw new Error("down");
    });
    await assert.rejects(history.older(1_000), /down/);
    assert.equal(await history.older(1_000), null, "not at once");
    assert.equal(asked, 1);
    assert.equal(history.complete, false);
  });
});
