import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explain, reading } from "../../services/rtchart/web/page/js/candles/explain.js";
import { Store } from "../../services/rtchart/web/page/js/client/store.js";
import { Zone } from "../../services/rtchart/web/page/js/lib/zone.js";
import { MINUTE, candle } from "./samples.js";

/** @import { Gap } from "../../services/rtchart/web/page/js/client/protocol.js" */
/** @import { Condition } from "../../services/rtchart/web/page/js/candles/completeness.js" */

const zone = new Zone();

/** @param {Partial<Gap>} said @returns {Gap} */
const gap = (said) => ({ start: MINUTE + 9_000, end: MINUTE + 38_000, state: "open", reason: "reconnect", ...said });

/**
 * @param {Condition} condition
 * @param {Gap[]} gaps
 */
function known(condition, gaps) {
  const store = new Store("1m");
  store.merge(candle({ open_time: MINUTE, received: 31, closed: true }));
  return { store, gaps, condition: () => condition };
}

describe("what is told of a candle", () => {
  test("is nothing when it is whole", () => {
    assert.deepEqual(explain(MINUTE, known("whole", []), [], 9 * MINUTE, zone), []);
  });

  test("is what lacks, why, and what is being done", () => {
    assert.deepEqual(explain(MINUTE, known("coming", [gap({})]), [], 9 * MINUTE, zone), [
      "29 of 60 seconds are missing.",
      "1970-01-01 00:01:09 – 00:01:38: the connection to the exchange was lost",
      "Being repaired: the exchange is asked for it.",
    ]);
    const absent = explain(MINUTE, known("lacking", [gap({ state: "absent", reason: "step" })]), [], 9 * MINUTE, zone);
    assert.equal(absent.at(-1), "The exchange itself has nothing for it; nothing more is done.");
  });

  test("does not speak of what was repaired, nor of other times", () => {
    const gaps = [gap({ state: "repaired" }), gap({ start: 5 * MINUTE, end: 6 * MINUTE })];
    assert.deepEqual(explain(MINUTE, known("lacking", gaps), [], 9 * MINUTE, zone), [
      "29 of 60 seconds are missing.",
      "Nothing is known of the reason; nothing is being done.",
    ]);
  });

  test("is the length of a stretch without any", () => {
    const band = { start: 2 * MINUTE, end: 5 * MINUTE, kind: /** @type {const} */ ("missing") };
    assert.equal(
      explain(3 * MINUTE, known("whole", []), [band], 9 * MINUTE, zone)[0],
      "No candle from 1970-01-01 00:02:00 to 1970-01-01 00:05:00.",
    );
  });

  test("stays short, whatever happened", () => {
    const gaps = [...Array(9).keys()].map((at) => gap({ start: MINUTE + at * 2_000, end: MINUTE + at * 2_000 + 1_000 }));
    const lines = explain(MINUTE, known("coming", gaps), [], 9 * MINUTE, zone);
    assert.equal(lines.length, 6);
    assert.equal(lines[4], "… and 6 more gaps");
  });
});

describe("a candle read aloud", () => {
  test("is its values and that it is whole", () => {
    const store = new Store("1m");
    const whole = candle({ open_time: MINUTE, received: 60, closed: true, open: "1.5", high: "2", low: "1", close: "1.25" });
    store.merge(whole);
    const said = reading(whole, { store, gaps: [], condition: () => "whole" }, [], 9 * MINUTE, zone, 2);
    assert.equal(said, "1970-01-01 00:01: open 1.50, high 2.00, low 1.00, close 1.25. Every second of this candle came in.");
  });

  test("is what lacks of it, and before it", () => {
    const store = new Store("1m");
    store.merge(candle({ open_time: MINUTE, received: 60, closed: true }));
    const lacking = candle({ open_time: 5 * MINUTE, received: 31, closed: true });
    store.merge(lacking);
    const gaps = [gap({ start: 2 * MINUTE, end: 5 * MINUTE + 29_000 })];
    /** @type {import("../../services/rtchart/web/page/js/candles/bands.js").Band[]} */
    const bands = [{ start: 2 * MINUTE, end: 5 * MINUTE, kind: "missing" }];
    const said = reading(lacking, { store, gaps, condition: () => "lacking" }, bands, 9 * MINUTE, zone, 2);
    assert.match(
      said,
      /^No candle from 1970-01-01 00:02:00 to 1970-01-01 00:05:00\. .*was lost\. Being repaired.* 1970-01-01 00:05: open/,
    );
    assert.match(said, /29 of 60 seconds are missing\. .*Being repaired: the exchange is asked for it\.$/);
  });
});
