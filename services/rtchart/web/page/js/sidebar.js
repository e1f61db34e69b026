/** The list of symbols: live price and change, a filter, and the keyboard. Rows are links, so that a new tab works too. */

import { find, make, write } from "./dom.js";
import * as format from "./format.js";
import { onFrame } from "./frame.js";
import { texts, venue } from "./texts.js";
import { query } from "./url.js";

/** @import { SymbolInfo, Ticker, View } from "./protocol.js" */

/**
 * @typedef {object} Row
 * @property {SymbolInfo} info
 * @property {HTMLLIElement} item
 * @property {HTMLAnchorElement} link
 * @property {HTMLElement} price
 * @property {HTMLElement} change
 * @property {HTMLElement} detail the venue where there is more than one, else the day's volume
 * @property {number} precision
 */

/** @param {{ exchange: string, symbol: string }} identity */
const key = ({ exchange, symbol }) => `${exchange}:${symbol}`;

export class Sidebar {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {Map<string, Ticker>} what came and is not drawn yet */
  #news = new Map();
  #venues = 1;
  /** @type {View | null} */
  #shown = null;
  #list = find("symbols", HTMLUListElement);
  #filter = find("filter", HTMLInputElement);
  #note = find("symbols-note", HTMLParagraphElement);
  #count = find("symbol-count", HTMLSpanElement);

  /** @param {(choice: { exchange: string, symbol: string }) => void} onChoose */
  constructor(onChoose) {
    this.#filter.placeholder = texts.filter;
    this.#filter.title = texts.filterKey;
    this.#filter.addEventListener("input", () => this.#apply());
    this.#list.addEventListener("click", (event) => {
      const row = this.#rowOf(event.target);
      if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      onChoose(row.info);
    });
    find("sidebar", HTMLElement).addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target instanceof HTMLInputElement || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      this.#filter.focus();
    });
  }

  /**
   * The symbols there are; rows of those that stay are kept.
   * @param {readonly SymbolInfo[]} symbols
   */
  set symbols(symbols) {
    const before = this.#rows;
    this.#rows = new Map(symbols.map((info) => [key(info), { ...(before.get(key(info)) ?? this.#row(info)), info }]));
    this.#venues = new Set(symbols.map(({ exchange }) => exchange)).size;
    for (const { info, item, detail } of this.#rows.values()) {
      if (this.#venues > 1) write(detail, venue(info.exchange));
      item.dataset.status = info.status;
      item.title = info.detail ?? "";
    }
    // The same rows are not put there again: that would take the focus from them.
    if ([...before.keys()].join() !== [...this.#rows.keys()].join()) {
      this.#list.replaceChildren(...[...this.#rows.values()].map(({ item }) => item));
    }
    this.#apply();
  }

  /** @param {View} view */
  set shown(view) {
    this.#shown = view;
    for (const [name, { link, info }] of this.#rows) {
      link.href = query({ ...info, interval: view.interval });
      if (name === key(view)) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /** @param {readonly Ticker[]} tickers */
  update(tickers) {
    for (const ticker of tickers) this.#news.set(key(ticker), ticker);
    onFrame(this, () => this.#draw());
  }

  #draw() {
    for (const [name, ticker] of this.#news) {
      const row = this.#rows.get(name);
      if (!row) continue;
      row.precision = Math.max(row.precision, format.decimals([ticker.price, ticker.open]));
      write(row.price, format.price(ticker.price, row.precision));
      if (this.#venues < 2) write(row.detail, texts.volume(format.compact(ticker.volume)));
      write(row.change, format.change(ticker.open, ticker.price));
      row.item.dataset.direction = direction(ticker);
    }
    this.#news.clear();
  }

  /**
   * @param {SymbolInfo} info
   * @returns {Row}
   */
  #row(info) {
    const item = make("li");
    const link = item.appendChild(make("a"));
    link.dataset.key = key(info);
    link.href = query({ ...info, interval: this.#shown?.interval ?? "1m" });
    const name = link.appendChild(make("span", "name", info.symbol));
    name.dir = "auto";
    const price = link.appendChild(make("span", "number"));
    const detail = link.appendChild(make("span", "detail"));
    const change = link.appendChild(make("span", "number change"));
    const precision = format.decimals([info.tick_size ?? "", info.price ?? ""]);
    if (info.price) price.textContent = format.price(info.price, precision);
    return { info, item, link, price, change, detail, precision };
  }

  #apply() {
    const wanted = this.#filter.value.trim().toUpperCase();
    let matches = 0;
    for (const { info, item } of this.#rows.values()) {
      item.hidden = !info.symbol.toUpperCase().includes(wanted);
      if (!item.hidden) matches += 1;
    }
    write(this.#count, wanted ? `${matches} / ${this.#rows.size}` : String(this.#rows.size));
    this.#note.hidden = matches > 0;
    write(this.#note, this.#rows.size ? texts.noMatch : texts.noSymbols);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const links = [...this.#rows.values()].filter(({ item }) => !item.hidden).map(({ link }) => link);
    const at = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
    const filtering = event.target === this.#filter;
    if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)]?.focus();
    else if (event.key === "ArrowUp" && at === 0) this.#filter.focus();
    else if (event.key === "ArrowUp" && at > 0) links[at - 1]?.focus();
    else if (event.key === "Enter" && filtering) links[0]?.click();
    else if (event.key === "Escape" && filtering && this.#filter.value) {
      this.#filter.value = "";
      this.#apply();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  }

  /** @param {EventTarget | null} target */
  #rowOf(target) {
    const link = target instanceof Element ? target.closest("a") : null;
    return link ? this.#rows.get(link.dataset.key ?? "") : undefined;
  }
}

/** @param {Ticker} ticker */
function direction({ open, price }) {
  const percent = format.changePercent(open, price) ?? 0;
  return percent > 0 ? "up" : percent < 0 ? "down" : "";
}
