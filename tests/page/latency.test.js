import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { backoff } from "../../services/rtchart/web/page/js/client/backoff.js";
import { ClockOffset } from "../../services/rtchart/web/page/js/client/clock.js";
import { Window, shares, stages } from "../../services/rtchart/web/page/js/latency/latency.js";
import { LatencyMeter, pair } from "../../services/rtchart/web/page/js/latency/meter.js";

describe("the clock's offset", () => {
  test("is the server's time against the middle of the round trip", () => {
    const clock = new ClockOffset();
    assert.equal(clock.offset, 0);
    clock.add(1_000, 3_000, 502_000);
    assert.equal(clock.offset, 500_000);
    assert.equal(clock.uncertainty, 1_000);
  });

  test("can be negative, and is not made positive", () => {
    const clock = new ClockOffset();
    clock.add(1_000_000, 1_002_000, 1_000);
    assert.equal(clock.offset, -1_000_000);
  });

  test("is believed of the shortest round trip", () => {
    const clock = new ClockOffset();
    clock.add(0, 90_000, 145_000); // 100 ms off, delayed one way
    clock.add(100_000, 104_000, 152_000); // the true 50 ms
    clock.add(200_000, 280_000, 220_000);
    assert.equal(clock.offset, 50_000);
    assert.equal(clock.uncertainty, 2_000);
  });

  test("forgets old pings, so that a drifting clock is followed", () => {
    const clock = new ClockOffset(3);
    clock.add(0, 10, 1_000_005);
    for (let at = 1; at <= 3; at += 1) clock.add(at * 100, at * 100 + 50, at * 100 + 25);
    assert.equal(clock.offset, 0);
  });

  test("takes no answer from before its question", () => {
    const clock = new ClockOffset(12, 1);
    clock.add(5_000, 4_000, 0);
    assert.equal(clock.known, false);
    clock.add(4_000, 5_000, 0);
    assert.equal(clock.known, true);
  });
});

describe("percentiles of the last minute", () => {
  test("are of nearest rank", () => {
    const window = new Window();
    assert.equal(window.percentile(0.5, 0), null);
    for (const value of [5, 1, 4, 2, 3]) window.add(1_000, value);
    assert.equal(window.percentile(0.5, 1_000), 3);
    assert.equal(window.percentile(0.99, 1_000), 5);
    assert.equal(window.percentile(0, 1_000), 1);
  });

  test("forget what is older", () => {
    const window = new Window(60_000);
    window.add(0, 1_000);
    window.add(50_000, 10);
    assert.equal(window.percentile(1, 60_000), 1_000);
    assert.equal(window.percentile(1, 60_001), 10);
    assert.equal(window.percentile(1, 200_000), null);
  });
});

describe("a window", () => {
  test("gives several percentiles at once", () => {
    const window = new Window();
    assert.deepEqual(window.percentiles([0.5, 0.99], 0), []);
    for (let value = 1; value <= 200; value += 1) window.add(value, value);
    assert.deepEqual(window.percentiles([0, 0.5, 0.99, 1], 200), [1, 100, 198, 200]);
  });

  test("sorts as numbers, those below zero too", () => {
    const window = new Window();
    for (const value of [10, -2, 9, -11, 100]) window.add(0, value);
    assert.deepEqual(window.percentiles([0, 0.5, 1], 0), [-11, 9, 100]);
  });

  test("is bounded however often something is painted, and keeps the newest", () => {
    const window = new Window(60_000, 100);
    for (let at = 0; at < 10_000; at += 1) window.add(at, at);
    assert.equal(window.size, 100);
    assert.equal(window.percentile(0, 10_000), 9_900);
  });
});

describe("the shares of a bar", () => {
  test("add up to all of it", () => {
    assert.deepEqual(shares([1, 2, 5]), [0.125, 0.25, 0.625]);
  });

  test("have no place for what is below zero", () => {
    assert.deepEqual(shares([-3, 2, 6]), [0, 0.25, 0.75]);
    assert.deepEqual(shares([-3, 0]), [0, 0]);
    assert.deepEqual(shares([]), []);
  });
});

test("two latencies share their unit", () => {
  assert.equal(pair(38, 61), "38 / 61 ms");
  assert.equal(pair(3.14, 61), "3.1 / 61 ms");
  assert.equal(pair(850, 1_210), "850 ms / 1.2 s");
  assert.equal(pair(1_100, 12_000), "1.1 / 12 s");
  assert.equal(pair(-0.4, 2), "-0.4 / 2.0 ms");
});

const STAMPS = { event_ms: 1_000, received_us: 1_020_000, published_us: 1_023_000, consumed_us: 1_028_000 };

describe("stages", () => {
  test("are each against the one before, and add up to the whole", () => {
    const found = stages(STAMPS, 1_030_000, 1_041_000);
    assert.deepEqual(found, {
      exchange_to_received: 20,
      received_to_published: 3,
      published_to_consumed: 5,
      consumed_to_sent: 2,
      sent_to_painted: 11,
      exchange_to_painted: 41,
    });
    const { exchange_to_painted, ...parts } = found;
    assert.equal(
      Object.values(parts).reduce((sum, part) => sum + part),
      exchange_to_painted,
    );
  });
});

/**
 * As many pings as it takes, all answered at once by a server whose clock is `offset` (µs) ahead.
 * @param {LatencyMeter} meter
 * @param {number} offset
 */
function synchronise(meter, offset) {
  while (!meter.clock.known) meter.clock.add(0, 0, offset);
}

describe("the meter", () => {
  test("measures nothing before the clock's offset is known, nor from unknown stamps", () => {
    const meter = new LatencyMeter();
    meter.add(STAMPS, 1_030_000, 1_041_000);
    assert.equal(meter.median("exchange_to_painted"), null);
    synchronise(meter, 0);
    for (const unknown of ["event_ms", "received_us", "consumed_us"]) {
      meter.add({ ...STAMPS, [unknown]: 0 }, 1_030_000, 1_041_000);
      assert.equal(meter.median("consumed_to_sent"), null, unknown);
      assert.equal(meter.median("exchange_to_painted"), null, unknown);
    }
    assert.deepEqual(meter.takeReport(), []);
  });

  test("removes the offset, and reports once what only it can know", () => {
    const meter = new LatencyMeter();
    synchronise(meter, 500_000); // the server is half a second ahead of us
    meter.add(STAMPS, 1_030_000, 541_000);
    assert.equal(meter.median("exchange_to_painted"), 41);
    assert.equal(meter.median("sent_to_painted"), 11);
    assert.deepEqual(meter.takeReport(), [{ stage: "sent_to_painted", ms: 11 }]);
    assert.deepEqual(meter.takeReport(), []);
    assert.ok(
      meter.lines().some((line) => line.includes("500 ms")),
      "the offset is shown",
    );
  });

  test("tells of each stage in its order, and of what clocks make negative as it is", () => {
    const meter = new LatencyMeter();
    assert.deepEqual(meter.summary(), []);
    assert.deepEqual(meter.lines(), []);
    synchronise(meter, 0);
    for (let at = 0; at < 100; at += 1) {
      const painted = 1_041_000 + at * 1_000;
      meter.add({ ...STAMPS, received_us: 998_000 }, painted - 11_000 - (at === 99 ? 50_000 : 0), painted);
    }
    const summary = meter.summary();
    assert.deepEqual(
      summary.map(({ stage }) => stage),
      Object.keys(stages(STAMPS, 0, 0)),
    );
    assert.deepEqual(summary[0], { stage: "exchange_to_received", p50: -2, p99: -2 });
    assert.deepEqual(summary[4], { stage: "sent_to_painted", p50: 11, p99: 11 });
    assert.equal(meter.percentile("sent_to_painted", 1), 61);
    assert.equal(meter.percentile("exchange_to_painted", 0.5), 41 + 49);
    const lines = meter.lines();
    assert.equal(lines[0], "exchange → received: -2.0 ms, p99 -2.0 ms");
    assert.equal(lines.length, 7, "six stages, and the clock");
  });

  test("keeps its numbers while nothing is painted, and forgets them when something is", () => {
    const meter = new LatencyMeter();
    synchronise(meter, 0);
    meter.add(STAMPS, 1_030_000, 1_041_000);
    assert.equal(meter.now, 1_041);
    assert.equal(meter.percentile("sent_to_painted", 0.99), 11);
    meter.add(STAMPS, 1_030_000, 1_030_000 + 90_000_000);
    assert.equal(meter.percentile("sent_to_painted", 0), 90_000);
  });

  test("keeps a report within the server's limit for a message", () => {
    const meter = new LatencyMeter();
    synchronise(meter, 0);
    for (let at = 0; at < 500; at += 1) meter.add(STAMPS, 1_030_000, 1_030_000 + at * 333.333);
    const report = meter.takeReport();
    assert.ok(report.length <= 64);
    assert.ok(JSON.stringify({ op: "report", latency: report }).length < 4096);
  });
});

describe("the back-off", () => {
  test("grows, is capped, and is spread by half", () => {
    assert.equal(backoff(1, 0), 200);
    assert.ok(Math.abs(backoff(1, 0.999_999) - 400) < 1);
    for (let attempt = 1; attempt < 60; attempt += 1) {
      assert.ok(backoff(attempt, 0) <= backoff(attempt + 1, 0));
      assert.ok(backoff(attempt, 0.5) <= 15_000);
      assert.ok(backoff(attempt, 0) >= backoff(attempt, 1) / 2);
    }
  });
});
