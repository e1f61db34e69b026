import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Store, isIncomplete, supersedes } from "../../services/rtchart/web/page/js/client/store.js";
import { MINUTE, candle } from "./samples.js";

describe("which version of a candle counts", () => {
  /** @type {[string, object, object, boolean][]} */
  const cases = [
    ["the first there is", {}, {}, true],
    ["a stored one in place of the live one", { revision: 1 }, { revision: 0 }, true],
    ["a higher revision", { revision: 3 }, { revision: 2 }, true],
    ["a higher revision with fewer seconds: never", { revision: 3, received: 59 }, { revision: 2, received: 60 }, false],
    ["a stored one with fewer seconds than the live one: never", { revision: 1, received: 58 }, { received: 59 }, false],
    ["a lower revision: never", { revision: 1 }, { revision: 2 }, false],
    ["a lower revision with more seconds: never", { revision: 1, received: 60 }, { revision: 2, received: 50 }, false],
    ["the same revision again", { revision: 2 }, { revision: 2 }, false],
    ["a live correction of a live one", { close: "11.26" }, { close: "11.25" }, true],
    ["a live one with as many seconds as the stored one", {}, { revision: 1 }, false],
    ["a live one with more seconds than the stored one", { received: 60 }, { revision: 1, received: 59 }, true],
    ["the close of a forming one", { closed: true, received: 59 }, { closed: false, received: 59 }, true],
    ["a late forming one after the close: never", { closed: false, received: 60 }, { closed: true, received: 60 }, false],
  ];
  for (const [name, incoming, current, replaces] of cases) {
    test(name, () => {
      const known = name === "the first there is" ? undefined : candle(current);
      assert.equal(supersedes(candle(incoming), known), replaces);
    });
  }
});

describe("whether a candle is whole", () => {
  test("a closed one by its seconds", () => {
    assert.equal(isIncomplete(candle(), 0), false);
    assert.equal(isIncomplete(candle({ received: 59 }), 0), true);
  });
  test("a forming one by the seconds that have passed", () => {
    const forming = candle({ closed: false, received: 25 });
    assert.equal(isIncomplete(forming, MINUTE + 25_000), false);
    assert.equal(isIncomplete(forming, MINUTE + 30_000), false, "the newest may take a moment");
    assert.equal(isIncomplete(forming, MINUTE + 32_000), true);
    assert.equal(isIncomplete({ ...forming, received: 57 }, MINUTE + 600_000), false, "no more than the period has");
  });
});

describe("the store", () => {
  test("keeps candles in the order of their times, whatever order they come in", () => {
    const store = new Store("1m");
    assert.equal(store.merge(candle({ open_time: 2 * MINUTE })), "appended");
    assert.equal(store.merge(candle({ open_time: 4 * MINUTE })), "appended");
    assert.equal(store.merge(candle({ open_time: 3 * MINUTE })), "inserted");
    assert.equal(store.merge(candle({ open_time: MINUTE })), "inserted");
    assert.deepEqual(
      store.candles.map((one) => one.open_time / MINUTE),
      [1, 2, 3, 4],
    );
    assert.equal(store.first?.open_time, MINUTE);
    assert.equal(store.last?.open_time, 4 * MINUTE);
  });

  test("takes a newer version in place and ignores an older one", () => {
    const store = new Store("1m");
    store.merge(candle({ revision: 2 }));
    assert.equal(store.merge(candle({ revision: 1, close: "1" })), "ignored");
    assert.equal(store.merge(candle({ revision: 3, close: "2" })), "updated");
    assert.equal(store.at(MINUTE)?.close, "2");
    assert.equal(store.at(MINUTE + 1), undefined);
  });

  test("merging many is the same as merging one by one, in any order", () => {
    const versions = [1, 2, 3, 4, 5].flatMap((minute) => [
      candle({ open_time: minute * MINUTE, received: 40, closed: false }),
      candle({ open_time: minute * MINUTE, received: 59 }),
      candle({ open_time: minute * MINUTE, received: 59, revision: 1 }),
      candle({ open_time: minute * MINUTE, received: 60, revision: 2 }),
    ]);
    for (let seed = 1; seed < 40; seed += 1) {
      const mixed = [...versions].sort((a, b) => hash(a, seed) - hash(b, seed));
      const one = new Store("1m");
      for (const version of mixed) one.merge(version);
      const many = new Store("1m");
      many.mergeAll(mixed);
      assert.deepEqual(one.candles, many.candles);
      assert.ok(one.candles.every(({ revision }) => revision === 2));
    }
  });

  test("says how much changed", () => {
    const store = new Store("1m");
    assert.equal(store.mergeAll([candle({ revision: 1 })]), 1);
    assert.equal(store.mergeAll([candle({ revision: 1 })]), 0);
  });

  test("finds the periods that have no candle", () => {
    const store = new Store("1m");
    store.mergeAll([1, 2, 5, 6, 9].map((minute) => candle({ open_time: minute * MINUTE })));
    assert.deepEqual(store.holes(), [
      { start: 3 * MINUTE, end: 5 * MINUTE },
      { start: 7 * MINUTE, end: 9 * MINUTE },
    ]);
  });

  test("knows where all is there", () => {
    const store = new Store("1m");
    store.mergeAll([1, 2, 3, 5].map((minute) => candle({ open_time: minute * MINUTE, received: minute === 2 ? 59 : 60 })));
    assert.equal(store.isWhole(MINUTE, 2 * MINUTE), true);
    assert.equal(store.isWhole(MINUTE, 3 * MINUTE), false, "a second is missing");
    assert.equal(store.isWhole(3 * MINUTE, 4 * MINUTE), true);
    assert.equal(store.isWhole(3 * MINUTE, 5 * MINUTE), false, "a minute is missing at the end");
    assert.equal(store.isWhole(3 * MINUTE, 6 * MINUTE), false, "a minute is missing in the middle");
    assert.equal(store.isWhole(3 * MINUTE, 3 * MINUTE), true);
  });

  test("months of different lengths are no hole", () => {
    const store = new Store("1M");
    store.mergeAll([0, 1, 2, 4].map((month) => candle({ open_time: Date.UTC(2024, month) })));
    assert.deepEqual(store.holes(), [{ start: Date.UTC(2024, 3), end: Date.UTC(2024, 4) }]);
  });

  test("resumes at what can still change", () => {
    const store = new Store("1m");
    assert.equal(store.resumeFrom(500), undefined);
    store.mergeAll([1, 2, 3, 4].map((minute) => candle({ open_time: minute * MINUTE, received: minute === 2 ? 50 : 60 })));
    assert.equal(store.resumeFrom(500), 2 * MINUTE, "the oldest that is not whole");
    assert.equal(store.resumeFrom(2), 4 * MINUTE, "not further back than the reach; all whole: the newest");
    store.merge(candle({ open_time: 5 * MINUTE, received: 10, closed: false }));
    assert.equal(store.resumeFrom(2), 5 * MINUTE, "the forming one");
  });

  test("resumes before what lacks", () => {
    const store = new Store("1s");
    store.mergeAll([1, 2, 3, 6, 7].map((second) => candle({ open_time: second * 1_000, received: 1, expected: 1 })));
    assert.equal(store.resumeFrom(500), 3_000, "others may still come after it");
    assert.equal(store.resumeFrom(2), 7_000, "not further back than the reach");
  });
});

/**
 * Some order of the candles, another one for each seed.
 * @param {{ open_time: number, received: number, revision: number }} of
 * @param {number} seed
 */
const hash = ({ open_time, received, revision }, seed) =>
  ((open_time / MINUTE) * 7919 + received * 104_729 + revision * 1_299_709 * seed + seed * open_time) % 1009;
