/** What is known of a view, over an API and a feed of a few lines. */

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { PAGE } from "../../services/rtchart/web/page/js/candles/history.js";
import { ApiError } from "../../services/rtchart/web/page/js/client/api.js";
import { Timeline } from "../../services/rtchart/web/page/js/panel/timeline.js";
import { MINUTE, candle } from "./samples.js";

/** @import { Candle } from "../../services/rtchart/web/page/js/client/protocol.js" */
/** @import { ViewHandlers } from "../../services/rtchart/web/page/js/client/feed.js" */

const VIEW = { exchange: "sim", symbol: "BTCUSDT", interval: "1m" };
/** Minutes that there are. */
const ALL = 60_000;
const NOW = ALL * MINUTE;

/** @type {string[]} what was asked for, and what was said */
let asked = [];
/** @type {string[]} */
let said = [];
/** @type {ApiError | null} what the API answers instead */
let fails = null;
/** @type {ViewHandlers | null} who follows the feed */
let follower = null;

/** @param {number} minute @returns {Candle} */
const at = (minute) => candle({ open_time: minute * MINUTE, received: 60, closed: minute < ALL - 1, revision: 1 });

/**
 * @param {number} start
 * @param {number} end
 */
const minutes = (start, end) => [...Array(Math.max(0, end - start)).keys()].map((index) => at(start + index));

const api = /** @type {any} */ ({
  candlesBefore: async (/** @type {unknown} */ _, /** @type {number} */ end, /** @type {number} */ limit) => {
    asked.push(`before ${end / MINUTE}`);
    await null;
    if (fails) throw fails;
    const last = Math.ceil(end / MINUTE);
    const found = minutes(Math.max(0, last - limit), last);
    return { candles: found, next: last - limit > 0 ? (found[0]?.open_time ?? null) : null };
  },
  candlesBetween: async (
    /** @type {unknown} */ _,
    /** @type {number} */ start,
    /** @type {number} */ end,
    /** @type {number} */ limit,
  ) => {
    assert.ok(start < end, "the server refuses it otherwise");
    asked.push(`from ${start / MINUTE}`);
    await null;
    if (fails) throw fails;
    const first = Math.ceil(start / MINUTE);
    return { candles: minutes(first, Math.min(first + limit, Math.ceil(end / MINUTE), ALL)), next: null };
  },
  gapsBetween: async () => [],
});

function made({ forgets = true } = {}) {
  const feed = /** @type {any} */ ({
    follow: (/** @type {unknown} */ _, /** @type {ViewHandlers} */ handlers) => {
      follower = handlers;
      return () => (follower = null);
    },
  });
  const timeline = new Timeline(
    VIEW,
    "0.01",
    { feed, api, now: () => NOW },
    {
      onSnapshot: () => {},
      onCandle: () => {},
      onNews: () => {},
      onState: (state) => void said.push(state),
      onLive: () => {},
      forgets: () => forgets,
    },
  );
  timeline.follow();
  return timeline;
}

/** The newest 500 candles come. */
const snapshot = () =>
  follower?.onSnapshot({ op: "snapshot", ...VIEW, candles: minutes(ALL - 500, ALL), gaps: [], recovered: false });

/** @param {Timeline} timeline */
const span = ({ store }) => [(store.first?.open_time ?? NaN) / MINUTE, (store.last?.open_time ?? NaN) / MINUTE];

beforeEach(() => {
  asked = [];
  said = [];
  fails = null;
});

describe("a time that is gone to", () => {
  test("is walked to when it is near, also while a page is on its way", async () => {
    const timeline = made();
    snapshot();
    void timeline.older();
    assert.equal(await timeline.reach(NOW - 2_000 * MINUTE), true);
    assert.equal(timeline.away, false);
    assert.deepEqual(span(timeline), [ALL - 2_500, ALL - 1]);
    assert.ok(follower, "it is followed still");
  });

  test("is gone to at once when it is far, and leads on in both directions, back to now", async () => {
    const timeline = made();
    snapshot();
    assert.equal(await timeline.reach(1_000 * MINUTE), true);
    assert.deepEqual(asked, ["from 700"]);
    assert.equal(timeline.away, true);
    assert.equal(follower, null);
    assert.deepEqual(span(timeline), [700, 700 + PAGE - 1]);
    await timeline.older();
    assert.deepEqual(span(timeline), [0, 700 + PAGE - 1]);
    await timeline.newer();
    assert.equal(timeline.store.last?.open_time, (700 + 2 * (PAGE - 1)) * MINUTE);
    while (timeline.away) await timeline.newer();
    assert.deepEqual(span(timeline), [0, ALL - 1]);
    assert.ok(follower, "it is live again");
    assert.equal(timeline.store.holes().length, 0);
  });

  test("after another one is not looked for the other way", async () => {
    const timeline = made();
    snapshot();
    await timeline.reach(1_000 * MINUTE);
    asked = [];
    assert.equal(await timeline.reach(40_000 * MINUTE), true);
    assert.deepEqual(asked, ["from 39700"]);
  });

  test("before anything came is gone to", async () => {
    const timeline = made();
    assert.equal(await timeline.reach(1_000 * MINUTE), true);
    assert.deepEqual(span(timeline), [700, 700 + PAGE - 1]);
  });

  test("that the server does not answer for leaves what is here", async () => {
    const timeline = made();
    snapshot();
    fails = new ApiError("broken", 500);
    await assert.rejects(timeline.reach(1_000 * MINUTE), ApiError);
    assert.deepEqual(span(timeline), [ALL - 500, ALL - 1]);
    assert.ok(follower);
  });

  test("is given up when the chart is closed meanwhile", async () => {
    const timeline = made();
    snapshot();
    const reached = timeline.reach(1_000 * MINUTE);
    timeline.close();
    assert.equal(await reached, false);
  });
});

describe("newer candles", () => {
  test("that do not come are said, not asked for again at once, and forgotten when they do", async () => {
    const timeline = made();
    snapshot();
    await timeline.reach(1_000 * MINUTE);
    fails = new ApiError("too many", 429, 1);
    asked = [];
    for (let times = 0; times < 3; times += 1) await timeline.newer();
    assert.equal(asked.length, 1);
    assert.equal(said.at(-1), "history");
  });
});

describe("a timeline that is open for long", () => {
  test("forgets its oldest candles, and can have them again", async () => {
    const timeline = made();
    follower?.onSnapshot({ op: "snapshot", ...VIEW, candles: minutes(0, 5_999), gaps: [], recovered: false });
    follower?.onRevision({ op: "revision", ...VIEW, candle: at(5_999) });
    assert.deepEqual(span(timeline), [1_000, 5_999]);
    await timeline.older();
    assert.deepEqual(span(timeline), [0, 5_999]);
  });

  test("keeps what somebody looks at", () => {
    const timeline = made({ forgets: false });
    follower?.onSnapshot({ op: "snapshot", ...VIEW, candles: minutes(0, 5_999), gaps: [], recovered: false });
    follower?.onRevision({ op: "revision", ...VIEW, candle: at(5_999) });
    assert.equal(timeline.store.candles.length, 6_000);
  });
});
