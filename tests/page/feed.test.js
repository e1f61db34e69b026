/** Several who follow one view, over a socket of a few lines. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Feed } from "../../services/rtchart/web/page/js/client/feed.js";
import { candle } from "./samples.js";

/** @import { Handlers, ViewHandlers } from "../../services/rtchart/web/page/js/client/feed.js" */
/** @import { SnapshotMessage } from "../../services/rtchart/web/page/js/client/protocol.js" */

/** @type {any[]} what was sent to the server */
let sent = [];
/** @type {any} the socket that is open */
let socket;
let seq = 0;

Object.assign(globalThis, {
  WebSocket: class {
    static OPEN = 1;
    readyState = 1;
    constructor() {
      socket = this;
    }
    /** @param {string} text */
    send(text) {
      sent.push(JSON.parse(text));
    }
    close() {}
  },
});

const VIEW = { exchange: "sim", symbol: "BTCUSDT", interval: "1m" };

/** @param {object[]} messages */
function told(...messages) {
  seq += 1;
  socket.onmessage({ data: JSON.stringify({ seq, at_us: 0, messages }) });
}

function opened() {
  seq = 0;
  socket.onopen();
}

/** @param {string} op */
const requests = (op) => sent.filter((message) => message.op === op && message.symbol);

/** @type {Feed} */
let feed;

function connected() {
  const none = () => {};
  const handlers = /** @type {Handlers} */ ({
    onTickers: none,
    onFollowing: none,
    onSymbols: none,
    onStatus: none,
    onPong: none,
  });
  feed = new Feed("ws://127.0.0.1/ws", handlers);
  feed.connection.start();
  opened();
}

/**
 * Who follows, and what it was told.
 * @param {number} [since]
 */
function follower(since) {
  /** @type {string[]} */
  const heard = [];
  /** @type {{ heard: string[], since: number | undefined, handlers: ViewHandlers }} */
  const one = {
    heard,
    since,
    handlers: {
      since: () => one.since,
      onSnapshot: ({ recovered }) => void heard.push(recovered ? "recovered" : "snapshot"),
      onCandle: () => void heard.push("candle"),
      onRevision: () => void heard.push("revision"),
      onGap: () => void heard.push("gap"),
      onRefused: (message) => void heard.push(message),
    },
  };
  return one;
}

/** @param {Partial<SnapshotMessage>} [said] */
const snapshot = (said) => ({ op: "snapshot", ...VIEW, candles: [], gaps: [], recovered: false, ...said });

beforeEach(() => {
  sent = [];
});
afterEach(() => feed.connection.pause());

describe("views", () => {
  test("are one subscription, however many follow, and end with the last of them", () => {
    connected();
    const [first, second] = [follower(), follower()];
    const stops = [feed.follow(VIEW, first.handlers), feed.follow(VIEW, second.handlers)];
    told({ op: "candle", ...VIEW, candle: candle() });
    assert.deepEqual(first.heard, [], "what comes before the snapshot is in it");
    assert.equal(requests("subscribe").length, 1, "one answer is for both");
    told(snapshot());
    first.heard.length = second.heard.length = 0;
    told({ op: "candle", ...VIEW, candle: candle() }, { op: "gap", exchange: "sim", symbol: "BTCUSDT", gap: {} });
    assert.deepEqual(first.heard, ["candle", "gap"]);
    assert.deepEqual(second.heard, first.heard);
    stops[0]?.();
    assert.equal(requests("unsubscribe").length, 0);
    told({ op: "revision", ...VIEW, candle: candle() });
    assert.deepEqual([first.heard.length, second.heard.length], [2, 3]);
    stops[1]?.();
    assert.equal(requests("unsubscribe").length, 1);
    told({ op: "revision", ...VIEW, candle: candle() });
    assert.equal(second.heard.length, 3);
  });

  test("of who is live lose nothing to a newcomer's snapshot", () => {
    connected();
    const first = follower();
    feed.follow(VIEW, first.handlers);
    told(snapshot());
    first.since = 60_000;
    const second = follower();
    feed.follow(VIEW, second.handlers);
    assert.equal(requests("subscribe").at(-1).since, undefined);
    told(snapshot());
    assert.deepEqual([first.heard, second.heard], [["snapshot", "recovered"], ["snapshot"]]);
  });

  test("resume after a reconnect where the one resumes that has least", () => {
    connected();
    const [first, second] = [follower(120_000), follower(60_000)];
    feed.follow(VIEW, first.handlers);
    feed.follow(VIEW, second.handlers);
    told(snapshot());
    sent = [];
    opened();
    assert.deepEqual(
      requests("subscribe").map(({ since }) => since),
      [60_000],
    );
    // The server could not: what it says holds for both, and a newcomer does not come between.
    const third = follower();
    feed.follow(VIEW, third.handlers);
    assert.equal(requests("subscribe").length, 1);
    told(snapshot());
    assert.deepEqual(first.heard.slice(1), ["snapshot"]);
    assert.deepEqual(second.heard.slice(1), ["snapshot"]);
    assert.equal(requests("subscribe").length, 2, "who came meanwhile needs all");
    assert.equal(requests("subscribe")[1].since, undefined);
    told(snapshot());
    assert.deepEqual(first.heard.slice(2), ["recovered"]);
    assert.equal(third.heard.at(-1), "recovered", "it had the first answer already");
  });

  test("that come back from the past with an old place take nothing from who is live", () => {
    connected();
    const first = follower();
    feed.follow(VIEW, first.handlers);
    told(snapshot());
    first.since = 600_000;
    feed.follow(VIEW, follower(60_000).handlers);
    told(snapshot());
    assert.deepEqual(first.heard, ["snapshot", "recovered"]);
  });

  test("are asked for again when frames were skipped, and nobody is live until then", () => {
    connected();
    const first = follower();
    feed.follow(VIEW, first.handlers);
    told(snapshot());
    first.since = 60_000;
    seq += 1;
    told({ op: "candle", ...VIEW, candle: candle() });
    assert.equal(requests("subscribe").at(-1).since, 60_000);
    told({ op: "candle", ...VIEW, candle: candle() }, snapshot());
    assert.deepEqual(first.heard, ["snapshot", "candle", "snapshot"]);
  });

  test("that are refused are told to each who follows", () => {
    connected();
    const [first, second] = [follower(), follower()];
    feed.follow(VIEW, first.handlers);
    feed.follow(VIEW, second.handlers);
    told({ op: "error", id: requests("subscribe").at(-1).id, code: "unknown_symbol", message: "no" });
    assert.deepEqual([first.heard, second.heard], [["no"], ["no"]]);
  });

  test("of other symbols and intervals are not told", () => {
    connected();
    const minutes = follower();
    feed.follow(VIEW, minutes.handlers);
    told(
      { op: "candle", ...VIEW, interval: "5m", candle: candle() },
      { op: "gap", exchange: "sim", symbol: "ETHUSDT", gap: {} },
    );
    assert.deepEqual(minutes.heard, []);
  });
});
