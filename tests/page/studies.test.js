import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KINDS, MOST, read, usual, within, written } from "../../services/rtchart/web/page/js/chart/studies.js";
import { texts } from "../../services/rtchart/web/page/js/texts.js";
import { look, parse, query } from "../../services/rtchart/web/page/js/shell/url.js";

describe("a choice of indicators", () => {
  test("is the same after it was written and read", () => {
    const all = Object.keys(KINDS).map(usual);
    assert.deepEqual(read(written(all)), all);
    assert.equal(written(all), "sma:20,ema:20,bollinger:20:2,vwap,rsi:14,macd:12:26:9");
  });
  test("is kept in an address beside the view, whatever the view", () => {
    const view = { exchange: "binance", symbol: "币安人生USDT", interval: "1m" };
    const address = query([view], { style: "line", scale: "", indicators: "sma:20,macd:12:26:9" });
    assert.deepEqual(look(address), { style: "line", scale: null, indicators: "sma:20,macd:12:26:9", compare: null });
    assert.deepEqual(parse(address), [view]);
    assert.deepEqual(look(query([view])), { style: null, scale: null, indicators: null, compare: null });
  });
  /** @type {[string, string][]} */
  const meant = [
    ["", ""],
    ["sma", "sma:20"],
    ["sma:0,ema:99999", "sma:2,ema:500"],
    ["sma:7.6,bollinger:20:2.3", "sma:8,bollinger:20:2.5"],
    ["sma:many,rsi:", "sma:20,rsi:14"],
    ["toString,__proto__:1,constructor,rsi:9:9:9", "rsi:9"],
    [Array(50).fill("sma:5").join(","), Array(MOST).fill("sma:5").join(",")],
  ];
  for (const [said, found] of meant) {
    test(`${said.slice(0, 60) || "nothing"} is meant as ${found.slice(0, 40) || "none"}`, () => {
      assert.equal(written(read(said)), found);
    });
  }
  test("every kind and setting has its text, and its usual settings are possible ones", () => {
    for (const [kind, { settings }] of Object.entries(KINDS)) {
      assert.ok(texts.studies[kind], kind);
      for (const setting of settings) {
        assert.ok(texts.settings[setting.name], setting.name);
        assert.equal(within(setting, setting.usual), setting.usual);
      }
    }
  });
});
