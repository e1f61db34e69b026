/**
 * The list of symbols: live price and change, the last hour, a filter, an order, and the keyboard. Rows are links, so that a
 * new tab works too.
 */

import { symbolKey } from "../client/identity.js";
import { find, write } from "../lib/dom.js";
import { onFrame } from "../lib/frame.js";
import { texts } from "../texts.js";
import { step } from "./place.js";
import { Row } from "./row.js";
import { VirtualRows } from "./rows.js";
import { SORTS } from "./sort.js";
import { Sparks } from "./sparks.js";
import { Symbols } from "./symbols.js";

/** @import { Zone } from "../lib/zone.js" */
/** @import { Closes, SymbolInfo, Ticker, View } from "../client/protocol.js" */
/** @import { Entry } from "./entry.js" */

/** What this browser remembers the order under. */
const SORT = "watchlist.sort";
/** Whoever scrolls is looking for something that is to stay where it is: for so long (ms) after the last bit of it. */
const SCROLLED = 1_000;
/** Rows that are in sight for so long (ms) are looked at, not passed by. */
const SETTLED = 150;

/**
 * @typedef {object} Wiring
 * @property {(info: SymbolInfo, how: { beside: boolean }) => void} onChoose `beside`: in a chart beside the one there is
 * @property {(exchange: string, symbols: string[], interval: string, limit: number) => Promise<Closes>} fetchCloses
 * @property {() => number} now the server's time in ms
 * @property {() => Zone} zone in which times are written
 * @property {(info: SymbolInfo) => string} address what the row of a symbol leads to
 * @property {(key: string) => string | null} recall
 * @property {(key: string, value: string) => void} remember
 */

export class Sidebar {
  #symbols = new Symbols();
  /** @type {Map<string, "active" | "beside">} what the charts show, by key */
  #marks = new Map();
  #scrolledAt = -Infinity;
  #pointed = false;
  #revealed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;
  #list = find("symbols", HTMLUListElement);
  #filter = find("filter", HTMLInputElement);
  #sort = find("symbols-sort", HTMLSelectElement);
  #note = find("symbols-note", HTMLParagraphElement);
  #count = find("symbol-count", HTMLSpanElement);

  /** @param {Wiring} wiring */
  constructor(wiring) {
    this.wiring = wiring;
    this.rows = /** @type {VirtualRows<Entry, Row>} */ (
      new VirtualRows(this.#list, {
        keyOf: ({ key }) => key,
        make: () => new Row(wiring.zone),
        bind: (row, entry) => {
          this.#bind(row, entry);
          row.draw(entry, this.#symbols.venues, this.wiring.now());
        },
        onMove: () => this.#settle(),
      })
    );
    this.sparks = new Sparks({
      fetchCloses: wiring.fetchCloses,
      inSight: () => this.#looked(),
      onNews: () => onFrame(this, () => this.#draw()),
    });
    this.#filter.placeholder = texts.filter;
    this.#filter.title = texts.filterKey;
    this.#sort.title = texts.watchlist.sort;
    this.#sort.ariaLabel = texts.watchlist.sort;
    this.#sort.append(...SORTS.map((sort) => new Option(texts.watchlist.sorts[sort], sort)));
    this.#sort.value = SORTS.find((sort) => sort === wiring.recall(SORT)) ?? SORTS[0];
    this.#symbols.sort = this.#sorting;
    this.#listen();
  }

  /** @param {readonly SymbolInfo[]} symbols which there are */
  set symbols(symbols) {
    this.#symbols.replace(symbols, this.#held);
    this.#arrange();
    this.#bindAll();
    this.#draw();
    this.#reveal();
  }

  /** @param {readonly View[]} views what the charts show, the active one first */
  set shown(views) {
    this.#marks = new Map(views.map((view) => [symbolKey(view), "beside"]));
    const [active] = views;
    if (active) this.#marks.set(symbolKey(active), "active");
    if (active && !this.#list.contains(document.activeElement)) this.rows.stop = symbolKey(active);
    this.#bindAll();
    this.#reveal();
  }

  /** @param {readonly Ticker[]} tickers */
  update(tickers) {
    this.#symbols.update(tickers);
    onFrame(this, () => this.#draw());
  }

  /** A second has passed. */
  tick() {
    const now = this.wiring.now();
    for (const { row, value } of this.rows.shown) row.age(value, now);
    this.#follow();
    if (this.#settling === undefined) void this.sparks.look();
  }

  /** To the filter. */
  focus() {
    this.#filter.focus();
  }

  #listen() {
    this.#filter.addEventListener("input", () => this.#search());
    this.#sort.addEventListener("change", () => {
      this.wiring.remember(SORT, this.#sort.value);
      this.#symbols.sort = this.#sorting;
      this.#search();
    });
    this.#list.addEventListener("click", (event) => {
      const entry = this.#entryOf(event.target);
      if (!entry || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.wiring.onChoose(entry.info, { beside: event.altKey });
    });
    this.#list.addEventListener("pointerenter", ({ pointerType }) => (this.#pointed = pointerType !== "touch"));
    this.#list.addEventListener("pointerleave", () => (this.#pointed = false));
    this.#list.addEventListener("scroll", () => (this.#scrolledAt = performance.now()));
    this.#list.addEventListener("keydown", (event) => this.#move(event));
    this.#filter.addEventListener("keydown", (event) => this.#type(event));
    document.addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLInputElement;
      if (event.key !== "/" || typing || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      this.focus();
    });
  }

  #draw() {
    this.#follow();
    const now = this.wiring.now();
    for (const { row, value } of this.rows.shown) if (value.changed) row.draw(value, this.#symbols.venues, now);
  }

  get #sorting() {
    return SORTS.find((sort) => sort === this.#sort.value) ?? SORTS[0];
  }

  /** Whether rows stay where they are, as somebody is at them. A row that was clicked keeps the focus, but is done with. */
  get #held() {
    if (!this.#symbols.live) return false;
    const scrolling = performance.now() - this.#scrolledAt < SCROLLED;
    return this.#pointed || scrolling || this.#list.querySelector(":focus-visible") !== null;
  }

  /** Have a live order follow the prices. */
  #follow() {
    if (!this.#held && this.#symbols.follow()) this.#arrange();
  }

  /** Show what is searched for, from its beginning. */
  #search() {
    this.rows.scrollTo(0);
    this.#arrange();
  }

  #arrange() {
    const text = this.#filter.value.trim();
    const found = this.#symbols.matching(text);
    this.rows.values = found;
    const all = this.#symbols.size;
    write(this.#count, text ? `${found.length} / ${all}` : String(all));
    this.#note.hidden = found.length > 0;
    write(this.#note, all ? texts.noMatch : texts.noSymbols);
  }

  /** Whoever comes with a link sees where in the list its symbol is. */
  #reveal() {
    const [active] = [...this.#marks].find(([, mark]) => mark === "active") ?? [""];
    const at = this.rows.indexOf(active);
    if (this.#revealed || at < 0) return;
    this.#revealed = true;
    this.rows.reveal(at);
  }

  /**
   * @param {Row} row
   * @param {Entry} entry
   */
  #bind(row, entry) {
    row.bind(entry, this.wiring.address(entry.info), this.#marks.get(entry.key));
  }

  #bindAll() {
    for (const { row, value } of this.rows.shown) this.#bind(row, value);
  }

  #settle() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      void this.sparks.look();
    }, SETTLED);
  }

  /** What somebody may be looking at. */
  #looked() {
    const seen = !document.hidden && this.#list.checkVisibility({ visibilityProperty: true });
    return seen ? [...this.rows.inSight] : [];
  }

  /**
   * A key in the filter.
   * @param {KeyboardEvent} event
   */
  #type(event) {
    const first = this.rows.values[0];
    if (event.key === "ArrowDown") this.rows.focus(0);
    else if (event.key === "Enter" && first) this.wiring.onChoose(first.info, { beside: event.altKey });
    else if (event.key === "Escape" && this.#filter.value) {
      this.#filter.value = "";
      this.#search();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  }

  /**
   * A key in the list.
   * @param {KeyboardEvent} event
   */
  #move(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const entry = this.#entryOf(event.target);
    if (event.altKey && event.key === "Enter" && entry) this.wiring.onChoose(entry.info, { beside: true });
    else {
      const to = event.altKey ? null : step(event.key, this.rows.focused, this.rows.place);
      if (to === null) return;
      if (to < 0) this.focus();
      else this.rows.focus(to);
    }
    event.preventDefault();
  }

  /** @param {EventTarget | null} target */
  #entryOf(target) {
    const link = target instanceof Element ? target.closest("a") : null;
    return link ? this.#symbols.get(link.dataset.key ?? "") : undefined;
  }
}
