import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LOCAL, Zone, zones } from "../../services/rtchart/web/page/js/lib/zone.js";

const AT = Date.UTC(2025, 10, 14, 9, 26, 53);

describe("a time zone", () => {
  test("is UTC, and times are as exact as they are asked for", () => {
    const zone = new Zone();
    assert.equal(zone.time(AT), "2025-11-14 09:26");
    assert.equal(zone.time(AT, { seconds: true }), "2025-11-14 09:26:53");
    assert.equal(zone.label, "UTC");
  });

  test("shifts times of day, and no day of the exchange's", () => {
    const zone = new Zone("Asia/Kolkata");
    assert.equal(zone.time(AT), "2025-11-14 14:56");
    assert.equal(zone.time(Date.UTC(2025, 10, 14, 20)), "2025-11-15 01:30");
    assert.equal(zone.time(Date.UTC(2025, 10, 14), { clock: false }), "2025-11-14");
    assert.equal(new Zone("America/New_York").time(Date.UTC(2025, 10, 14), { clock: false }), "2025-11-14");
  });

  test("that nobody knows is UTC", () => {
    assert.equal(new Zone("Middle/Earth").time(AT), "2025-11-14 09:26");
    assert.equal(new Zone("Middle/Earth").name, "UTC");
  });

  test("marks days where they begin there, months and years too", () => {
    const berlin = new Zone("Europe/Berlin");
    assert.equal(berlin.mark(Date.UTC(2025, 10, 14, 9, 26)), "10:26");
    assert.equal(berlin.mark(Date.UTC(2025, 10, 14, 9, 26, 53)), "10:26:53");
    assert.equal(berlin.mark(Date.UTC(2025, 10, 13, 23)), "Nov 14");
    assert.equal(berlin.mark(Date.UTC(2025, 10, 14)), "01:00");
    assert.equal(berlin.mark(Date.UTC(2025, 10, 30, 23)), "Dec");
    assert.equal(berlin.mark(Date.UTC(2025, 11, 31, 23)), "2026");
    assert.equal(berlin.mark(Date.UTC(2025, 10, 14), { clock: false }), "Nov 14");
  });

  test("reads what it writes, at every hour of days when clocks change", () => {
    for (const name of [
      "UTC",
      "Europe/Berlin",
      "America/New_York",
      "Asia/Kolkata",
      "Australia/Lord_Howe",
      "Pacific/Apia",
      LOCAL,
    ]) {
      const zone = new Zone(name);
      for (const day of [Date.UTC(2025, 2, 29), Date.UTC(2025, 9, 25), Date.UTC(2025, 10, 1), Date.UTC(2025, 3, 5)]) {
        for (let at = day; at < day + 3 * 86_400_000; at += 1_800_000) {
          const text = zone.time(at, { seconds: true });
          const read = zone.parse(text.replace(" ", "T"));
          // An hour that clocks show twice is read as one of the two.
          assert.equal(zone.time(read, { seconds: true }), text, `${name} ${new Date(at).toISOString()}`);
          assert.ok(read === at || Math.abs(read - at) <= 3_600_000);
        }
      }
    }
    assert.ok(Number.isNaN(new Zone().parse("yesterday")));
  });

  test("is one of many", () => {
    assert.deepEqual(zones().slice(0, 2), ["UTC", LOCAL]);
    assert.ok(zones().includes("Europe/Berlin"));
  });
});
