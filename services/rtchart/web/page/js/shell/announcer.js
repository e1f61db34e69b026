/** What a screen reader reads out: what was asked for, and for who wants it the price, calmly. */

import { find, write } from "../lib/dom.js";
import { texts } from "../texts.js";

/** Between two prices (ms): one is read out in some seconds. */
const EVERY = 15_000;

export class Announcer {
  #element = find("spoken", HTMLParagraphElement);
  #on = false;
  #last = -Infinity;

  /** @param {boolean} on */
  set on(on) {
    this.#on = on;
    this.#last = -Infinity;
    if (!on) write(this.#element, "");
  }

  /**
   * At once; the price waits its turn.
   * @param {string} text
   */
  say(text) {
    this.#last = performance.now();
    write(this.#element, text);
  }

  /**
   * @param {string} symbol
   * @param {string} price as it is written
   */
  tell(symbol, price) {
    const now = performance.now();
    if (!this.#on || !price || now - this.#last < EVERY) return;
    this.#last = now;
    write(this.#element, texts.spokenPrice(symbol, price));
  }
}
