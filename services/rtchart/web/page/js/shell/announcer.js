/** The price in words, for a screen reader, for who wants it: quiet until then, and calm after. */

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
