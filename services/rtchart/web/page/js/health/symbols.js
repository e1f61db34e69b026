/** How whole each symbol is, as a table that can be filtered. */

import { symbolKey } from "../client/identity.js";
import { count } from "../lib/format.js";
import { make, write } from "../lib/dom.js";
import { texts, venue } from "../texts.js";
import { elapsed } from "./elapsed.js";
import { completeness, rows, tally, within } from "./rows.js";
import { head } from "./table.js";

/** @import { Health, SymbolHealth } from "../client/protocol.js" */
/** @import { Row } from "./rows.js" */

/** Rows that are drawn: nobody reads on, and a thousand cost layout at each answer. */
const MOST = 200;

/** @typedef {{ row: HTMLTableRowElement, cells: readonly HTMLTableCellElement[], symbol: SymbolHealth }} Drawn */

export class SymbolTable {
  /** @type {readonly Row[]} */
  #rows = [];
  /** @type {Map<string, Drawn>} */
  #drawn = new Map();
  #summary = make("p", "hint", texts.health.asking);
  #filter = make("input");
  #scroller = make("div", "scroller");
  #table = make("table");
  #body;
  #more = make("p", "hint");

  /**
   * @param {HTMLElement} section
   * @param {(symbol: SymbolHealth) => void} onChoose
   */
  constructor(section, onChoose) {
    this.onChoose = onChoose;
    const { symbol, status, age, open, repaired, absent, missing, complete } = texts.health.columns;
    this.#table.append(
      make("caption", "", texts.health.caption),
      head([symbol, status], [age, complete, missing, open, repaired, absent]),
    );
    this.#body = this.#table.createTBody();
    this.#scroller.append(this.#table);
    this.#filter.type = "search";
    this.#filter.id = "health-filter";
    this.#filter.autocomplete = "off";
    this.#filter.spellcheck = false;
    this.#filter.placeholder = texts.filter;
    this.#filter.setAttribute("aria-label", texts.filter);
    this.#filter.addEventListener("input", () => this.#draw());
    section.append(make("h3", "", texts.health.symbols), this.#summary, this.#filter, this.#scroller, this.#more);
    this.#filter.hidden = this.#scroller.hidden = this.#more.hidden = true;
  }

  /** @param {Health} health */
  show({ symbols, time }) {
    this.#rows = rows(symbols, time);
    write(this.#summary, symbols.length ? texts.health.tally(tally(this.#rows)) : texts.health.noSymbols);
    this.#filter.hidden = !symbols.length;
    this.#draw();
  }

  /** There is nothing to show; what there was stays. */
  failed() {
    if (!this.#rows.length) write(this.#summary, "");
  }

  #draw() {
    const { shown, more, lacking } = within(this.#rows, this.#filter.value, MOST);
    const focused = document.activeElement;
    const keys = new Set(shown.map(({ symbol }) => symbolKey(symbol)));
    for (const [name, { row }] of this.#drawn) {
      if (keys.has(name)) continue;
      row.remove();
      this.#drawn.delete(name);
    }
    for (const [at, row] of shown.entries()) {
      const drawn = this.#write(row);
      if (this.#body.rows[at] !== drawn.row) this.#body.insertBefore(drawn.row, this.#body.rows[at] ?? null);
    }
    // What moves loses the focus.
    if (focused instanceof HTMLElement && this.#body.contains(focused)) focused.focus({ preventScroll: true });
    this.#scroller.hidden = !shown.length;
    this.#more.hidden = shown.length > 0 ? !more : !this.#rows.length;
    write(this.#more, shown.length ? texts.health.more(count(more), count(lacking)) : texts.noMatch);
  }

  /** @param {Row} row */
  #write({ symbol, condition, age }) {
    const name = symbolKey(symbol);
    let drawn = this.#drawn.get(name);
    if (!drawn) this.#drawn.set(name, (drawn = this.#make(symbol)));
    drawn.symbol = symbol;
    drawn.row.dataset.condition = condition;
    const { status, open, repaired, absent, missing } = symbol;
    const words = condition === "late" && status === "streaming" ? texts.health.late : (texts.statuses[status] ?? status);
    const values = [
      words,
      age === null ? texts.health.never : elapsed(age),
      completeness(missing),
      ...[missing, open, repaired, absent].map(count),
    ];
    for (const [at, cell] of drawn.cells.entries()) write(cell, values[at] ?? "");
    return drawn;
  }

  /**
   * @param {SymbolHealth} symbol
   * @returns {Drawn}
   */
  #make(symbol) {
    const [row, name, button] = [make("tr"), make("th"), make("button", "", symbol.symbol)];
    name.scope = "row";
    button.type = "button";
    button.title = texts.health.show(symbol.symbol, venue(symbol.exchange));
    name.append(button);
    const cells = ["status", "age", "complete", "missing", "open", "repaired", "absent"].map((kind) =>
      make("td", kind === "status" ? kind : `number ${kind}`),
    );
    row.append(name, ...cells);
    const drawn = { row, cells, symbol };
    button.addEventListener("click", () => this.onChoose(drawn.symbol));
    return drawn;
  }
}
