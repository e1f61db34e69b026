/** Asks for the closes of the symbols that are in sight: some at a time, one request after the other. No DOM. */

import { MINUTES, advance, spark } from "./spark.js";

/** @import { ApiError } from "../client/api.js" */
/** @import { Closes } from "../client/protocol.js" */
/** @import { Entry } from "./entry.js" */

/** Symbols in a request. */
const MOST = 50;
/** How long closes are good for (ms): what was repaired in the meantime is not told of. */
const GOOD = 5 * 60_000;
/** When a request failed, the next one waits (ms), unless the server says for how long. */
const RETRY = 10_000;

export class Sparks {
  #asking = false;
  #notBefore = -Infinity;
  /** Symbols in the next request: fewer when one of them makes the server refuse all. */
  #most = MOST;

  /**
   * @param {object} wiring
   * @param {(exchange: string, symbols: string[], interval: string, limit: number) => Promise<Closes>} wiring.fetchCloses
   * @param {() => Entry[]} wiring.inSight
   * @param {() => void} wiring.onNews entries have other closes; they are marked as changed
   * @param {() => number} [wiring.clock] in ms, one that never steps
   */
  constructor({ fetchCloses, inSight, onNews, clock = () => performance.now() }) {
    this.fetchCloses = fetchCloses;
    this.inSight = inSight;
    this.onNews = onNews;
    this.clock = clock;
  }

  /** Ask for what is in sight and not known, or for too long, until there is no such thing; unless that is being done. */
  async look() {
    if (this.#asking) return;
    this.#asking = true;
    try {
      for (let batch = this.#due(); batch.length; batch = this.#due()) await this.#ask(batch);
    } finally {
      this.#asking = false;
    }
  }

  /** What to ask for next, all of one exchange. */
  #due() {
    const now = this.clock();
    if (now < this.#notBefore) return [];
    const due = this.inSight().filter(({ asked }) => now - asked >= GOOD);
    return due.filter(({ info }) => info.exchange === due[0]?.info.exchange).slice(0, this.#most);
  }

  /** @param {Entry[]} batch one at least */
  async #ask(batch) {
    const symbols = batch.map(({ info }) => info.symbol);
    try {
      const exchange = /** @type {Entry} */ (batch[0]).info.exchange;
      this.#take(batch, await this.fetchCloses(exchange, symbols, "1m", MINUTES));
      this.#most = Math.min(MOST, this.#most * 2);
    } catch (error) {
      const { status, retryAfter } = /** @type {Partial<ApiError>} */ (error);
      if (status !== 400 && status !== 404) this.#notBefore = this.clock() + (retryAfter ? retryAfter * 1000 : RETRY);
      // One that the server does not know keeps no others from theirs: it is found, and left alone for a while.
      else if (batch.length > 1) this.#most = Math.ceil(batch.length / 2);
      else {
        for (const entry of batch) entry.asked = this.clock();
        this.#most = MOST;
      }
    }
  }

  /**
   * @param {Entry[]} batch
   * @param {Closes & { partial?: boolean }} table
   */
  #take(batch, { start, closes, partial }) {
    const found = new Map(closes.map((row) => [row.symbol, row.closes]));
    for (const entry of batch) {
      const known = found.get(entry.info.symbol);
      // What a server had without its database is shown, and asked for again soon.
      entry.asked = this.clock() - (partial ? GOOD - RETRY : 0);
      if (!known) continue;
      entry.spark = spark(start, known);
      // Seconds may have come while the answer was on its way.
      if (entry.ticker) advance(entry.spark, entry.ticker.time, Number(entry.ticker.price));
      entry.changed = true;
    }
    this.onNews();
  }
}
