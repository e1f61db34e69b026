import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Running, bollinger, ema, macd, rsi, sma, vwap } from "../../services/rtchart/web/page/js/chart/indicators.js";

/** @import { Bar, Indicator } from "../../services/rtchart/web/page/js/chart/indicators.js" */

/**
 * The rows of a file of recorded data.
 * @param {string} name
 */
const rows = (name) =>
  readFileSync(new URL(`../data/${name}`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(","));

/** @type {Bar[]} a day's minutes */
const minutes = rows("BTCUSDT-1m-2025-11-01.csv").map(([time, , high, low, close, volume]) => ({
  open_time: Number(time) / 1000,
  high: Number(high),
  low: Number(low),
  close: Number(close),
  volume: Number(volume),
}));

/**
 * Bars of these closes, a minute each.
 * @param {number[]} closes
 * @returns {Bar[]}
 */
const bars = (...closes) => closes.map((close, at) => ({ open_time: at * 60_000, high: close, low: close, close, volume: 1 }));

/**
 * What an indicator makes of bars.
 * @param {Indicator<any>} indicator
 * @param {Bar[]} among
 */
const along = (indicator, among) => {
  const running = new Running(indicator);
  return among.map((bar) => running.add(bar));
};

const EVERY = { sma: sma(3), bollinger: bollinger(3, 2), ema: ema(3), vwap: vwap(), rsi: rsi(3), macd: macd(2, 3, 2) };

describe("values are those of TA-Lib", () => {
  const [header = [], ...table] = rows("indicators.csv");
  /** @type {[string, Indicator<any>, string][]} column, indicator, line of it */
  const columns = [
    ["sma_20", sma(20), "sma"],
    ["ema_20", ema(20), "ema"],
    ["bollinger_upper", bollinger(20, 2), "upper"],
    ["bollinger_middle", bollinger(20, 2), "middle"],
    ["bollinger_lower", bollinger(20, 2), "lower"],
    ["rsi_14", rsi(14), "rsi"],
    ["macd", macd(12, 26, 9), "macd"],
    ["macd_signal", macd(12, 26, 9), "signal"],
    ["macd_histogram", macd(12, 26, 9), "histogram"],
  ];
  test("each column is tried", () => {
    assert.deepEqual(["open_time", ...columns.map(([column]) => column)], header);
    assert.equal(table.length, 62);
  });
  for (const [column, indicator, line] of columns) {
    test(column, () => {
      const found = new Map(along(indicator, minutes).map((values, at) => [minutes[at]?.open_time, values[line]]));
      for (const row of table) {
        const [mine, theirs] = [found.get(Number(row[0])), Number(row[header.indexOf(column)])];
        assert.ok(mine !== undefined && Math.abs(mine - theirs) < 1e-6, `${row[0]}: ${mine} is not ${theirs}`);
      }
    });
  }
});

describe("by hand", () => {
  test("an average waits until there are enough", () => {
    assert.deepEqual(along(sma(3), bars(1, 2, 6, 7)), [{ sma: undefined }, { sma: undefined }, { sma: 3 }, { sma: 5 }]);
  });
  test("an exponential one begins with the plain one", () => {
    assert.deepEqual(
      along(ema(3), bars(1, 2, 6, 7)).map(({ ema }) => ema),
      [undefined, undefined, 3, 5],
    );
  });
  test("the volume-weighted price begins anew each day, and is none without trades", () => {
    /** @type {Bar[]} */
    const some = [
      { open_time: 0, high: 3, low: 1, close: 2, volume: 0 },
      { open_time: 60_000, high: 3, low: 1, close: 2, volume: 1 },
      { open_time: 120_000, high: 6, low: 6, close: 6, volume: 3 },
      { open_time: 86_400_000, high: 9, low: 9, close: 9, volume: 5 },
    ];
    assert.deepEqual(
      along(vwap(), some).map(({ vwap }) => vwap),
      [undefined, 2, 5, 9],
    );
  });
  test("of a day whose beginning is not there the volume-weighted price is none", () => {
    const [late, next] = [
      { open_time: 86_400_000 - 60_000, high: 5, low: 5, close: 5, volume: 1 },
      { open_time: 86_400_000 + 60_000, high: 7, low: 7, close: 7, volume: 1 },
    ];
    assert.deepEqual(
      along(vwap(), [late, next]).map(({ vwap }) => vwap),
      [undefined, 7],
    );
  });
  test("strength is 100 where all rises, 0 where all falls, and 50 where nothing moves", () => {
    const last = (/** @type {number[]} */ ...closes) => along(rsi(3), bars(...closes)).at(-1)?.rsi;
    assert.equal(last(1, 2, 3, 4), 100);
    assert.equal(last(4, 3, 2, 1), 0);
    assert.equal(last(2, 2, 2, 2), 50);
    assert.equal(last(1, 2, 3), undefined);
  });
});

for (const [name, indicator] of Object.entries(EVERY)) {
  test(`${name}: to look at the forming candle, however often, changes nothing`, () => {
    const [looked, taken] = [
      new Running(/** @type {Indicator<any>} */ (indicator)),
      new Running(/** @type {any} */ (indicator)),
    ];
    for (const bar of minutes.slice(0, 50)) {
      for (const close of [bar.low, bar.high, bar.close]) looked.peek({ ...bar, close });
      assert.deepEqual(looked.peek(bar), taken.add(bar));
      looked.add(bar);
    }
  });
}
