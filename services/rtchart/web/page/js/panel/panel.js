/** One chart with its head, its notice and its tip: what stands side by side with others. */

import { part, write } from "../lib/dom.js";
import { onFrame } from "../lib/frame.js";
import { explain, reading } from "../candles/explain.js";
import { identityOf, symbolKey } from "../client/identity.js";
import { isSilent } from "../client/status.js";
import { fill, texts } from "../texts.js";
import { Card } from "./card.js";
import { bindKeys } from "./keys.js";
import { Comparison } from "./comparison.js";
import { Tab } from "./tab.js";
import { Tip } from "./tip.js";
import { ChartView } from "./view.js";

/** @import { CandleMessage, Frame, Gap, SymbolInfo, Ticker, View } from "../client/protocol.js" */
/** @import { Zone } from "../lib/zone.js" */
/** @import { Chosen } from "../shell/menu.js" */
/** @import { Source, State } from "./timeline.js" */
/** @import { Place } from "./view.js" */

/**
 * @typedef {object} Handlers
 * @property {(panel: Panel) => void} onActive it is worked with
 * @property {(panel: Panel, interval: string) => void} onInterval
 * @property {(panel: Panel, place: Place | null) => void} onHover
 * @property {(text: string) => void} onRead this is to be read out
 * @property {((panel: Panel, price: string) => void) | null} onMenu marks at a price are wished for; `null`: there are none
 * @property {(panel: Panel) => void} onGaps others are known
 * @property {(message: CandleMessage, frame: Frame) => void} onDrawn
 */

export class Panel {
  /** @type {SymbolInfo | undefined} what is said of the symbol, as it was last told: it may be there no more */
  info;
  /** @type {readonly Gap[]} */
  gaps = [];
  fetching = false;
  /** @type {Ticker | undefined} */
  #ticker;
  #told = "";
  /** What is said while there is nothing else to say. */
  #standing = "";
  #compare = "";
  /** Why what it is compared with is not drawn. */
  #compared = "";
  #notice;

  /**
   * @param {HTMLTemplateElement} template
   * @param {Source} source
   * @param {Zone} zone
   * @param {Handlers} handlers
   */
  constructor(template, source, zone, handlers) {
    const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = /** @type {HTMLElement} */ (copy.firstElementChild);
    fill(this.element);
    this.source = source;
    this.zone = zone;
    this.handlers = handlers;
    const container = part(this.element, "chart", HTMLDivElement);
    const now = part(this.element, "to-now", HTMLButtonElement);
    this.#notice = part(this.element, "notice", HTMLParagraphElement);
    this.card = new Card(this.element);
    this.tab = new Tab(this.element, (interval) => handlers.onInterval(this, interval));
    this.tip = new Tip(part(this.element, "tip", HTMLDivElement));
    this.view = new ChartView(container, source, {
      onCandle: (candle, before, condition) => {
        const { precision } = this.view;
        this.card.showPrice(this.price, this.#ticker, precision);
        this.card.showCandle(candle, before, precision, condition, source.now());
      },
      onGaps: (gaps, fetching) => {
        this.gaps = gaps;
        this.fetching = fetching;
        handlers.onGaps(this);
      },
      onState: (state, detail) => this.#state(state, detail),
      onDrawn: handlers.onDrawn,
      onHover: (place) => {
        this.#tell(place);
        handlers.onHover(this, place);
      },
      onStep: (candle, end) => {
        const { timeline, bands, precision } = this.view;
        if (!timeline) return;
        const said = reading(candle, timeline, bands, source.now(), this.zone, precision);
        handlers.onRead(end ? `${texts.readingEnd} ${said}` : said);
      },
      onMove: () => {
        this.comparison.rebase();
        onFrame(now, () => (now.hidden = !this.view.isPast));
      },
    });
    this.view.chart.zone = zone;
    this.comparison = new Comparison(this.view, source, (text) => {
      this.#compared = text;
      this.say(this.#told);
    });
    now.addEventListener("click", () => {
      this.view.toNow();
      container.focus();
    });
    bindKeys(container, this.view);
    if (handlers.onMenu) container.addEventListener("contextmenu", (event) => this.#menu(event));
    for (const kind of ["pointerdown", "focusin"]) this.element.addEventListener(kind, () => handlers.onActive(this));
  }

  get shown() {
    return this.view.shown;
  }

  /** The last price; the newest candle that is here may be one of long ago. */
  get price() {
    return this.view.timeline?.away ? this.#ticker?.price : this.view.store?.last?.close;
  }

  /**
   * @param {View} view
   * @param {SymbolInfo | undefined} info
   */
  show(view, info) {
    this.info = info;
    this.#ticker = undefined;
    this.tip.hide();
    this.view.show(view, info?.tick_size);
    this.#pair();
    this.head();
  }

  /** What is said of the symbol, or which intervals it has, is another. */
  head() {
    if (!this.shown) return;
    this.tab.show(this.shown, this.info?.intervals ?? []);
    this.tick();
  }

  /** @param {Ticker} ticker of the symbol that is shown */
  set ticker(ticker) {
    this.#ticker = ticker;
    this.card.showPrice(this.price, ticker, this.view.precision);
  }

  /** @param {Chosen} chosen how to draw */
  look(chosen) {
    this.view.redraw((chart) => chart.look(chosen));
    this.#compare = chosen.compare;
    this.#pair();
  }

  /** A second has passed: what counts seconds is written anew. */
  tick() {
    const { shown, info } = this;
    if (!shown) return;
    const now = this.source.now();
    const { store } = this.view;
    this.card.showCountdown(this.view.timeline?.away ? undefined : store?.last, shown.interval, now);
    const halted = isSilent(info?.status);
    const last = this.#ticker && this.zone.time(this.#ticker.time, { seconds: true });
    this.element.classList.toggle("halted", halted);
    this.#standing = halted ? texts.halted(info?.status ?? "", info?.detail ?? "", last ?? "") : "";
    this.say(this.#told);
  }

  focus() {
    part(this.element, "chart", HTMLDivElement).focus();
  }

  close() {
    this.comparison.close();
    this.view.close();
    this.element.remove();
  }

  /**
   * Say something over the chart, until something else is to be said.
   * @param {string} text
   */
  say(text) {
    this.#told = text;
    const said = text || this.#standing || this.#compared;
    this.#notice.hidden = !said;
    write(this.#notice, said);
  }

  /**
   * @param {State} state
   * @param {string} [detail]
   */
  #state(state, detail = "") {
    const text = {
      loading: texts.loading,
      ready: "",
      empty: texts.empty,
      partial: texts.partial,
      refused: texts.unavailable(detail),
      history: texts.historyFailed(detail),
    }[state];
    this.say(text);
  }

  /** @param {Place | null} place */
  #tell(place) {
    const { view } = this;
    const { timeline } = view;
    if (!place || !timeline) return this.tip.hide();
    const lines = explain(place.openTime, timeline, view.bands, this.source.now(), this.zone);
    this.tip.show(lines, place);
  }

  #pair() {
    const { shown } = this;
    const other = this.#compare && shown && this.#compare !== symbolKey(shown);
    this.comparison.show(other ? { ...identityOf(this.#compare), interval: shown.interval } : null);
  }

  /** @param {MouseEvent} event */
  #menu(event) {
    event.preventDefault();
    const { chart, precision } = this.view;
    const box = part(this.element, "chart", HTMLDivElement).getBoundingClientRect();
    const price = event.clientY ? chart.priceAt(event.clientY - box.top) : undefined;
    this.handlers.onMenu?.(this, price === undefined ? (this.price ?? "") : price.toFixed(precision));
  }
}
