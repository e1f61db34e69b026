import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as format from "../../services/rtchart/web/page/js/lib/format.js";
import { isDaily, isSeconds, nextOpen } from "../../services/rtchart/web/page/js/client/interval.js";

describe("prices", () => {
  test("need as many decimals as any of them uses, and two at least", () => {
    assert.equal(format.decimals([]), 2);
    assert.equal(format.decimals(["99512.02000000"]), 2);
    assert.equal(format.decimals(["1.00000000", "0.00000512"]), 8);
    assert.equal(format.decimals(["7"]), 2);
    assert.equal(format.decimals(["0.01000000"]), 2, "a tick size");
  });

  test("are grouped and keep every digit", () => {
    assert.equal(format.price("99512.02000000", 2), "99,512.02");
    assert.equal(format.price("1234567.8", 2), "1,234,567.80");
    assert.equal(format.price("0.00000512", 8), "0.00000512");
    assert.equal(format.price("999", 0), "999");
    assert.equal(format.price("-1500.5", 1), "−1,500.5");
    assert.equal(
      format.price("123456789012345678.123456789", 9),
      "123,456,789,012,345,678.123456789",
      "beyond what a float holds",
    );
  });
});

test("counts are grouped", () => {
  assert.deepEqual([7, 999, 86_400, 2_678_400].map(format.count), ["7", "999", "86,400", "2,678,400"]);
});

test("amounts are short", () => {
  const cases = { "0": "0", "7": "7", "812": "812", "1234.5": "1.23K", "45678": "45.7K", "999999": "1.00M", "1500000": "1.50M", "2.5e9": "2.50B", "0.00701": "0.0070", "3.14159": "3.14", "42.5": "42.5" }; // prettier-ignore
  for (const [amount, text] of Object.entries(cases)) assert.equal(format.compact(amount), text);
});

test("changes have a sign, unless they round to nothing", () => {
  assert.equal(format.change("100", "101.234"), "+1.23%");
  assert.equal(format.change("100", "98.5"), "−1.50%");
  assert.equal(format.change("100", "100.001"), "0.00%");
  assert.equal(format.change("0", "5"), "");
});

test("durations have as many digits as tell something", () => {
  assert.equal(format.duration(4.23), "4.2 ms");
  assert.equal(format.duration(38.4), "38 ms");
  assert.equal(format.duration(1_449), "1.4 s");
  assert.equal(format.duration(61_000), "61 s");
  assert.equal(format.duration(-3), "-3.0 ms");
});

test("what is left of a candle is counted down to its end", () => {
  assert.equal(format.clock(1), "0:01");
  assert.equal(format.clock(59_001), "1:00");
  assert.equal(format.clock(3_600_000), "1:00:00");
  assert.equal(format.clock(6 * 86_400_000 + 3_723_000), "6 d 01:02:03");
});

describe("intervals", () => {
  test("open one after the other", () => {
    assert.equal(nextOpen("1s", 0), 1_000);
    assert.equal(nextOpen("15m", 0), 900_000);
    assert.equal(nextOpen("4h", 0), 14_400_000);
    assert.equal(nextOpen("3d", 0), 259_200_000);
    assert.equal(nextOpen("1w", 0), 604_800_000);
  });

  test("a month ends where the next begins, in leap years too", () => {
    assert.equal(nextOpen("1M", Date.UTC(2024, 1)), Date.UTC(2024, 2));
    assert.equal(nextOpen("1M", Date.UTC(2024, 11)), Date.UTC(2025, 0));
  });

  test("that are none are refused", () => {
    for (const name of ["", "m", "1x", "0m", "-1h"]) assert.throws(() => nextOpen(name, 0), RangeError);
  });

  test("say what of a time matters", () => {
    assert.deepEqual(["1s", "1m", "12h", "1d", "1w", "1M"].map(isDaily), [false, false, false, true, true, true]);
    assert.deepEqual(["1s", "1m"].map(isSeconds), [true, false]);
  });
});
