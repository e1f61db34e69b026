import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { csv, fileName } from "../../services/rtchart/web/page/js/export/csv.js";
import { MINUTE, candle } from "./samples.js";

const VIEW = { exchange: "binance", symbol: "BTCUSDT", interval: "1m" };
const HEAD =
  "exchange,symbol,interval,open_time,time,open,high,low,close,volume,quote_volume,trades,taker_buy_volume," +
  "taker_buy_quote_volume,received,expected,source,revision,closed";

describe("candles as CSV", () => {
  test("have a row each, and decimal strings as they came", () => {
    const candles = [
      candle({ open: "97412.36000000", volume: "0.00000512" }),
      candle({ open_time: 2 * MINUTE, closed: false, source: "venue", high: "123456789012345678901234567890.5" }),
    ];
    assert.equal(
      csv(VIEW, candles, []),
      [
        HEAD,
        "binance,BTCUSDT,1m,60000,1970-01-01T00:01:00.000Z,97412.36000000,12.5,9.5,11.25,0.00000512,33,7,1,11,60,60,stream,0,true",
        "binance,BTCUSDT,1m,120000,1970-01-01T00:02:00.000Z,10.0,123456789012345678901234567890.5,9.5,11.25,3,33,7,1,11,60,60,venue,0,false",
        "",
      ].join("\r\n"),
    );
    assert.equal(csv(VIEW, [], []), `${HEAD}\r\n`);
  });
  test("have a column for each line of an indicator, empty where it has no value", () => {
    const indicators = [
      { name: "SMA 20", values: new Map([[2 * MINUTE, 10.25]]) },
      { name: "MACD 12 26 9 histogram", values: new Map([[MINUTE, -1e-7], [2 * MINUTE, NaN]]) }, // prettier-ignore
    ];
    const [head, first, second] = csv(VIEW, [candle(), candle({ open_time: 2 * MINUTE })], indicators).split("\r\n");
    assert.equal(head, `${HEAD},SMA 20,MACD 12 26 9 histogram`);
    assert.match(first ?? "", /,true,,-1e-7$/);
    assert.match(second ?? "", /,true,10.25,$/);
  });
  test("are quoted where that is needed, and no formula to a spreadsheet", () => {
    const names = ['a "b", c', "line\nbreak", "=1+1", "+1", "@x", "-x", "-1.5", "\tx", '=HYPERLINK("x")'];
    const indicators = names.map((name) => ({ name, values: new Map() }));
    const head = csv({ ...VIEW }, [], indicators);
    assert.equal(
      head.slice(HEAD.length),
      ',"a ""b"", c","line\nbreak",\'=1+1,\'+1,\'@x,\'-x,-1.5,\'\tx,"\'=HYPERLINK(""x"")"\r\n',
    );
    const [, row] = csv({ ...VIEW, symbol: "=cmd|' /C calc'!A0" }, [candle()], []).split("\r\n");
    assert.match(row ?? "", /^binance,'=cmd\|/);
    // A price that is none is a text like any other.
    assert.match(csv(VIEW, [candle({ open: "=1" })], []), /Z,'=1,/);
  });
});

describe("a file's name", () => {
  const [from, to] = [Date.UTC(2026, 10, 27, 6, 15), Date.UTC(2026, 10, 27, 7, 35, 9)];
  test("says what is in it, in UTC", () => {
    assert.equal(fileName(VIEW, from, to, "csv"), "BTCUSDT-1m-20261127T0615-20261127T0735.csv");
    assert.equal(fileName({ ...VIEW, interval: "1s" }, from, to, "png"), "BTCUSDT-1s-20261127T061500-20261127T073509.png");
  });
  test("is one to every system", () => {
    for (const symbol of [
      "../../etc",
      'a:b*c?"<>|\\/',
      "CON.x",
      ".hidden",
      "",
      "币安人生USDT",
      "x".repeat(400),
      "a\u0000b\n",
    ]) {
      const name = fileName({ ...VIEW, symbol }, from, to, "csv");
      assert.match(name, /^[\p{L}\p{N}_-]+\.csv$/u);
      assert.ok(name.length < 120);
    }
    assert.equal(fileName({ ...VIEW, symbol: "" }, from, to, "csv"), "chart-1m-20261127T0615-20261127T0735.csv");
    assert.match(fileName({ ...VIEW, symbol: "币安人生USDT" }, from, to, "csv"), /^币安人生USDT-/);
  });
});
