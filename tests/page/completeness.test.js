import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { QUIET, coming, condition } from "../../services/rtchart/web/page/js/candles/completeness.js";
import { Past, TRIES } from "../../services/rtchart/web/page/js/candles/past.js";
import { Store } from "../../services/rtchart/web/page/js/client/store.js";
import { MINUTE, candle } from "./samples.js";

/** @import { Candle, Gap } from "../../services/rtchart/web/page/js/client/protocol.js" */

/** @param {Partial<Candle>[]} said @returns {Store} */
function stored(...said) {
  const store = new Store("1m");
  store.mergeAll(said.map(candle));
  return store;
}

/** @param {number} minute @param {Partial<Candle>} [said] @returns {Partial<Candle>} */
const past = (minute, said = {}) => ({ open_time: minute * MINUTE, source: "backfill", revision: 1, ...said });
/** @param {number} minute @param {Partial<Candle>} [said] @returns {Partial<Candle>} */
const live = (minute, said = {}) => ({ open_time: minute * MINUTE, ...said });

describe("the past that is on its way", () => {
  test("reaches from its newest candle into the first of the stream", () => {
    const store = stored(past(1), past(2), live(9), live(10));
    assert.deepEqual(coming(store, 10 * MINUTE, 11 * MINUTE), { start: 2 * MINUTE, end: 10 * MINUTE });
  });

  test("is where it lacks, though its last minutes are here already", () => {
    const store = stored(past(1), past(2), past(8), live(9));
    assert.deepEqual(coming(store, 9 * MINUTE, 10 * MINUTE), { start: 2 * MINUTE, end: 9 * MINUTE });
  });

  test("is nothing once all is there, nor where none ever came", () => {
    assert.equal(coming(stored(past(1), past(2), live(3)), 3 * MINUTE, 4 * MINUTE), null);
    assert.equal(coming(stored(live(1), live(9)), 9 * MINUTE, 10 * MINUTE), null);
    assert.equal(coming(new Store("1m"), 0, MINUTE), null);
  });

  test("may lack but the seconds of the minute that the stream began in", () => {
    const store = stored(past(1), live(2, { received: 20 }), live(3));
    assert.deepEqual(coming(store, 3 * MINUTE, 4 * MINUTE), { start: MINUTE, end: 3 * MINUTE });
  });

  test("is given up when none has come for long", () => {
    const store = stored(past(1), live(9));
    assert.notEqual(coming(store, 0, 9 * MINUTE + QUIET - 1), null, "the stream has just begun");
    assert.equal(coming(store, 0, 9 * MINUTE + QUIET), null);
    assert.notEqual(coming(store, 60 * MINUTE, 60 * MINUTE + QUIET - 1), null, "but it still comes");
    assert.equal(coming(store, 60 * MINUTE, 60 * MINUTE + QUIET), null);
  });

  test("may come without a word in seconds, so that answers tell whether it does", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const store = new Store("1s");
    store.mergeAll([past(1), live(9)].map(candle));
    const known = new Past(() => {});
    const late = 60 * MINUTE;
    assert.equal(known.coming(stored(past(1), live(9)), late), null, "of minutes the socket tells");
    for (let at = 0; at < TRIES; at += 1) {
      assert.deepEqual(known.coming(store, late), { start: MINUTE, end: 9 * MINUTE + 1_000 });
      known.asked(false, late);
    }
    assert.equal(known.coming(store, late), null);
    known.asked(true, late);
    assert.notEqual(known.coming(store, late + QUIET - 1), null, "something came");
    assert.equal(known.coming(store, late + QUIET), null);
    known.clear();
    assert.notEqual(known.coming(store, late + QUIET), null, "another symbol");
  });
});

describe("a candle with seconds missing", () => {
  const store = stored(live(1, { received: 20 }), live(2, { received: 20 }), live(3));
  const [first, second, third] = /** @type {[Candle, Candle, Candle]} */ (store.candles);
  const known = { store, gaps: /** @type {Gap[]} */ ([]), coming: null, complete: true };
  const gap = { start: 2 * MINUTE + 3_000, end: 2 * MINUTE + 9_000, reason: "step" };
  const now = 9 * MINUTE;

  test("is lacking them when nobody mends it", () => {
    assert.equal(condition(second, known, now), "lacking");
    assert.equal(condition(second, { ...known, gaps: [{ ...gap, state: "absent" }] }, now), "lacking");
    assert.equal(condition(second, { ...known, gaps: [{ ...gap, state: "repaired" }] }, now), "lacking");
    assert.equal(condition(third, known, now), "whole");
  });

  test("gets them when its gap is open, or the past reaches into it", () => {
    assert.equal(condition(second, { ...known, gaps: [{ ...gap, state: "open" }] }, now), "coming");
    assert.equal(condition(second, { ...known, coming: { start: MINUTE, end: 3 * MINUTE } }, now), "coming");
    assert.equal(condition(third, { ...known, gaps: [{ ...gap, state: "open" }] }, now), "whole");
  });

  test("has none missing where the record begins in it", () => {
    assert.equal(condition(first, known, now), "began");
    assert.equal(condition(first, { ...known, complete: false }, now), "lacking");
    assert.equal(condition(first, { ...known, gaps: [{ ...gap, start: MINUTE, state: "absent" }] }, now), "lacking");
  });
});
