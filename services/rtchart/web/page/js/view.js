/** One chart and what feeds it: the store, the subscription, the history. Knows nothing of the page around it. */

import { bands, withGaps } from "./bands.js";
import { Chart } from "./chart.js";
import { LIMIT } from "./feed.js";
import { decimals } from "./format.js";
import { onFrame } from "./frame.js";
import { History } from "./history.js";
import { Store } from "./store.js";

/** @import { Candle, CandleMessage, CandlePage, Frame, Gap, SnapshotMessage, View as ViewOf } from "./protocol.js" */
/** @import { Feed } from "./feed.js" */
/** @import { Palette } from "./theme.js" */

/**
 * @typedef {object} Needs What a view is made with.
 * @property {HTMLElement} container
 * @property {Feed} feed
 * @property {(view: ViewOf, end: number, limit: number) => Promise<CandlePage>} fetchPage
 * @property {() => number} now the server's time in ms
 * @property {(candle: Candle | undefined, precision: number, hovered: boolean) => void} onCandle the candle to describe
 * @property {(gaps: Gap[]) => void} onGaps
 * @property {(state: "loading" | "ready" | "empty" | "partial" | "refused" | "history", detail?: string) => void} onState
 * @property {(message: CandleMessage, frame: Frame) => void} onDrawn a live candle was handed to the chart
 */

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
    this.needs.onGaps(this.gaps);
    this.#describe();
    this.needs.feed.show(view, {
      since: () => this.store.resumeFrom(LIMIT),
      onSnapshot: (message) => this.#snapshot(message),
      onCandle: (message, frame) => {
        if (this.#take(message.candle)) this.needs.onDrawn(message, frame);
      },
      onRevision: ({ candle }) => void this.#take(candle),
      onGap: ({ gap }) => this.#setGaps(withGaps(this.gaps, [gap])),
      onRefused: (reason) => this.needs.onState("refused", reason),
    });
  }

  /** @param {Palette} palette */
  setPalette(palette) {
    this.chart.setPalette(palette, this.store);
    this.#shade();
  }

  #restart() {
    const view = this.shown;
    if (!view) return;
    this.store = new Store(view.interval);
    this.#history = new History((end, limit) => this.needs.fetchPage(view, end, limit));
  }

  /** @param {SnapshotMessage} message */
  #snapshot({ candles, gaps, recovered, partial }) {
    const first = !this.store.last;
    // Without recovery there may be a hole between what is here and what came: what came is all that is sure.
    if (!recovered) this.#restart();
    this.store.mergeAll(candles);
    this.#setPrecision(candles);
    this.chart.draw(this.store, this.needs.now());
    this.#setGaps(recovered ? withGaps(this.gaps, gaps) : gaps);
    if (first) this.chart.scrollToNow();
    this.needs.onState(partial ? "partial" : this.store.last ? "ready" : "empty");
    this.#describe();
  }

  /**
   * Take a candle that came alone. Returns whether it changed the picture.
   * @param {Candle} candle
   */
  #take(candle) {
    // What is older than all that is here belongs to a page that history has yet to load.
    if (this.store.first && candle.open_time < this.store.first.open_time) return false;
    const wasEmpty = !this.store.last;
    const change = this.store.merge(candle);
    if (change === "ignored") return false;
    this.#setPrecision([candle]);
    if (change === "inserted") this.chart.draw(this.store, this.needs.now());
    else this.chart.update(candle, this.needs.now());
    if (change !== "updated") this.#shade();
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
      this.#setPrecision(candles);
      this.chart.draw(store, this.needs.now());
      this.#shade();
      this.needs.onState("ready");
    } catch (error) {
      if (store === this.store) this.needs.onState("history", /** @type {Error} */ (error).message);
    }
  }

  /** @param {Gap[]} gaps */
  #setGaps(gaps) {
    this.gaps = gaps;
    this.#shade();
    this.needs.onGaps(gaps);
  }

  #shade() {
    const first = this.store.first?.open_time ?? 0;
    this.chart.shade(bands(this.store.holes(), this.gaps).filter(({ end }) => end > first));
  }

  /** @param {readonly Candle[]} candles */
  #setPrecision(candles) {
    // It only grows while a symbol is shown, so that digits do not jump.
    const needed = decimals(candles.flatMap(({ open, high, low, close }) => [open, high, low, close]));
    this.precision = Math.max(this.precision, needed);
    this.chart.precision = this.precision;
  }

  #describe() {
    onFrame(this, () => {
      const hovered = this.#hovered === null ? undefined : this.store.at(this.#hovered);
      this.needs.onCandle(hovered ?? this.store.last, this.precision, hovered !== undefined);
    });
  }
}
