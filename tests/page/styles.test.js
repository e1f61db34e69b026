import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SCALES, STYLES, among, beforeHole, datum, heikinAshi } from "../../services/rtchart/web/page/js/chart/styles.js";
import { texts } from "../../services/rtchart/web/page/js/texts.js";
import { MINUTE, candle } from "./samples.js";

const palette = /** @type {any} */ ({ editor: "background", warn: "warn", "warn-fill": "pale" });
const rising = candle({ open: "10", high: "12", low: "9", close: "11" });
const falling = candle({ open: "11", high: "12", low: "9", close: "10" });

describe("how a candle is drawn", () => {
  test("as a line, by its close", () => {
    assert.deepEqual(datum("line", rising, "whole", palette), { time: MINUTE / 1000, value: 11 });
    assert.deepEqual(datum("area", rising, "whole", palette), { time: MINUTE / 1000, value: 11 });
  });
  test("up to a hole, and not over it", () => {
    assert.equal(beforeHole("line", datum("line", rising, "whole", palette)).color, "transparent");
    assert.deepEqual(
      beforeHole("candles", datum("candles", rising, "whole", palette)),
      datum("candles", rising, "whole", palette),
    );
  });
  test("hollow, where it rose", () => {
    assert.equal(datum("hollow", rising, "whole", palette).color, "background");
    assert.equal(datum("hollow", falling, "whole", palette).color, undefined);
    assert.equal(datum("hollow", rising, "lacking", palette).color, "pale", "what lacks seconds is to be seen first");
    assert.equal(datum("candles", rising, "whole", palette).color, undefined);
  });
  test("as a bar, in the colour of warnings where seconds are missing", () => {
    const prices = { time: MINUTE / 1000, open: 10, high: 12, low: 9, close: 11 };
    assert.deepEqual(datum("bars", rising, "whole", palette), prices);
    assert.deepEqual(datum("bars", rising, "lacking", palette), { ...prices, color: "warn" });
  });
});

describe("Heikin-Ashi", () => {
  test("begins in the middle of the one before", () => {
    const first = heikinAshi(undefined, { open: 10, high: 12, low: 8, close: 11 });
    assert.deepEqual(first, { open: 10.5, high: 12, low: 8, close: 10.25 });
    assert.deepEqual(heikinAshi(first, { open: 11, high: 13, low: 11, close: 13 }), {
      open: 10.375,
      high: 13,
      low: 10.375,
      close: 12,
    });
  });
  test("reaches to its own ends, too", () => {
    const { open, high, low, close } = heikinAshi({ open: 30, close: 40 }, { open: 10, high: 12, low: 8, close: 11 });
    assert.ok(low <= Math.min(open, close) && high >= Math.max(open, close));
    assert.equal(high, 35);
  });
});

test("what nobody knows is the usual one", () => {
  assert.equal(among(STYLES, "heikin-ashi"), "heikin-ashi");
  for (const said of [null, undefined, "", "Candles", "toString"]) assert.equal(among(STYLES, said), "candles");
  assert.equal(among(SCALES, "cubic"), "linear");
});

test("every style and scale has its text", () => {
  for (const style of STYLES) assert.ok(texts.styles[style]);
  for (const scale of SCALES) assert.ok(texts.scales[scale]);
});
