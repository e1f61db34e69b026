import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Alarm } from "../../services/rtchart/web/page/js/marks/alarm.js";
import { crossed, side } from "../../services/rtchart/web/page/js/marks/crossing.js";
import { compare, plain, read } from "../../services/rtchart/web/page/js/marks/decimal.js";
import { MOST, Marks } from "../../services/rtchart/web/page/js/marks/marks.js";

/** @import { Mark } from "../../services/rtchart/web/page/js/marks/marks.js" */

const BTC = "binance:BTCUSDT";
const ETH = "binance:ETHUSDT";

/** What several tabs have in common. */
class Storage {
  /** @type {string | null} */
  text = null;
  /** Whether it takes anything. */
  full = false;
  recall = () => this.text;
  remember = (/** @type {string} */ _key, /** @type {string} */ text) => {
    if (!this.full) this.text = text;
  };
  tab = () => new Marks(this.recall, this.remember);
}

/** @returns {Mark} */
const line = (/** @type {string} */ price) => ({ price, kind: "line" });
/** @returns {Mark} */
const alert = (/** @type {string} */ price, /** @type {Partial<Mark>} */ more = {}) => ({ price, kind: "alert", ...more });

/** A seeded source of numbers below 1 (mulberry32): a failure can be seen again. */
function random(/** @type {number} */ seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("decimal strings", () => {
  test("are plain without what says nothing", () => {
    for (const [text, found] of [
      ["97500.50000000", "97500.5"],
      ["007.0", "7"],
      [".5", "0.5"],
      ["5.", "5"],
      ["-0.0", "0"],
      ["-1.50", "-1.5"],
      ["0", "0"],
    ]) {
      assert.equal(plain(text), found);
    }
  });
  test("are none where there is no number, or one that is no price", () => {
    for (const text of [
      "",
      ".",
      "-",
      "-.",
      "1e5",
      "1,5",
      " 1",
      "+1",
      "NaN",
      "Infinity",
      "0x10",
      "1.2.3",
      "9".repeat(41),
      5,
      null,
    ]) {
      assert.equal(plain(text), null, String(text));
    }
  });
  test("are compared like BigInts of as many digits", () => {
    const next = random(20261127);
    const digits = (/** @type {number} */ most) =>
      Array.from({ length: Math.floor(next() * (most + 1)) }, () => Math.floor(next() ** 2 * 10)).join("");
    const places = 18;
    /** @type {(text: string) => bigint} */
    const big = (text) => {
      const [whole = "", fraction = ""] = text.replace("-", "").split(".");
      const value = BigInt(whole + fraction.padEnd(places + 1, "0"));
      return text.startsWith("-") ? -value : value;
    };
    const make = () => `${next() < 0.2 ? "-" : ""}${digits(3) || "0"}${next() < 0.7 ? `.${digits(places)}` : ""}`;
    for (let round = 0; round < 20_000; round += 1) {
      const a = make();
      // Often nearly the same, or the same written otherwise.
      const b = next() < 0.3 ? `${a.includes(".") ? a : `${a}.`}${next() < 0.5 ? "0" : digits(1)}`.slice(0, 22) : make();
      const [one, other] = [big(a), big(b)];
      assert.equal(Math.sign(compare(a, b)), one < other ? -1 : one > other ? 1 : 0, `${a} and ${b}`);
      assert.equal(compare(a, b) + compare(b, a), 0);
    }
  });
  test("differ where floats do not", () => {
    assert.ok(compare("9007199254740993", "9007199254740992") > 0);
    assert.ok(compare("0.30000000000000001", "0.3") > 0);
  });
  test("are read as people type them", () => {
    for (const [text, found] of [
      ["97,500.50", "97500.5"],
      ["1,234,567", "1234567"],
      ["97500,5", "97500.5"],
      ["0,500", "0.5"],
      [" 97 500 ", "97500"],
      ["97500", "97500"],
    ]) {
      assert.equal(read(String(text)), found, text);
    }
    for (const text of ["", "abc", "1,2,3", "1.000,5", "12e3", "--1", "$5"]) assert.equal(read(text), null, text);
  });
});

describe("an alert", () => {
  test("rings at its price and beyond, from the side where it was made", () => {
    const below = { price: "100", from: /** @type {const} */ ("below") };
    assert.equal(crossed(below, "99.99999999"), false);
    assert.equal(crossed(below, "100.00000000"), true);
    assert.equal(crossed(below, "250"), true);
    const above = { price: "100", from: /** @type {const} */ ("above") };
    assert.equal(crossed(above, "100.00000001"), false);
    assert.equal(crossed(above, "100"), true);
    assert.equal(crossed(above, "3"), true);
  });
  test("that has no side yet waits", () => {
    assert.equal(crossed({ price: "100" }, "100"), false);
    assert.equal(crossed({ price: "100" }, "101"), false);
    assert.deepEqual([side({ price: "100" }, "100.0"), side({ price: "100" }, "99"), side({ price: "100" }, "101")], [
      undefined,
      "below",
      "above",
    ]); // prettier-ignore
  });
});

describe("marks", () => {
  test("are kept, highest price first, and come again", () => {
    const storage = new Storage();
    const marks = storage.tab();
    let changes = 0;
    marks.watch(() => (changes += 1));
    assert.equal(marks.add(BTC, line("9.50")), "added");
    assert.equal(marks.add(BTC, alert("10.25", { from: "below" })), "added");
    assert.equal(marks.add(ETH, line("3")), "added");
    assert.equal(changes, 3);
    const wanted = [{ price: "10.25", kind: "alert", from: "below" }, line("9.5")];
    assert.deepEqual(marks.of(BTC), wanted);
    assert.deepEqual(storage.tab().of(BTC), wanted);
    marks.remove(BTC, line("9.5"));
    assert.deepEqual(storage.tab().all(), [{ ...wanted[0], symbol: BTC }, { ...line("3"), symbol: ETH }]); // prettier-ignore
  });
  test("are there once, a line and an alert at one price apart", () => {
    const marks = new Storage().tab();
    assert.equal(marks.add(BTC, line("9.5")), "added");
    assert.equal(marks.add(BTC, line("9.500")), "there");
    assert.equal(marks.add(BTC, alert("9.5")), "added");
    assert.equal(marks.of(BTC).length, 2);
  });
  test("an alert that rang is set again", () => {
    const marks = new Storage().tab();
    marks.add(BTC, alert("9", { from: "below" }));
    marks.change(BTC, alert("9"), { rung: 5 });
    assert.deepEqual(marks.of(BTC), [alert("9", { from: "below", rung: 5 })]);
    assert.equal(marks.add(BTC, alert("9", { from: "above" })), "added");
    assert.deepEqual(marks.of(BTC), [alert("9", { from: "above" })]);
  });
  test("are not more than can be looked through", () => {
    const marks = new Storage().tab();
    for (let symbol = 0; symbol < MOST.all / MOST.symbol; symbol += 1) {
      for (let price = 1; price <= MOST.symbol; price += 1)
        assert.equal(marks.add(`sim:S${symbol}`, line(`${price}`)), "added");
      if (symbol === 0) assert.equal(marks.add("sim:S0", line("99")), "symbolFull");
    }
    assert.equal(marks.add(BTC, line("99")), "allFull");
    assert.equal(marks.all().length, MOST.all);
    marks.remove("sim:S3", line("7"));
    assert.equal(marks.add(BTC, line("99")), "added");
  });
  test("of another tab are not lost", () => {
    const storage = new Storage();
    const [here, there] = [storage.tab(), storage.tab()];
    here.add(BTC, line("1"));
    there.add(BTC, line("2"));
    here.add(ETH, line("3"));
    assert.deepEqual(here.of(BTC), [line("2"), line("1")]);
    let changes = 0;
    there.watch(() => (changes += 1));
    there.reload();
    there.reload();
    assert.equal(changes, 1);
    assert.deepEqual(there.all(), here.all());
  });
  test("stay for the visit where the storage is off, full or emptied", () => {
    const off = new Marks(() => null, () => {}); // prettier-ignore
    off.add(BTC, line("1"));
    off.add(BTC, line("2"));
    assert.equal(off.of(BTC).length, 2);

    const storage = new Storage();
    const marks = storage.tab();
    marks.add(BTC, line("1"));
    storage.full = true;
    marks.add(BTC, line("2"));
    marks.reload();
    assert.equal(marks.of(BTC).length, 2);
    storage.text = null;
    marks.reload();
    assert.equal(marks.of(BTC).length, 2);
  });
  test("are what is meant of rubbish", () => {
    for (const text of [
      "",
      "{",
      "[]",
      "null",
      "5",
      '"x"',
      '{"binance:BTCUSDT":5}',
      '{"nothing":[{"price":"1","kind":"line"}]}',
    ]) {
      const marks = new Marks(() => text, () => {}); // prettier-ignore
      assert.deepEqual(marks.all(), [], text);
      assert.equal(marks.add(BTC, line("1")), "added");
    }
    const some = [
      null,
      5,
      {},
      { price: 5, kind: "line" },
      { price: "-5", kind: "line" },
      { price: "0", kind: "alert" },
      { price: "x", kind: "line" },
      { price: "5", kind: "circle" },
      { price: "5.0", kind: "line", from: "above", more: 1 },
      { price: "5", kind: "line" },
      { price: "6", kind: "alert", from: "aside", rung: "x" },
      { price: "7", kind: "alert", from: "above", rung: 12 },
    ];
    const text = JSON.stringify({ [BTC]: some, [ETH]: Array.from({ length: 99 }, (_, at) => line(`${at + 1}`)) });
    const marks = new Marks(() => text, () => {}); // prettier-ignore
    assert.deepEqual(marks.of(BTC), [alert("7", { from: "above", rung: 12 }), alert("6"), line("5")]);
    assert.equal(marks.of(ETH).length, MOST.symbol);
  });
});

describe("the alarm", () => {
  const ticker = (/** @type {string} */ symbol, /** @type {string} */ price) => {
    const rest = { open: "1", high: "1", low: "1", volume: "1", time: 1 };
    return { exchange: "binance", symbol, price, ...rest };
  };
  /** A tab: its marks, its alarm, and what it said. */
  const tab = (/** @type {Storage} */ storage, only = async (/** @type {string} */ _what) => true) => {
    const marks = storage.tab();
    /** @type {string[][]} */
    const said = [];
    /** @type {(() => void)[]} */
    const shows = [];
    /** @type {any[]} */
    const chosen = [];
    const alarm = new Alarm({
      marks,
      now: () => 1234.5,
      onChoose: (identity) => chosen.push(identity),
      notify: (title, body, tag) => said.push(["system", title, body, tag]),
      say: (title, body, show) => {
        said.push(["page", title, body]);
        shows.push(show);
      },
      only,
    });
    return { marks, said, shows, chosen, alarm };
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  test("rings once, on the page and in the system, and stores that before", async () => {
    const { marks, said, shows, chosen, alarm } = tab(new Storage());
    marks.add(BTC, alert("100", { from: "below" }));
    marks.add(BTC, line("100"));
    alarm.take([ticker("ETHUSDT", "100"), ticker("BTCUSDT", "99.5")]);
    await settled();
    assert.deepEqual(said, []);
    alarm.take([ticker("BTCUSDT", "100.50000000")]);
    alarm.take([ticker("BTCUSDT", "101")]);
    await settled();
    alarm.take([ticker("BTCUSDT", "99")]);
    alarm.take([ticker("BTCUSDT", "101")]);
    await settled();
    assert.deepEqual(said, [
      ["page", "BTCUSDT reached 100.00", "Binance, now 100.50"],
      ["system", "BTCUSDT reached 100.00", "Binance, now 100.50", `${BTC} alert 100`],
    ]);
    assert.equal(marks.of(BTC).find(({ kind }) => kind === "alert")?.rung, 1235);
    shows[0]?.();
    assert.deepEqual(chosen, [{ exchange: "binance", symbol: "BTCUSDT" }]);
  });
  test("rings late for what was reached during an outage, also from above", async () => {
    const { marks, said, alarm } = tab(new Storage());
    marks.add(BTC, alert("100", { from: "above" }));
    alarm.take([ticker("BTCUSDT", "40")]);
    await settled();
    assert.equal(said.length, 2);
  });
  test("waits where an alert was made exactly at the price", async () => {
    const { marks, said, alarm } = tab(new Storage());
    marks.add(BTC, alert("100"));
    alarm.take([ticker("BTCUSDT", "100.0")]);
    assert.equal(marks.of(BTC)[0]?.from, undefined);
    alarm.take([ticker("BTCUSDT", "100.1")]);
    assert.equal(marks.of(BTC)[0]?.from, "above");
    await settled();
    assert.deepEqual(said, []);
    alarm.take([ticker("BTCUSDT", "100.0")]);
    await settled();
    assert.equal(said.length, 2);
  });
  test("of several tabs one rings", async () => {
    const storage = new Storage();
    const taken = new Set();
    const only = async (/** @type {string} */ what) => !taken.has(what) && Boolean(taken.add(what));
    const [one, other] = [tab(storage, only), tab(storage, only)];
    one.marks.add(BTC, alert("100", { from: "below" }));
    other.marks.reload();
    for (let times = 0; times < 3; times += 1) {
      for (const { alarm } of [one, other]) alarm.take([ticker("BTCUSDT", "101")]);
      await settled();
    }
    assert.deepEqual([one.said.length, other.said.length], [2, 0]);

    // Without locks the storage tells, as far as it is up to date.
    const [third, fourth] = [tab(storage), tab(storage)];
    third.marks.add(BTC, alert("90", { from: "above" }));
    fourth.marks.reload();
    for (const { alarm } of [third, fourth]) alarm.take([ticker("BTCUSDT", "80")]);
    await settled();
    assert.deepEqual([third.said.length, fourth.said.length], [2, 0]);
  });
  test("does not ring what was taken away meanwhile", async () => {
    const { marks, said, alarm } = tab(new Storage());
    marks.add(BTC, alert("100", { from: "below" }));
    alarm.take([ticker("BTCUSDT", "101")]);
    marks.remove(BTC, alert("100"));
    await settled();
    assert.deepEqual(said, []);
  });
  test("looks at no price that nobody waits for", () => {
    const { marks, alarm } = tab(new Storage());
    marks.add(ETH, alert("100", { from: "below" }));
    let read = 0;
    const news = Array.from({ length: 1_500 }, (_, at) => {
      const told = ticker(at ? `S${at}` : "ETHUSDT", "5");
      return Object.defineProperty(told, "price", { get: () => ((read += 1), "5") });
    });
    alarm.take(news);
    assert.equal(read, 1);
  });
});
