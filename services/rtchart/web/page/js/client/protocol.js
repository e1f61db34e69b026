/**
 * What the API and the socket say, as types. The documents they follow are docs/asyncapi.yaml and /api/v1/openapi.json.
 *
 * Times are milliseconds since the epoch, names that end in `_us` are microseconds; prices and volumes are decimal strings.
 *
 * @typedef {object} Candle
 * @property {number} open_time
 * @property {string} open
 * @property {string} high
 * @property {string} low
 * @property {string} close
 * @property {string} volume
 * @property {string} quote_volume
 * @property {number} trades
 * @property {string} taker_buy_volume
 * @property {string} taker_buy_quote_volume
 * @property {number} received Seconds of the period that it is made of.
 * @property {number} expected Seconds that the period has.
 * @property {string} source The weakest among its seconds: stream, repair, backfill, or venue: the exchange's own candle, or made of such.
 * @property {number} revision How often its stored content changed, from 1; 0 while it is not stored.
 * @property {boolean} closed
 *
 * @typedef {object} Gap Seconds `[start, end)` that did not come.
 * @property {number} start
 * @property {number} end
 * @property {"open" | "repaired" | "absent"} state
 * @property {string} reason
 *
 * @typedef {object} SymbolInfo
 * @property {string} exchange
 * @property {string} symbol
 * @property {string[]} intervals
 * @property {string} status What a producer says of it: subscribing, streaming, stale, refused, halted, suspended, unknown.
 * @property {string} [detail] Why, for people.
 * @property {string | null} [price]
 * @property {string | null} [tick_size] The smallest step of its price.
 *
 * @typedef {object} Ticker Last price, and what happened in the 24 hours before.
 * @property {string} exchange
 * @property {string} symbol
 * @property {string} price
 * @property {string} open
 * @property {string} high
 * @property {string} low
 * @property {string} volume
 * @property {number} time
 *
 * @typedef {object} Stamps When a second passed each stage, by the clock of that stage; 0 is unknown.
 * @property {number} event_ms
 * @property {number} received_us
 * @property {number} published_us
 * @property {number} consumed_us
 *
 * @typedef {{ exchange: string, symbol: string, interval: string }} View What a chart shows.
 *
 * @typedef {{ exchange: string, symbol: string, interval: string, candles: Candle[], next: number | null }} CandlePage
 *
 * @typedef {{ exchange: string, symbol: string, gaps: Gap[], next: number | null }} GapPage
 *
 * @typedef {object} Closes The last closes of several symbols on one grid; `null` where there is no candle.
 * @property {string} interval
 * @property {number} start The open time of the first period; the last one is forming.
 * @property {{ exchange: string, symbol: string, closes: (string | null)[] }[]} closes
 *
 * @typedef {object} SymbolHealth How whole a symbol's last 24 hours are: gaps by their state, and the seconds that lack.
 * @property {string} exchange
 * @property {string} symbol
 * @property {string} status As in `SymbolInfo`.
 * @property {number | null} newest The open time of its newest second.
 * @property {number} open
 * @property {number} repaired
 * @property {number} absent
 * @property {number} missing
 *
 * @typedef {{ time: number, since: number, symbols: SymbolHealth[], partial?: boolean }} Health
 *
 * @typedef {View & { op: "snapshot", id?: number, candles: Candle[], gaps: Gap[], recovered: boolean,
 *   partial?: boolean }} SnapshotMessage
 * @typedef {View & { op: "candle", candle: Candle, stamps?: Stamps | null }} CandleMessage
 * @typedef {View & { op: "revision", candle: Candle }} RevisionMessage
 * @typedef {{ op: "gap", exchange: string, symbol: string, gap: Gap }} GapMessage
 * @typedef {{ op: "tickers", id?: number, tickers: Ticker[] }} TickersMessage
 * @typedef {{ op: "symbols", symbols: SymbolInfo[] }} SymbolsMessage
 * @typedef {{ op: "resync", exchange: string, symbol: string, interval: string }} ResyncMessage
 * @typedef {{ op: "pong", id?: number, at_us: number, server_us: number }} PongMessage
 * @typedef {{ op: "error", id?: number, code: string, message: string }} ErrorMessage
 * @typedef {{ op: "unsubscribed", id?: number }} UnsubscribedMessage
 * @typedef {SnapshotMessage | CandleMessage | RevisionMessage | GapMessage | TickersMessage | SymbolsMessage | ResyncMessage | PongMessage
 *   | ErrorMessage | UnsubscribedMessage} Message
 *
 * @typedef {object} Frame All that changed for this client in one tick of the server.
 * @property {number} seq Counts the connection's frames.
 * @property {number} at_us When it was sent.
 * @property {Message[]} messages
 *
 * @typedef {object} Sample One measured latency, as the browser reports it.
 * @property {string} stage
 * @property {number} ms
 */

export {};
