/** Rings the alerts whose price is reached. */

import { identityOf, symbolKey } from "../client/identity.js";
import { decimals, price } from "../lib/format.js";
import { texts, venue } from "../texts.js";
import { crossed, side } from "./crossing.js";
import { idOf } from "./marks.js";
import { alone, notify } from "./notice.js";
import { place, toast } from "./toasts.js";

/** @import { Identity } from "../client/identity.js" */
/** @import { Ticker } from "../client/protocol.js" */
/** @import { Mark, Marks } from "./marks.js" */

/**
 * @typedef {object} Options
 * @property {Marks} marks
 * @property {() => number} now in ms
 * @property {(identity: Identity) => void} onChoose somebody wants to see the symbol that rang
 * @property {typeof notify} [notify] how the system is told
 * @property {typeof toast} [say] how the page is told
 * @property {typeof alone} [only] whether this tab is the one that does something
 */

/**
 * Looks at every ticker. The last price is all that it knows: one that reached an alert while the connection was lost, or while
 * no tab was open, rings late, when the first ticker after it is still at the alert or beyond; one that came back before that
 * is not seen. Of several tabs one rings: the alert's `rung` is stored before.
 */
export class Alarm {
  /** @type {Map<string, Map<string, Mark[]>>} the alerts that have not rung, by exchange and symbol */
  #armed = new Map();
  /** Those that are about to ring. */
  #ringing = new Set();

  /** @param {Options} options */
  constructor({ marks, now, onChoose, notify: tellSystem = notify, say = toast, only = alone }) {
    this.marks = marks;
    this.now = now;
    this.onChoose = onChoose;
    this.notify = tellSystem;
    this.say = say;
    this.only = only;
    marks.watch(() => this.#arm());
    this.#arm();
    if (typeof window === "undefined") return; // in a test
    place();
    // What other tabs make or take away, and that one of them has rung.
    window.addEventListener("storage", () => marks.reload());
  }

  /** @param {readonly Ticker[]} tickers up to 1,500, sixty times a second: most have no alert, and cost a look-up */
  take(tickers) {
    if (!this.#armed.size) return;
    for (const ticker of tickers) {
      const alerts = this.#armed.get(ticker.exchange)?.get(ticker.symbol);
      if (alerts) for (const alert of alerts) this.#look(alert, ticker);
    }
  }

  #arm() {
    this.#armed = new Map();
    for (const { symbol: key, ...mark } of this.marks.all()) {
      if (mark.kind !== "alert" || mark.rung !== undefined) continue;
      const { exchange, symbol } = identityOf(key);
      const there = this.#armed.get(exchange) ?? new Map();
      this.#armed.set(exchange, there.set(symbol, [...(there.get(symbol) ?? []), mark]));
    }
  }

  /**
   * @param {Mark} alert
   * @param {Ticker} ticker
   */
  #look(alert, ticker) {
    if (crossed(alert, ticker.price)) void this.#ring(alert, ticker);
    else if (alert.from === undefined) {
      const from = side(alert, ticker.price);
      if (from) this.marks.change(symbolKey(ticker), alert, { from });
    }
  }

  /**
   * @param {Mark} alert
   * @param {Ticker} ticker
   */
  async #ring(alert, { exchange, symbol, price: last }) {
    const key = symbolKey({ exchange, symbol });
    const id = `${key} ${idOf(alert)}`;
    if (this.#ringing.has(id)) return;
    this.#ringing.add(id);
    const mine = await this.only(id);
    this.#ringing.delete(id);
    if (!mine) return;
    this.marks.reload();
    const still = this.marks.of(key).find((mark) => idOf(mark) === idOf(alert));
    if (!still || still.rung !== undefined) return; // taken away meanwhile, or another tab rang
    this.marks.change(key, alert, { rung: Math.round(this.now()) });
    const precision = decimals([alert.price, last]);
    const title = texts.marks.rang(symbol, price(alert.price, precision));
    const body = texts.marks.rangAt(venue(exchange), price(last, precision));
    const show = () => this.onChoose({ exchange, symbol });
    this.say(title, body, show);
    this.notify(title, body, id, show);
  }
}
