/** What is known of a view's gaps: what the socket tells, and what the server's ledger says of older stretches. No DOM. */

import { withGaps } from "./bands.js";

/** @import { Gap } from "../client/protocol.js" */
/** @import { Range } from "./completeness.js" */
/** @import { Store } from "../client/store.js" */

/** After no answer, wait before asking again (ms). */
const AGAIN = 5_000;

export class Ledger {
  /** @type {Gap[]} */
  gaps = [];

  /**
   * @param {(start: number, end: number) => Promise<Gap[]>} fetchGaps
   * @param {() => void} onNews
   */
  constructor(fetchGaps, onNews) {
    this.fetchGaps = fetchGaps;
    this.onNews = onNews;
  }

  /**
   * What the socket tells: newer than anything known.
   * @param {readonly Gap[]} newer
   */
  take(newer) {
    this.gaps = withGaps(this.gaps, newer);
    this.onNews();
  }

  /**
   * Ask about what is not whole of a stretch: snapshots tell of the newest one alone.
   * @param {Store} store
   * @param {Range} range
   * @param {() => boolean} wanted whether the store is still the one that is shown
   */
  async explain(store, { start, end }, wanted) {
    if (start >= end || store.isWhole(start, end)) return;
    try {
      const gaps = await this.fetchGaps(start, end);
      if (!wanted()) return;
      this.gaps = withGaps(gaps, this.gaps); // what the socket told in the meantime is newer
      this.onNews();
    } catch {
      // The candles are here, and say themselves that they are not whole; why can wait.
      setTimeout(() => wanted() && void this.explain(store, { start, end }, wanted), AGAIN);
    }
  }
}
