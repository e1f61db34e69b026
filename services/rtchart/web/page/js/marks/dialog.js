/** The lines and alerts of a symbol: made and taken away. */

import { identityOf, symbolKey } from "../client/identity.js";
import { closeBeside, find, make, write } from "../lib/dom.js";
import { decimals, price } from "../lib/format.js";
import { Zone } from "../lib/zone.js";
import { texts, venue } from "../texts.js";
import { side } from "./crossing.js";
import { compare, read } from "./decimal.js";
import { MOST, idOf } from "./marks.js";
import { ask, permission } from "./notice.js";

/** @import { Mark, Marks } from "./marks.js" */

/**
 * @typedef {object} Options
 * @property {Marks} marks
 * @property {(symbol: string) => string | undefined} [last] The last price of a symbol, as far as it is known.
 * @property {() => Zone} [zone] In which times are written.
 *
 * @typedef {object} Wanted
 * @property {string} exchange
 * @property {string} symbol
 * @property {string} price What is offered.
 * @property {number} precision How many decimals the symbol's prices have.
 */

const said = texts.marks;

export class MarksDialog {
  /** @type {Wanted} */
  #shown = { exchange: "", symbol: "", price: "", precision: 2 };
  #dialog = find("marks", HTMLDialogElement);
  #title = find("marks-title", HTMLHeadingElement);
  #price = find("marks-price", HTMLInputElement);
  #said = find("marks-said", HTMLParagraphElement);
  #note = find("marks-note", HTMLParagraphElement);
  #own = find("marks-own", HTMLUListElement);
  #others = find("marks-others", HTMLUListElement);
  #othersTitle = find("marks-others-title", HTMLHeadingElement);

  /** @param {Options} options */
  constructor({ marks, last = () => undefined, zone = () => new Zone() }) {
    this.marks = marks;
    this.last = last;
    this.zone = zone;
    find("marks-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    closeBeside(this.#dialog);
    this.#price.addEventListener("input", () => this.#say(""));
    find("marks-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const { submitter } = event;
      void this.#add(submitter instanceof HTMLButtonElement && submitter.value === "alert" ? "alert" : "line");
    });
    marks.watch(() => {
      if (this.#dialog.open) this.#list();
    });
  }

  get #symbol() {
    return symbolKey(this.#shown);
  }

  /** @param {Wanted} wanted */
  open(wanted) {
    const { exchange, symbol, price: offered, precision } = wanted;
    this.#shown = wanted;
    write(this.#title, said.title(symbol, venue(exchange)));
    this.#price.value = offered && price(offered, precision).replaceAll(",", "");
    this.#say("");
    this.#list();
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#price.focus();
    this.#price.select();
  }

  /** @param {Mark["kind"]} kind */
  async #add(kind) {
    const wanted = read(this.#price.value);
    if (wanted === null) return this.#say(said.noPrice, true);
    if (compare(wanted, "0") <= 0) return this.#say(said.notPositive, true);
    const last = this.last(this.#symbol);
    const from = kind === "alert" && last !== undefined ? side({ price: wanted }, last) : undefined;
    const outcome = this.marks.add(this.#symbol, { price: wanted, kind, ...(from && { from }) });
    const name = said.named(kind, this.#written(wanted));
    if (outcome === "added") this.#say(said.added(name));
    else if (outcome === "there") this.#say(said.there(name), true);
    else this.#say(outcome === "symbolFull" ? said.symbolFull(MOST.symbol) : said.allFull(MOST.all), true);
    if (outcome !== "added" || kind === "line") return;
    await ask();
    this.#warn();
  }

  /**
   * @param {string} text
   * @param {boolean} [wrong] what was typed cannot be
   */
  #say(text, wrong = false) {
    write(this.#said, text);
    this.#said.classList.toggle("wrong", wrong);
    this.#price.setAttribute("aria-invalid", String(wrong));
  }

  /** Say where alerts are shown, when that is here alone. */
  #warn() {
    const found = this.marks.all().some(({ kind }) => kind === "alert") && permission();
    write(this.#note, found === "denied" ? said.denied : found === "none" ? said.unsupported : "");
  }

  #list() {
    const held = document.activeElement;
    const buttons = [...this.#dialog.querySelectorAll("li button")];
    const [at, id] = [held ? buttons.indexOf(held) : -1, held instanceof HTMLElement ? held.dataset.id : undefined];
    const others = this.marks.all().filter(({ symbol, kind }) => symbol !== this.#symbol && kind === "alert");
    const own = this.marks.of(this.#symbol).map((mark) => this.#row({ ...mark, symbol: this.#symbol }));
    this.#own.replaceChildren(...(own.length ? own : [make("li", "none", said.none)]));
    this.#others.replaceChildren(...others.map((mark) => this.#row(mark)));
    this.#others.hidden = this.#othersTitle.hidden = !others.length;
    this.#warn();
    if (at < 0) return;
    // Who removes one with the keyboard goes on with the next one.
    const now = /** @type {NodeListOf<HTMLElement>} */ (this.#dialog.querySelectorAll("li button"));
    ([...now].find((button) => button.dataset.id === id) ?? now[Math.min(at, now.length - 1)] ?? this.#price).focus();
  }

  /** @param {Mark & { symbol: string }} mark */
  #row({ symbol, ...mark }) {
    const { kind, rung } = mark;
    const own = symbol === this.#symbol;
    const { exchange, symbol: name } = identityOf(symbol);
    const written = own ? this.#written(mark.price) : price(mark.price, decimals([mark.price]));
    const row = make("li");
    if (rung !== undefined) row.classList.add("rung");
    if (!own) row.append(make("span", "symbol", `${name} ${venue(exchange)}`));
    row.append(make("span", "kind", kind === "alert" ? said.alert : said.line), make("span", "number", written));
    row.append(make("span", "state", rung === undefined ? "" : said.rung(this.zone().time(rung), this.zone().label)));
    const remove = make("button", "icon", "×");
    remove.type = "button";
    remove.dataset.id = `${symbol} ${idOf(mark)}`;
    remove.setAttribute("aria-label", texts.remove(said.named(kind, own ? written : `${written}, ${name}`)));
    remove.addEventListener("click", () => {
      this.#say("");
      this.marks.remove(symbol, mark);
    });
    row.append(remove);
    return row;
  }

  /** @param {string} text a price of the symbol that is shown: with its decimals, or with more where it has more */
  #written(text) {
    return price(text, Math.max(this.#shown.precision, decimals([text])));
  }
}
