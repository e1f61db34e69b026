/** The past of a new symbol while it is being fetched: when it last came, and when it is no longer waited for. */

import { QUIET, coming } from "./completeness.js";
import { PAUSE } from "./fill.js";
import { isSeconds } from "../client/interval.js";

/** @import { Range } from "./completeness.js" */
/** @import { Asking } from "./fill.js" */
/** @import { Store } from "../client/store.js" */

/** How often seconds that lack are asked for before it is believed that they are not on their way, however old they are. */
export const TRIES = 5;

export class Past {
  #arrived = 0;
  #tries = 0;
  #refilling = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} onQuiet Nothing has come for so long that what lacks is no longer on its way. */
  constructor(onQuiet) {
    this.onQuiet = onQuiet;
  }

  /** Another symbol or interval. */
  clear() {
    this.#arrived = 0;
    this.#tries = 0;
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
   * Seconds that lack were asked for, and there was an answer.
   * @param {boolean} news whether it brought any
   * @param {number} now in ms
   */
  asked(news, now) {
    this.#tries += 1;
    if (news) this.came(now);
  }

  /**
   * The stretch of `store` that is on its way; see `coming`. Seconds come without a word: whether they do, answers tell.
   * @param {Store} store
   * @param {number} now in ms
   */
  coming(store, now) {
    const untold = isSeconds(store.interval) && this.#tries < TRIES;
    const found = coming(store, this.#arrived, now, untold ? Infinity : QUIET);
    if (found && this.#timer === undefined) this.#wait();
    return found;
  }

  /**
   * Ask for the seconds of a stretch that is on its way, unless that is being done: the socket says nothing of them.
   * @param {Store} store
   * @param {Range} stretch
   * @param {Asking} asking
   * @param {() => number} now in ms
   */
  async refill(store, { start, end }, { fetch, wanted, onNews }, now) {
    if (this.#refilling) return;
    this.#refilling = true;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    const page = await fetch(start, end).catch(() => null);
    this.#refilling = false;
    if (!wanted()) return;
    const known = store.candles.length;
    store.mergeAll(page?.candles ?? []);
    if (page) this.asked(store.candles.length > known, now());
    onNews();
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.onQuiet();
    }, QUIET);
  }
}
