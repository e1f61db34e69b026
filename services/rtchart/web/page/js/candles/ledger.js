/** What is known of a view's gaps: what the socket tells, and what the server's ledger says of older stretches. No DOM. */

import { withGaps } from "./bands.js";

/** @import { ApiError } from "../client/api.js" */
/** @import { Gap } from "../client/protocol.js" */
/** @import { Range } from "./completeness.js" */
/** @import { Store } from "../client/store.js" */

/** After no answer, wait before asking again (ms): twice as long each time. */
const AGAIN = 5_000;
const LONGEST = 120_000;

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
   * @param {number} [pause] before it is asked again, in ms
   */
  async explain(store, { start, end }, wanted, pause = AGAIN) {
    if (start >= end || store.isWhole(start, end)) return;
    try {
      const gaps = await this.fetchGaps(start, end);
      if (!wanted()) return;
      this.gaps = withGaps(gaps, this.gaps); // what the socket told in the meantime is newer
      this.onNews();
    } catch (error) {
      const { status = 0, retryAfter = 0 } = /** @type {Partial<ApiError>} */ (error);
      if (status >= 400 && status < 500 && status !== 429) return; // it will be no other answer
      // The candles are here, and say themselves that they are not whole; why can wait.
      const again = () => wanted() && void this.explain(store, { start, end }, wanted, Math.min(LONGEST, 2 * pause));
      setTimeout(again, Math.max(pause, 1_000 * retryAfter));
    }
  }
}
