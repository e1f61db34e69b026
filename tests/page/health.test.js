import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { elapsed } from "../../services/rtchart/web/page/js/health/elapsed.js";
import { ConnectionLog } from "../../services/rtchart/web/page/js/health/history.js";
import { Poll } from "../../services/rtchart/web/page/js/health/poll.js";
import { completeness, condition, rows, tally, within } from "../../services/rtchart/web/page/js/health/rows.js";
import { texts } from "../../services/rtchart/web/page/js/texts.js";

/** @import { SymbolHealth } from "../../services/rtchart/web/page/js/client/protocol.js" */
/** @import { Status } from "../../services/rtchart/web/page/js/client/connection.js" */

const NOW = 1_760_000_000_000;

/**
 * A symbol that lacks nothing, but for what is said.
 * @param {string} symbol
 * @param {Partial<SymbolHealth>} [said]
 * @returns {SymbolHealth}
 */
const health = (symbol, said) => ({
  exchange: "binance",
  symbol,
  status: "streaming",
  newest: NOW - 1_400,
  open: 0,
  repaired: 0,
  absent: 0,
  missing: 0,
  ...said,
});

/**
 * A log of these states, a second each.
 * @param {string} states such as `connecting open waiting`
 */
function log(states) {
  const log = new ConnectionLog();
  for (const [at, state] of states.split(" ").entries()) {
    log.add(/** @type {Status} */ ({ state, attempt: 0 }), at * 1_000);
  }
  return log;
}

describe("the connection's history", () => {
  test("is empty at first", () => {
    const log = new ConnectionLog();
    assert.deepEqual([log.stretches, log.lost, log.away(5_000)], [[], 0, 0]);
  });

  test("has the newest first, and each with its end", () => {
    const found = log("connecting open waiting connecting open");
    assert.deepEqual(found.stretches, [
      { state: "open", since: 4_000, until: null, tries: 0 },
      { state: "waiting", since: 2_000, until: 4_000, tries: 1 },
      { state: "open", since: 1_000, until: 2_000, tries: 0 },
      { state: "connecting", since: 0, until: 1_000, tries: 1 },
    ]);
    assert.equal(found.lost, 1);
    assert.equal(found.away(60_000), 2_000, "to connect when the page is opened is not to be away");
  });

  test("folds the tries into one stretch", () => {
    const found = log("connecting open waiting connecting waiting connecting waiting connecting");
    assert.deepEqual(found.stretches[0], { state: "waiting", since: 2_000, until: null, tries: 3 });
    assert.equal(found.stretches.length, 3);
    assert.equal(found.lost, 1);
    assert.equal(found.away(10_000), 8_000);
  });

  test("says offline of a stretch in which the device had no network", () => {
    const found = log("connecting open waiting connecting offline connecting waiting connecting open");
    assert.deepEqual(
      found.stretches.map(({ state }) => state),
      ["open", "offline", "open", "connecting"],
    );
    assert.equal(found.away(10_000), 6_000);
  });

  test("counts a beginning that failed as being away, not as a loss", () => {
    const found = log("connecting waiting connecting open");
    assert.deepEqual(found.stretches.at(-1), { state: "waiting", since: 0, until: 3_000, tries: 2 });
    assert.deepEqual([found.lost, found.away(10_000)], [0, 3_000]);
  });

  test("takes a wake-up that connects without having waited for a loss", () => {
    const found = log("connecting open connecting open");
    assert.deepEqual(
      found.stretches.map(({ state }) => state),
      ["open", "waiting", "open", "connecting"],
    );
    assert.equal(found.lost, 1);
  });

  test("keeps fifty, and counts all", () => {
    const found = log(`connecting${" open waiting connecting".repeat(200)} open`);
    assert.equal(found.stretches.length, 50);
    assert.equal(found.lost, 200);
    assert.equal(found.away(10_000_000), 200 * 2_000);
  });
});

describe("a symbol", () => {
  test("is one of: stale, late, lacking, paused, whole", () => {
    assert.equal(condition(health("A"), NOW), "whole");
    assert.equal(condition(health("A", { repaired: 3, absent: 2 }), NOW), "whole");
    assert.equal(condition(health("A", { missing: 1 }), NOW), "lacking");
    assert.equal(condition(health("A", { open: 1 }), NOW), "lacking");
    assert.equal(condition(health("A", { newest: NOW - 6_000 }), NOW), "whole");
    assert.equal(condition(health("A", { newest: NOW - 6_001, missing: 1 }), NOW), "late");
    assert.equal(condition(health("A", { newest: null, status: "subscribing" }), NOW), "late");
    for (const status of ["stale", "refused", "unknown"]) assert.equal(condition(health("A", { status }), NOW), "stale");
    for (const status of ["halted", "suspended"]) {
      assert.equal(condition(health("A", { status, newest: null }), NOW), "paused", "nothing new is to come");
      assert.equal(condition(health("A", { status, missing: 9 }), NOW), "lacking");
    }
  });

  test("stands the higher the worse it is", () => {
    const symbols = [
      health("WHOLE_B"),
      health("WHOLE_A", { newest: NOW - 1_900 }),
      health("HALTED", { status: "halted" }),
      health("LACKS_2", { missing: 2 }),
      health("LACKS_9", { missing: 9 }),
      health("LATE", { newest: NOW - 20_000 }),
      health("LATER", { newest: NOW - 90_000 }),
      health("NEVER", { newest: null }),
      health("STALE", { status: "stale", newest: NOW - 30_000 }),
      health("STALE_LACKS", { status: "stale", missing: 3 }),
      health("WHOLE_A", { exchange: "a" }),
    ];
    const order = "STALE_LACKS STALE NEVER LATER LATE LACKS_9 LACKS_2 HALTED WHOLE_A WHOLE_A WHOLE_B";
    const found = rows(symbols, NOW);
    assert.equal(found.map(({ symbol }) => symbol.symbol).join(" "), order);
    assert.equal(found[8]?.symbol.exchange, "a");
    assert.deepEqual(tally(found), { stale: 2, late: 3, lacking: 2, paused: 1, whole: 3 });
    assert.equal(texts.health.tally(tally(found)), "11 symbols: 3 whole, 2 with seconds missing, 3 late, 2 stale, 1 paused");
    assert.equal(texts.health.tally(tally(rows([health("A")], NOW))), "1 symbol: 1 whole, 0 late, 0 stale");
  });

  test("has its age since its newest second ended, none from the future", () => {
    const [row] = rows([health("A", { newest: NOW - 1_400 })], NOW);
    assert.equal(row?.age, 400);
    assert.equal(rows([health("A", { newest: NOW + 50 })], NOW)[0]?.age, 0);
  });

  test("is found by its name, and what is not drawn is told of truthfully", () => {
    const found = rows(
      Array.from({ length: 1_500 }, (_, at) => health(`S${at}USDT`, { missing: at < 210 ? 1 : 0 })),
      NOW,
    );
    const { shown, more, lacking } = within(found, "", 200);
    assert.deepEqual([shown.length, more, lacking], [200, 1_300, 10]);
    assert.equal(texts.health.more("1,300", "0"), "… and 1,300 more, of which none lacks anything");
    assert.equal(texts.health.more("1,300", "10"), "… and 1,300 more, of which 10 lack something");
    assert.deepEqual(
      within(found, " s1499u ", 200).shown.map(({ symbol }) => symbol.symbol),
      ["S1499USDT"],
    );
    assert.deepEqual(within(found, "nothing", 200), { shown: [], more: 0, lacking: 0 });
    const late = Array.from({ length: 3 }, (_, at) => health(`S${at}`, { newest: null }));
    assert.equal(within(rows(late, NOW), "", 1).lacking, 2, "who is late lacks the newest seconds");
  });
});

test("completeness says 100 only when no second lacks", () => {
  assert.equal(completeness(0), "100 %");
  assert.equal(completeness(1), "99.998 %");
  assert.equal(completeness(864), "99.000 %");
  assert.equal(completeness(43_200), "50.000 %");
  assert.equal(completeness(86_399), "0.001 %");
  assert.equal(completeness(86_400), "0.000 %");
  assert.equal(completeness(90_000), "0.000 %");
  const all = Array.from({ length: 1_000 }, (_, missing) => completeness(missing));
  assert.equal(new Set(all).size, 1_000, "each second makes a difference");
});

test("what has passed is said in a fitting unit", () => {
  const said = [0, 440, 9_949, 9_950, 48_000, 119_000, 306_000, 3_600_000, 7_200_000, 93_600_000, 200_000_000].map(elapsed);
  assert.deepEqual(said, ["0.0 s", "0.4 s", "9.9 s", "10 s", "48 s", "119 s", "5.1 min", "60 min", "2.0 h", "26 h", "2.3 d"]);
});

describe("asking again and again", () => {
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  test("begins at once, goes on, and ends with nobody looking", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const act = mock.fn(() => Promise.resolve(0));
    const poll = new Poll(act, 5_000);
    poll.start();
    poll.start();
    assert.equal(act.mock.callCount(), 1);
    await settled();
    t.mock.timers.tick(4_999);
    assert.equal(act.mock.callCount(), 1);
    t.mock.timers.tick(1);
    assert.equal(act.mock.callCount(), 2);
    await settled();
    poll.stop();
    t.mock.timers.tick(60_000);
    assert.equal(act.mock.callCount(), 2);
    poll.start();
    assert.equal(act.mock.callCount(), 3);
    await settled();
    poll.stop();
  });

  test("never asks twice at once, and waits as long as it is told", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    /** @type {((wait: number) => void)[]} */
    const answers = [];
    const poll = new Poll(() => new Promise((resolve) => answers.push(resolve)), 5_000);
    poll.start();
    poll.stop();
    poll.start(); // the first question is still open
    assert.equal(answers.length, 1);
    answers[0]?.(30_000);
    await settled();
    t.mock.timers.tick(29_999);
    assert.equal(answers.length, 1);
    t.mock.timers.tick(1);
    assert.equal(answers.length, 2);
    poll.stop();
    answers[1]?.(0);
    await settled();
    t.mock.timers.tick(60_000);
    assert.equal(answers.length, 2);
  });
});
