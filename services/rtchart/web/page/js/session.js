/** What is shown, and how: kept in the page's address, so that a link shows the same, and remembered by this browser. */

import { symbolKey } from "./client/identity.js";
import { recall, remember } from "./lib/memory.js";
import { layoutFor } from "./panel/panels.js";
import { choose } from "./shell/choose.js";
import { meant } from "./shell/menu.js";
import { look, parse, query } from "./shell/url.js";

/** @import { SymbolInfo, View } from "./client/protocol.js" */
/** @import { Panel } from "./panel/panel.js" */
/** @import { Panels } from "./panel/panels.js" */
/** @import { Chosen, Menu } from "./shell/menu.js" */

/** Under which name it is remembered: the address's query. */
const KEY = "shown";

/** @typedef {"push" | "replace" | "none"} Entry What becomes of the address. */

export class Session {
  /** @type {readonly SymbolInfo[]} */
  symbols = [];
  /** Whether all charts have the same interval. */
  linked = true;
  /** Whether somebody chose something here: a link alone does not change what this browser remembers. */
  #touched = false;
  /** @type {Chosen | null} */
  #chosen = null;
  #compared = false;

  /**
   * @param {Panels} panels
   * @param {Menu} menu
   * @param {boolean} embedded in somebody's page: what is shown is what that page says, and nothing is remembered
   * @param {() => void} onShown other charts are shown, or another one is the active one
   */
  constructor(panels, menu, embedded, onShown) {
    this.panels = panels;
    this.menu = menu;
    this.embedded = embedded;
    this.onShown = onShown;
    window.addEventListener("popstate", () => this.open("none"));
  }

  /** What the address says, or this browser remembers where the address says nothing at all. */
  get #said() {
    return location.search || (!this.embedded && recall(KEY)) || "";
  }

  /** Draw as it was said. */
  start() {
    this.#draw(meant(look(this.#said)));
  }

  /**
   * Show what was said, as far as it exists.
   * @param {Entry} entry
   */
  open(entry) {
    this.start();
    const wishes = parse(this.#said);
    const views = this.#views(this.embedded ? wishes.slice(0, 1) : wishes);
    const same = new Set(views.map(({ interval }) => interval)).size < 2;
    if (!same || entry !== "none") this.linked = same; // a step back takes back no choice but that of charts
    this.#show(views, entry);
  }

  /**
   * These symbols there are; the first one is shown as soon as there is one.
   * @param {readonly SymbolInfo[]} symbols
   */
  take(symbols) {
    this.symbols = symbols;
    if (!this.panels.active.shown) {
      if (symbols.length) this.open("replace");
      return;
    }
    if (this.#chosen && this.#isKnown(this.#chosen.compare) !== this.#compared) this.#draw(this.#chosen);
    for (const panel of this.panels.all) {
      panel.info = (panel.shown && this.#infoOf(panel.shown)) ?? panel.info;
      panel.head();
    }
  }

  /**
   * Show a symbol in the active chart, or in the one beside it.
   * @param {{ exchange: string, symbol: string }} identity
   * @param {boolean} [beside]
   */
  choose({ exchange, symbol }, beside = false) {
    const { panels } = this;
    if (beside && panels.count === 1) panels.count = 2;
    if (beside) panels.activeIndex = (panels.activeIndex + 1) % panels.count;
    const { interval } = panels.active.shown ?? panels.shown[0] ?? { interval: "" };
    this.#show(this.#with(panels.active, { exchange, symbol, interval }), "push");
  }

  /**
   * Another interval, in one chart, or in all that have it while they are linked.
   * @param {Panel} panel
   * @param {string} interval
   */
  interval(panel, interval) {
    const views = this.panels.all.flatMap((each) => {
      if (!each.shown) return [];
      const changes = each === panel || (this.linked && each.info?.intervals.includes(interval));
      return [changes ? { ...each.shown, interval } : each.shown];
    });
    this.#show(views, "push");
  }

  /** @param {number} count of charts side by side: new ones show the symbols that follow */
  charts(count) {
    const { shown, activeIndex } = this.panels;
    const views = shown.slice(0, count);
    // The one that is worked with stays.
    const active = shown[activeIndex];
    if (activeIndex >= count && active) views[count - 1] = active;
    const taken = new Set(views.map(symbolKey));
    const others = this.symbols.filter((info) => !taken.has(symbolKey(info)));
    while (views.length < count && views[0]) {
      const info = others.shift() ?? this.symbols[0];
      const view = info && choose([info], { ...info, interval: views[0].interval });
      views.push(view ?? views[0]);
    }
    this.#show(views, "push");
  }

  /** @param {boolean} linked whether all charts have the same interval */
  link(linked) {
    this.linked = linked;
    const { active } = this.panels;
    if (linked && active.shown) this.interval(active, active.shown.interval);
  }

  /** @param {Chosen} chosen how the charts are drawn now */
  look(chosen) {
    this.#touched = true;
    this.#draw(chosen);
    this.#keep("replace");
  }

  /**
   * The address of a symbol, shown as the active chart is.
   * @param {{ exchange: string, symbol: string }} identity
   */
  address({ exchange, symbol }) {
    const interval = this.panels.active.shown?.interval ?? "1m";
    return query([{ exchange, symbol, interval }], this.menu.written);
  }

  /** @param {Chosen} chosen */
  #draw(chosen) {
    this.menu.show(chosen);
    this.#chosen = chosen;
    // What a link compares with may be there no more, or not yet.
    this.#compared = this.#isKnown(chosen.compare);
    this.panels.look(this.#compared ? chosen : { ...chosen, compare: "" });
  }

  /** @param {string} compare `exchange:symbol` */
  #isKnown(compare) {
    return this.symbols.some((info) => symbolKey(info) === compare);
  }

  /** @param {readonly Partial<View>[]} wishes */
  #views(wishes) {
    return wishes.flatMap((wish) => choose(this.symbols, wish) ?? []);
  }

  /**
   * @param {Panel} panel
   * @param {Partial<View>} wish
   */
  #with(panel, wish) {
    return this.panels.all.flatMap((each) =>
      each === panel ? (this.#views([wish])[0] ?? each.shown ?? []) : (each.shown ?? []),
    );
  }

  /**
   * @param {readonly View[]} views
   * @param {Entry} entry
   */
  #show(views, entry) {
    if (!views.length) return;
    const { panels } = this;
    panels.count = layoutFor(views.length);
    for (const [at, panel] of panels.all.entries()) {
      const view = views[at] ?? views[0];
      const { shown } = panel;
      if (!view || (shown && query([shown]) === query([view]))) continue;
      panel.show(view, this.#infoOf(view) ?? panel.info);
    }
    this.#keep(entry);
    this.onShown();
  }

  /** @param {Entry} entry */
  #keep(entry) {
    const { shown } = this.panels;
    if (!shown.length || this.embedded) return; // its steps would be ones of the page around it
    const address = query(shown, this.menu.written);
    if (entry === "push" && address !== location.search) window.history.pushState(null, "", address);
    else if (entry === "replace") window.history.replaceState(null, "", address);
    this.#touched ||= entry === "push";
    if (this.#touched) remember(KEY, address);
  }

  /** @param {View} view */
  #infoOf(view) {
    return this.symbols.find((info) => symbolKey(info) === symbolKey(view));
  }
}
