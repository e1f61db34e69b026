/** The past of a new symbol while it is being fetched: when it last came, and when it is no longer waited for. */

import { QUIET, coming } from "./completeness.js";

/** @import { Store } from "./store.js" */

export class Past {
  #arrived = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} onQuiet Nothing has come for so long that what lacks is no longer on its way. */
  constructor(onQuiet) {
    this.onQuiet = onQuiet;
  }

  /** Another symbol or interval. */
  clear() {
    this.#arrived = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * A candle of the past came.
   * @param {number} now in ms
   */
  came(now) {
    this.#arrived = now;
    this.#wait();
  }

  /**
   * The stretch of `store` that is on its way; see `coming`.
   * @param {Store} store
   * @param {number} now in ms
   */
  coming(store, now) {
    const found = coming(store, this.#arrived, now);
    if (found && this.#timer === undefined) this.#wait();
    return found;
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.onQuiet();
    }, QUIET);
  }
}
