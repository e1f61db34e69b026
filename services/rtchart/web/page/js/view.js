/** One chart and what feeds it: the store, the subscription, the history. Knows nothing of the page around it. */

import { bands, withGaps } from "./bands.js";
import { Chart } from "./chart.js";
import { condition } from "./completeness.js";
import { LIMIT } from "./feed.js";
import { fill } from "./fill.js";
import { decimals } from "./format.js";
import { onFrame } from "./frame.js";
import { History, PAGE } from "./history.js";
import { isSeconds } from "./interval.js";
import { Past } from "./past.js";
import { Store } from "./store.js";

/** @import { Candle, CandleMessage, CandlePage, Frame, Gap, SnapshotMessage, View as ViewOf } from "./protocol.js" */
/** @import { Condition, Range } from "./completeness.js" */
/** @import { Feed } from "./feed.js" */

/**
 * @typedef {object} Needs What a view is made with.
 * @property {HTMLElement} container
 * @property {Feed} feed
 * @property {(view: ViewOf, end: number, limit: number) => Promise<CandlePage>} fetchPage
 * @property {(view: ViewOf, start: number, end: number, limit: number) => Promise<CandlePage>} fetchBetween
 * @property {(view: ViewOf, start: number, end: number) => Promise<Gap[]>} fetchGaps
 * @property {() => number} now the server's time in ms
 * @property {(candle: Candle | undefined, precision: number, condition: Condition) => void} onCandle the candle to describe
 * @property {(gaps: Gap[], fetching: boolean) => void} onGaps `fetching`: the past of the symbol is on its way
 * @property {(state: "loading" | "ready" | "empty" | "partial" | "refused" | "history", detail?: string) => void} onState
 * @property {(message: CandleMessage, frame: Frame) => void} onDrawn a live candle was handed to the chart
 */

/** After the ledger gave no answer, wait before asking again (ms). */
const AGAIN = 5_000;

export class ChartView {
  /** @type {ViewOf | null} */
  shown = null;
  store = new Store("1m");
  /** @type {Gap[]} */
  gaps = [];
  precision = 2;
  /** @type {number | null} */
  #hovered = null;
  /** @type {History | null} */
  #history = null;
  #past = new Past(() => this.#drawSoon());
  /** @type {Candle[]} what came and is older than all that is here, while a page is on its way that may be older than it */
  #early = [];
  /** Whether everything is drawn anew in the next frame. */
  #stale = false;

  /** @param {Needs} needs */
  constructor(needs) {
    this.needs = needs;
    this.chart = new Chart(needs.container, {
      onOlder: () => void this.older(),
      onHover: (openTime) => {
        this.#hovered = openTime;
        this.#describe();
      },
    });
  }

  /**
   * Show another symbol or interval.
   * @param {ViewOf} view
   * @param {string | null} [tickSize] the smallest step of its price, where it is known
   */
  show(view, tickSize) {
    this.shown = view;
    this.precision = decimals(tickSize ? [tickSize] : []);
    this.gaps = [];
    this.#hovered = null;
    this.#restart();
    this.chart.clear(view.interval);
    this.needs.onState("loading");
    this.#shade();
    this.#describe();
    this.needs.feed.show(view, {
      since: () => this.store.resumeFrom(LIMIT),
      onSnapshot: (message) => this.#snapshot(message),
      onCandle: (message, frame) => {
        if (this.#take(message.candle)) this.needs.onDrawn(message, frame);
      },
      onRevision: ({ candle }) => void this.#take(candle),
      onGap: ({ gap }) => {
        this.#setGaps(withGaps(this.gaps, [gap]));
        if (gap.state === "repaired" && isSeconds(view.interval)) void fill(this.store, gap, this.#asking(view));
      },
      onRefused: (reason) => this.needs.onState("refused", reason),
    });
  }

  /**
   * Have it drawn in another way.
   * @param {(chart: Chart) => void} change
   */
  redraw(change) {
    this.chart.staying(() => {
      change(this.chart);
      this.#draw();
    });
  }

  #restart() {
    const view = this.shown;
    if (!view) return;
    this.store = new Store(view.interval);
    this.#history = new History((end, limit) => this.needs.fetchPage(view, end, limit));
    this.#past.clear();
    this.#early = [];
  }

  /** @param {SnapshotMessage} message */
  #snapshot({ candles, gaps, recovered, partial }) {
    const first = !this.store.last;
    // Without recovery there may be a hole between what is here and what came: what came is all that is sure.
    if (!recovered) this.#restart();
    this.store.mergeAll(candles);
    this.#setPrecision(candles);
    this.gaps = recovered ? withGaps(this.gaps, gaps) : gaps;
    this.#draw();
    if (first) this.chart.scrollToNow();
    this.needs.onState(partial ? "partial" : this.store.last ? "ready" : "empty");
    this.#describe();
  }

  /**
   * Take a candle that came alone. Returns whether it changed the picture.
   * @param {Candle} candle
   */
  #take(candle) {
    if (this.store.first && candle.open_time < this.store.first.open_time && !this.#history?.complete) {
      // It belongs to a page that history has yet to load.
      if (this.#history?.busy) this.#early.push(candle);
      return false;
    }
    const wasEmpty = !this.store.last;
    const change = this.store.merge(candle);
    if (change === "ignored") return false;
    this.#setPrecision([candle]);
    if (candle.source === "backfill" && candle !== this.store.last) this.#past.came(this.needs.now());
    // A symbol's past comes in hundreds of candles at once: they are drawn together.
    if (change === "inserted" || this.#stale) this.#drawSoon();
    else {
      if (!this.chart.update(candle, this.#condition(candle))) this.#drawSoon();
      if (change === "appended") this.#shade();
    }
    if (wasEmpty) this.needs.onState("ready");
    this.#describe();
    return true;
  }

  /** Load the next page of older candles, unless one is on its way. */
  async older() {
    const { store } = this;
    const oldest = store.first?.open_time;
    if (oldest === undefined || !this.#history) return;
    try {
      const candles = await this.#history.older(oldest);
      if (!candles || store !== this.store) return;
      store.mergeAll(candles);
      const early = this.#early;
      this.#early = [];
      this.#stale = true; // the page is not drawn yet
      for (const candle of early) this.#take(candle);
      this.#setPrecision(candles);
      this.#draw();
      this.needs.onState("ready");
      await this.#explain(oldest);
    } catch (error) {
      if (store === this.store) this.needs.onState("history", /** @type {Error} */ (error).message);
    }
  }

  /**
   * Ask the ledger about what is not whole in the page that ends at `end`: snapshots tell of the newest stretch alone.
   * @param {number} end
   */
  async #explain(end) {
    const { store, shown } = this;
    const start = store.first?.open_time ?? end;
    if (!shown || store.isWhole(start, end)) return;
    try {
      const gaps = await this.needs.fetchGaps(shown, start, end);
      // What the socket told in the meantime is newer.
      if (store === this.store) this.#setGaps(withGaps(gaps, this.gaps));
    } catch {
      // The candles are here, and say themselves that they are not whole; why can wait.
      setTimeout(() => store === this.store && this.#explain(end), AGAIN);
    }
  }

  /** @param {Gap[]} gaps */
  #setGaps(gaps) {
    this.gaps = gaps;
    this.#drawSoon();
  }

  get #coming() {
    return this.#past.coming(this.store, this.needs.now());
  }

  /**
   * @param {Candle} candle
   * @param {Range | null} coming
   */
  #condition(candle, coming = this.#coming) {
    const { store, gaps } = this;
    return condition(candle, { store, gaps, coming, complete: this.#history?.complete ?? false }, this.needs.now());
  }

  #draw() {
    this.#stale = false;
    const coming = this.#coming;
    this.chart.draw(this.store, (candle) => this.#condition(candle, coming));
    this.#shade();
  }

  /** Where seconds that the socket says nothing of come from, for the store that is shown now. @param {ViewOf} view */
  #asking(view) {
    const { store } = this;
    return {
      fetch: (/** @type {number} */ start, /** @type {number} */ end) => this.needs.fetchBetween(view, start, end, PAGE),
      wanted: () => store === this.store,
      onNews: () => this.#drawSoon(),
    };
  }

  #drawSoon() {
    this.#stale = true;
    onFrame(this.chart, () => this.#stale && this.#draw());
  }

  #shade() {
    const first = this.store.first?.open_time ?? 0;
    const coming = this.#coming;
    this.chart.shade(bands(this.store.holes(), this.gaps, coming).filter(({ end }) => end > first));
    this.needs.onGaps(this.gaps, coming !== null);
    if (coming && this.shown && isSeconds(this.shown.interval)) {
      void this.#past.refill(this.store, coming, this.#asking(this.shown), this.needs.now);
    }
  }

  /** @param {readonly Candle[]} candles */
  #setPrecision(candles) {
    // It only grows while a symbol is shown, so that digits do not jump.
    const needed = decimals(candles.flatMap(({ open, high, low, close }) => [open, high, low, close]));
    this.precision = Math.max(this.precision, needed);
    this.chart.axis.precision = this.precision;
  }

  #describe() {
    onFrame(this, () => {
      const candle = (this.#hovered === null ? undefined : this.store.at(this.#hovered)) ?? this.store.last;
      this.needs.onCandle(candle, this.precision, candle ? this.#condition(candle) : "whole");
    });
  }
}
