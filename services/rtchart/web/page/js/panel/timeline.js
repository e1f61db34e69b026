/** The candles of one symbol and interval as they are known here: what the socket tells, and what was asked for. No DOM. */

import { bands } from "../candles/bands.js";
import { condition } from "../candles/completeness.js";
import { fill } from "../candles/fill.js";
import { History, PAGE } from "../candles/history.js";
import { Ledger } from "../candles/ledger.js";
import { Past } from "../candles/past.js";
import { LIMIT } from "../client/feed.js";
import { isSeconds, nextOpen } from "../client/interval.js";
import { Store } from "../client/store.js";
import { decimals } from "../lib/format.js";

/** @import { Api, ApiError } from "../client/api.js" */
/** @import { Feed } from "../client/feed.js" */
/** @import { Change } from "../client/store.js" */
/** @import { Candle, CandleMessage, Frame, SnapshotMessage, View } from "../client/protocol.js" */
/** @import { Condition, Range } from "../candles/completeness.js" */

/**
 * @typedef {object} Source Where candles come from.
 * @property {Feed} feed
 * @property {Api} api
 * @property {() => number} now the server's time in ms
 *
 * @typedef {object} Handlers
 * @property {(first: boolean) => void} onSnapshot what is known is another; `first`: nothing was before
 * @property {(candle: Candle, change: Change) => void} onCandle one is new, or another
 * @property {() => void} onNews any of them may be another, or what is known of what lacks
 * @property {(state: State, detail?: string) => void} onState
 * @property {(message: CandleMessage, frame: Frame) => void} onLive a live candle was taken
 * @property {() => boolean} forgets whether the oldest ones may go: nobody looks at them
 */

/** @typedef {"loading" | "ready" | "empty" | "partial" | "refused" | "history"} State */

/** Pages of history that are loaded one after the other to a time that is asked for; further away it is gone to at once. */
const WALK = 5;
/** Candles before the time that is gone to. */
const BEFORE = 300;
/** Candles that are kept at least of what comes while it is open, which may be for weeks. */
const MOST = 5_000;
/** After newer ones did not come, wait before asking again (ms). */
const PAUSE = 3_000;

export class Timeline {
  store;
  /** Decimals of the prices: it only grows, so that digits do not jump. */
  precision;
  /** Whether it ends in the past: newer candles are loaded page by page, and live ones are not taken. */
  away = false;
  #past = new Past(() => this.handlers.onNews());
  /** @type {History} */
  #history;
  /** @type {Ledger} */
  #ledger;
  /** @type {Candle[]} what came and is older than all that is here, while a page is on its way that may be older than it */
  #early = [];
  #closed = false;
  /** @type {Promise<boolean> | null} older ones that are on their way */
  #older = null;
  #arriving = false;
  #notBefore = 0;
  /** @type {(() => void) | null} */
  #stop = null;

  /**
   * @param {View} view
   * @param {string | null | undefined} tickSize the smallest step of its price, where it is known
   * @param {Source} source
   * @param {Handlers} handlers
   */
  constructor(view, tickSize, source, handlers) {
    this.view = view;
    this.source = source;
    this.handlers = handlers;
    this.precision = decimals(tickSize ? [tickSize] : []);
    this.store = new Store(view.interval);
    this.#history = this.#ofHistory();
    this.#ledger = new Ledger((start, end) => source.api.gapsBetween(view, start, end), handlers.onNews);
  }

  get gaps() {
    return this.#ledger.gaps;
  }

  /** Follow it live; after a time in the past this is how it comes back. */
  follow() {
    const { view, handlers } = this;
    this.away = false;
    this.#stop?.();
    this.#stop = this.source.feed.follow(view, {
      since: () => this.store.resumeFrom(LIMIT),
      onSnapshot: (message) => this.#snapshot(message),
      onCandle: (message, frame) => {
        if (this.#take(message.candle)) handlers.onLive(message, frame);
      },
      onRevision: ({ candle }) => void this.#take(candle),
      onGap: ({ gap }) => {
        this.#ledger.take([gap]);
        if (gap.state === "repaired" && isSeconds(view.interval)) void fill(this.store, gap, this.#asking());
      },
      onRefused: (reason) => handlers.onState("refused", reason),
    });
  }

  close() {
    this.#closed = true;
    this.#stop?.();
    this.#past.clear();
  }

  /** Whether there is nothing older than what is here. */
  get complete() {
    return this.#history.complete;
  }

  /** The stretch of a new symbol's past that is on its way. */
  get coming() {
    return this.#past.coming(this.store, this.source.now());
  }

  /**
   * @param {Candle} candle
   * @param {Range | null} coming
   * @returns {Condition}
   */
  condition(candle, coming = this.coming) {
    const { store, gaps, complete } = this;
    return condition(candle, { store, gaps, coming, complete }, this.source.now());
  }

  /** Stretches that nothing is here of, or not yet; asks for seconds that the socket says nothing of. */
  bands() {
    const { store, coming } = this;
    if (coming && isSeconds(store.interval)) void this.#past.refill(store, coming, this.#asking(), this.source.now);
    const first = store.first?.open_time ?? 0;
    return bands(store.holes(), this.gaps, coming).filter(({ end }) => end > first);
  }

  /** Load the next page of older candles, or wait for the one that is on its way. Whether it came. */
  older() {
    this.#older ??= this.#loadOlder().finally(() => (this.#older = null));
    return this.#older;
  }

  async #loadOlder() {
    const { store } = this;
    const oldest = store.first?.open_time;
    if (oldest === undefined) return false;
    try {
      const candles = await this.#history.older(oldest);
      if (!candles || !this.#holds(store)) return false;
      store.mergeAll(candles);
      for (const candle of this.#early.splice(0)) store.merge(candle);
      this.#setPrecision(candles);
      this.handlers.onNews();
      this.handlers.onState("ready");
      void this.#explain(store.first?.open_time ?? oldest, oldest);
      return true;
    } catch (error) {
      if (this.#holds(store)) this.handlers.onState("history", /** @type {Error} */ (error).message);
      return false;
    }
  }

  /** Load the next page of newer candles where it ends in the past; the last one leads back to now. */
  async newer() {
    const { store } = this;
    const last = store.last;
    if (!this.away || !last || this.#arriving || performance.now() < this.#notBefore) return;
    this.#arriving = true;
    try {
      const start = last.open_time;
      const page = await this.source.api.candlesBetween(this.view, start, this.#end, PAGE);
      if (!this.#holds(store) || !this.away) return;
      store.mergeAll(page.candles);
      this.#setPrecision(page.candles);
      if (page.candles.length < PAGE) this.follow();
      this.handlers.onNews();
      this.handlers.onState("ready");
      void this.#explain(start, store.last?.open_time ?? start);
    } catch (error) {
      const { retryAfter = 0 } = /** @type {Partial<ApiError>} */ (error);
      this.#notBefore = performance.now() + Math.max(PAUSE, 1_000 * retryAfter);
      if (this.#holds(store)) this.handlers.onState("history", /** @type {Error} */ (error).message);
    } finally {
      this.#arriving = false;
    }
  }

  /**
   * Have the candles around a time (ms). Whether it is there, or was as near to it as there are candles.
   * @param {number} time
   */
  async reach(time) {
    const { interval } = this.store;
    for (let pages = 0; pages < WALK && !this.#covers(time) && !this.complete; pages += 1) {
      const { first } = this.store;
      // The other way, or so far away that walking there would take long.
      if (!first || first.open_time <= time) break;
      if ((nextOpen(interval, first.open_time) - first.open_time) * PAGE * WALK < first.open_time - time) break;
      if (!(await this.older())) break;
    }
    if (this.#covers(time) || (this.complete && !this.away)) return true;
    return this.#depart(time);
  }

  /** @param {number} time */
  #covers(time) {
    const { first, last } = this.store;
    if (!first || !last) return false;
    return first.open_time <= time && (!this.away || time <= last.open_time);
  }

  /**
   * Go to a time far away: what is here is left, as nothing leads from there to it.
   * @param {number} time
   */
  async #depart(time) {
    const { view, source } = this;
    const length = nextOpen(view.interval, time) - time;
    const start = Math.max(0, time - BEFORE * length);
    const held = this.store;
    const page = await source.api.candlesBetween(view, start, this.#end, PAGE);
    if (!this.#holds(held) || !page.candles.length) return false;
    this.#stop?.();
    this.#stop = null;
    this.#restart();
    this.away = true;
    this.store.mergeAll(page.candles);
    this.#setPrecision(page.candles);
    if (page.candles.length < PAGE) this.follow();
    this.handlers.onNews();
    this.handlers.onState("ready");
    void this.#explain(start, this.store.last?.open_time ?? start);
    return true;
  }

  /** What opens before it has opened by now (ms). */
  get #end() {
    return Math.floor(this.source.now()) + 1;
  }

  #restart() {
    this.store = new Store(this.view.interval);
    this.#history = this.#ofHistory();
    this.#past.clear();
    this.#early = [];
    this.#ledger.gaps = [];
  }

  #ofHistory() {
    return new History((end, limit) => this.source.api.candlesBefore(this.view, end, limit));
  }

  /** @param {Store} store */
  #holds(store) {
    return store === this.store && !this.#closed;
  }

  /** @param {SnapshotMessage} message */
  #snapshot({ candles, gaps, recovered, partial }) {
    const first = !this.store.last;
    // Without recovery there may be a hole between what is here and what came: what came is all that is sure.
    if (!recovered) this.#restart();
    this.store.mergeAll(candles);
    this.#setPrecision(candles);
    this.#ledger.take(gaps);
    this.handlers.onSnapshot(first);
    this.handlers.onState(partial ? "partial" : this.store.last ? "ready" : "empty");
  }

  /**
   * Take a candle that came alone. Returns whether it changed the picture.
   * @param {Candle} candle
   */
  #take(candle) {
    if (this.store.first && candle.open_time < this.store.first.open_time && !this.complete) {
      // It belongs to a page that history has yet to load.
      if (this.#history.busy) this.#early.push(candle);
      return false;
    }
    const wasEmpty = !this.store.last;
    const change = this.store.merge(candle);
    if (change === "ignored") return false;
    this.#setPrecision([candle]);
    if (candle.source === "backfill" && candle !== this.store.last) this.#past.came(this.source.now());
    this.handlers.onCandle(candle, change);
    if (change === "appended") this.#forget();
    if (wasEmpty) this.handlers.onState("ready");
    return true;
  }

  /** Of a chart of seconds that is open for a week there would be 600,000. */
  #forget() {
    const { store } = this;
    if (store.candles.length < MOST + PAGE || !this.handlers.forgets()) return;
    store.trim(MOST);
    this.#history = this.#ofHistory(); // they can be had again
    this.handlers.onNews();
  }

  /**
   * Ask the ledger about a stretch of what is here.
   * @param {number} start
   * @param {number} end
   */
  #explain(start, end) {
    const { store } = this;
    return this.#ledger.explain(store, { start, end }, () => this.#holds(store));
  }

  /** Where seconds that the socket says nothing of come from, for the store that is here now. */
  #asking() {
    const { store, view } = this;
    return {
      fetch: (/** @type {number} */ start, /** @type {number} */ end) => this.source.api.candlesBetween(view, start, end, PAGE),
      wanted: () => this.#holds(store),
      onNews: () => this.handlers.onNews(),
    };
  }

  /** @param {readonly Candle[]} candles */
  #setPrecision(candles) {
    const needed = decimals(candles.flatMap(({ open, high, low, close }) => [open, high, low, close]));
    this.precision = Math.max(this.precision, needed);
  }
}
