/** The REST calls, over `fetch`. No DOM. */

/** @import { CandlePage, Closes, Gap, GapPage, Health, SymbolInfo, View } from "./protocol.js" */

/** A request that came back with an error, or not at all; the message is for people. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} [status] of the answer; 0: there was none
   * @param {number} [retryAfter] seconds after which the server wants to be asked again; 0: it did not say
   */
  constructor(message, status = 0, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The server wants a token, or another one. Not raised when there is another one by now. */
export class Unauthorized extends ApiError {}

/** Gaps in a page, the most that the server gives. */
const GAPS = 1_000;

export class Api {
  /**
   * @param {string} base where the server is; `api/v1/` is below it
   * @param {() => string} [token] asked at each call; empty: none
   */
  constructor(base, token = () => "") {
    this.base = base;
    this.token = token;
  }

  /**
   * Every symbol there is, with its intervals. Raises `ApiError`.
   * @returns {Promise<SymbolInfo[]>}
   */
  async symbols() {
    return (await this.#get("symbols")).symbols;
  }

  /** Ask for little, and raise what the server says against it: `ApiError`. */
  async knock() {
    await this.#get("status");
  }

  /**
   * The page of candles before `end` (ms), oldest first. Raises `ApiError`.
   * @param {View} view
   * @param {number} end
   * @param {number} limit
   * @returns {Promise<CandlePage>}
   */
  candlesBefore(view, end, limit) {
    return this.#get("candles", { ...view, end, limit });
  }

  /**
   * The first candles of `[start, end)` (ms), oldest first. Raises `ApiError`.
   * @param {View} view
   * @param {number} start
   * @param {number} end
   * @param {number} limit
   * @returns {Promise<CandlePage>}
   */
  candlesBetween(view, start, end, limit) {
    return this.#get("candles", { ...view, start, end, limit });
  }

  /**
   * The ledger's gaps that overlap `[start, end)` (ms), in any order. Raises `ApiError`.
   * @param {View} view
   * @param {number} start
   * @param {number} end
   * @returns {Promise<Gap[]>}
   */
  async gapsBetween({ exchange, symbol }, start, end) {
    const found = [];
    for (let before = /** @type {number | null} */ (end); before !== null && before > start;) {
      const page = /** @type {GapPage} */ (await this.#get("gaps", { exchange, symbol, start, end: before, limit: GAPS }));
      found.push(...page.gaps);
      // A server that does not move back has no more.
      before = page.next !== null && page.next < before ? page.next : null;
    }
    return found;
  }

  /**
   * The last closes of up to 100 symbols of one exchange, on one grid of `limit` periods. Raises `ApiError`.
   * @param {string} exchange
   * @param {readonly string[]} symbols
   * @param {string} interval
   * @param {number} limit
   * @returns {Promise<Closes>}
   */
  closes(exchange, symbols, interval, limit) {
    return this.#get("closes", { exchange, symbols: symbols.join(), interval, limit });
  }

  /**
   * How whole each symbol's last 24 hours are. Raises `ApiError`.
   * @returns {Promise<Health>}
   */
  health() {
    return this.#get("health");
  }

  /**
   * @param {string} path
   * @param {Record<string, string | number>} [query]
   */
  async #get(path, query = {}) {
    const url = new URL(`api/v1/${path}`, this.base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const given = this.token();
    /** @type {Response | undefined} */
    let response;
    let body;
    try {
      const headers = { accept: "application/json", ...(given && { authorization: `Bearer ${given}` }) };
      response = await fetch(url, { headers });
      body = await response.json().catch((error) => (response?.ok ? Promise.reject(error) : null));
    } catch {
      // Nothing, or half of something, or what is no answer of ours.
      throw new ApiError(response ? "the server's answer cannot be read" : "the server does not answer", response?.status);
    }
    if (!response.ok) {
      const Kind = response.status === 401 && given === this.token() ? Unauthorized : ApiError;
      const said = body?.detail ?? body?.title ?? `the server answered ${response.status}`;
      throw new Kind(said, response.status, Number(response.headers.get("retry-after")) || 0);
    }
    return body;
  }
}
