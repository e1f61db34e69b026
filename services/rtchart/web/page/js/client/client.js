/**
 * The server, for a page of your own: candles that are always right, live. No DOM and no other module than those beside it.
 *
 *     const client = new Client("https://charts.example.org/");
 *     const stop = client.candles({ exchange: "binance", symbol: "BTCUSDT", interval: "1m" }, (candles) => draw(candles));
 *
 * It connects again by itself (at once when `wake` is called), and resumes where it was; which version of a candle stands is decided here (store.js). The
 * server's `--allow-origin` has to name the origin of a page that another server serves.
 */

import { Api, ApiError, Unauthorized } from "./api.js";
import { ClockOffset } from "./clock.js";
import { Feed, LIMIT } from "./feed.js";
import { Store } from "./store.js";

/** @import { Status } from "./connection.js" */
/** @import { Candle, Gap, SymbolInfo, Ticker, View } from "./protocol.js" */

export { ApiError, Unauthorized };

/**
 * @typedef {object} Options
 * @property {string} [token] where the server wants one
 * @property {(status: Status) => void} [onStatus] of the connection
 * @property {(tickers: Ticker[]) => void} [onTickers] the last prices, of all symbols at first, then of those that changed
 * @property {(symbols: SymbolInfo[]) => void} [onSymbols] there are other symbols than before
 */

/** Candles that a view keeps at least; it may be open for weeks. */
const MOST = 5_000;

export class Client {
  /** The server's clock against this machine's. */
  clock = new ClockOffset();
  #feed;

  /**
   * Connects at once.
   * @param {string} base the server's address, with its last `/`
   * @param {Options} [options]
   */
  constructor(base, { token = "", onStatus, onTickers, onSymbols } = {}) {
    /** The REST calls: symbols, older candles, gaps. */
    this.api = new Api(base, () => token);
    this.#feed = new Feed(
      new URL("ws", base).href.replace(/^http/, "ws"),
      {
        onStatus: (status) => onStatus?.(status),
        onTickers: (tickers) => onTickers?.(tickers),
        onFollowing: () => {},
        onSymbols: (symbols) => onSymbols?.(symbols),
        onPong: (sent, received, server) => this.clock.add(sent, received, server),
      },
      () => token,
    );
    this.#feed.connection.start();
  }

  /**
   * Follow a view until what is returned is called.
   * @param {View} view
   * @param {(candles: readonly Candle[], changed: Candle | null) => void} onCandles all that are known, oldest first, the
   *   forming one last; `changed`: the one that is new or another, `null` when many may be
   * @param {object} [more]
   * @param {(gap: Gap) => void} [more.onGap] a gap opened, or ended
   * @param {(message: string) => void} [more.onRefused] the server said no; it is asked again
   */
  candles(view, onCandles, { onGap, onRefused } = {}) {
    let store = new Store(view.interval);
    const take = (/** @type {Candle} */ candle) => {
      if (store.first && candle.open_time < store.first.open_time) return; // older than what was asked for
      if (store.merge(candle) === "ignored") return;
      if (store.candles.length > MOST + LIMIT) store.trim(MOST);
      onCandles(store.candles, candle);
    };
    return this.#feed.follow(view, {
      since: () => store.resumeFrom(LIMIT),
      onSnapshot: ({ candles, gaps, recovered }) => {
        if (!recovered) store = new Store(view.interval);
        store.mergeAll(candles);
        onCandles(store.candles, null);
        for (const gap of gaps) onGap?.(gap);
      },
      onCandle: ({ candle }) => take(candle),
      onRevision: ({ candle }) => take(candle),
      onGap: ({ gap }) => onGap?.(gap),
      onRefused: (message) => onRefused?.(message),
    });
  }

  /** The machine woke up, the network is back, or the page is looked at again: find out at once what the connection is worth. */
  wake() {
    this.#feed.connection.wake();
  }

  /** Give the connection up for good. */
  close() {
    this.#feed.connection.pause();
  }
}
