/** Older candles, page by page, as the chart is scrolled to the left. */

/** @import { Candle, CandlePage } from "../client/protocol.js" */

/** Candles in a page. */
export const PAGE = 1_000;
/** After a failed page, wait before asking again. */
const PAUSE = 3_000;

export class History {
  /** @type {number | null | undefined} where the next page ends; `undefined` before the first, `null` at the very beginning. */
  #next = undefined;
  #busy = false;
  #notBefore = 0;

  /** @param {(end: number, limit: number) => Promise<CandlePage>} fetchPage */
  constructor(fetchPage) {
    this.fetchPage = fetchPage;
  }

  /** Whether a page is on its way. */
  get busy() {
    return this.#busy;
  }

  /** Whether everything there is has been loaded. */
  get complete() {
    return this.#next === null;
  }

  /**
   * The page before `oldest` (an open time in ms); `null` when one is on its way, has just failed, or there is none.
   * Raises what `fetchPage` raises.
   * @param {number} oldest
   * @returns {Promise<Candle[] | null>}
   */
  async older(oldest) {
    if (this.#busy || this.complete || performance.now() < this.#notBefore) return null;
    this.#busy = true;
    const end = this.#next ?? oldest;
    try {
      const page = await this.fetchPage(end, PAGE);
      // A server that does not move back has no more: never ask it the same for ever.
      this.#next = page.next !== null && page.next < end ? page.next : null;
      return page.candles;
    } catch (error) {
      this.#notBefore = performance.now() + PAUSE;
      throw error;
    } finally {
      this.#busy = false;
    }
  }
}
