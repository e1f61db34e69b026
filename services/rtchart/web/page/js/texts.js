/** Every text that people read, so that another language is one file. */

export const texts = {
  title: (/** @type {string} */ symbol, /** @type {string} */ price) => (price ? `${price} ${symbol}` : symbol),
  skip: "Skip to the chart",
  symbols: "Symbols",
  filter: "Filter symbols",
  filterKey: "Press / to filter",
  openSymbols: "Open the symbol list",
  closeSymbols: "Close the symbol list",
  noMatch: "No symbol matches.",
  noSymbols: "No symbols yet. Add a Symbol manifest to the folder that rtchart follows, or apply one with kubectl.",
  intervals: "Interval",
  chart: (/** @type {string} */ symbol, /** @type {string} */ venue, /** @type {string} */ interval) =>
    `Candlestick chart of ${symbol} at ${venue}, interval ${interval}. Times are UTC. The arrow keys move it, plus and minus zoom, End goes to the newest candle.`,
  loading: "Loading…",
  empty: "No candle yet. The first one appears with the first second that comes in.",
  unavailable: (/** @type {string} */ reason) => `Nothing to show: ${reason}.`,
  partial: "The database does not answer: only what came in lately is shown. The rest follows.",
  historyFailed: (/** @type {string} */ reason) => `Older candles could not be loaded: ${reason}.`,
  venues: /** @type {Record<string, string>} */ ({ binance: "Binance", sim: "Simulated" }),
  simulated: " prices, not a real market",
  volume: (/** @type {string} */ amount) => `Vol ${amount}`,
  live: "Live from the exchange",
  states: { connecting: "Connecting…", open: "Live", waiting: "Reconnecting…", offline: "Offline" },
  stateHints: {
    connecting: "Opening the connection to the server",
    open: "Every change arrives as it happens",
    waiting: "The connection was lost; what is shown stays, and the chart resumes where it was",
    offline: "This device has no network; the chart resumes when it is back",
  },
  latencyLabel: "Latency",
  noLatency: "– ms",
  latencyHint: "Median of the last minute, from the exchange to your eye",
  stages: /** @type {Record<string, string>} */ ({
    exchange_to_received: "exchange → received",
    received_to_published: "received → Kafka",
    published_to_consumed: "Kafka → web",
    consumed_to_sent: "web → sent",
    sent_to_painted: "sent → painted",
    exchange_to_painted: "exchange → your eye",
  }),
  clock: (/** @type {string} */ offset, /** @type {string} */ uncertainty) =>
    `clock offset ${offset} ± ${uncertainty}, removed`,
  fetching: "Fetching history…",
  gaps: (/** @type {number} */ open) => (open === 1 ? "1 gap" : `${open} gaps`),
  gapsHint: (/** @type {number} */ open, /** @type {number} */ absent) =>
    `${open} being repaired, ${absent} that the exchange itself has nothing for`,
  utc: "UTC",
  theme: { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" },
  card: {
    open: "O",
    high: "H",
    low: "L",
    close: "C",
    volume: "Vol",
    trades: "Trades",
    seconds: "Seconds",
    names: {
      open: "Open",
      high: "High",
      low: "Low",
      close: "Close",
      volume: "Volume",
      trades: "Trades",
      seconds: "Seconds received",
    },
    change: "Change over 24 hours",
    whole: "Every second of this candle came in",
    venue: "The exchange's own candle, or made of such: not every second of it came in here",
    venueMark: "*",
    forming: "This candle is forming",
    coming: "The other seconds of this candle are being fetched",
    began: "The record begins within this candle",
    incomplete: (/** @type {number} */ missing) =>
      `${missing} ${missing === 1 ? "second is" : "seconds are"} missing in this candle`,
  },
  display: "Display",
  closeDisplay: "Close the choice of what is displayed",
  style: "Prices",
  styles: {
    candles: "Candles",
    hollow: "Hollow candles",
    bars: "Bars",
    line: "Line",
    area: "Area",
    "heikin-ashi": "Heikin-Ashi",
  },
  scale: "Scale",
  scales: { linear: "Linear", log: "Logarithmic", percent: "Percent" },
  indicators: "Indicators",
  studies: /** @type {Record<string, string>} */ ({
    sma: "Moving average",
    ema: "Exponential average",
    bollinger: "Bollinger bands",
    vwap: "VWAP",
    rsi: "RSI",
    macd: "MACD",
  }),
  study: (/** @type {string} */ kind, /** @type {readonly number[]} */ settings) =>
    [{ bollinger: "BB" }[kind] ?? kind.toUpperCase(), ...settings].join(" "),
  settings: { period: "Bars", fast: "Fast", slow: "Slow", signal: "Signal", width: "Deviations" },
  remove: (/** @type {string} */ what) => `Remove ${what}`,
  tokenTitle: "A token is needed",
  tokenNeeded: "This server shows its charts to those who have a token. Whoever runs it has one for you.",
  tokenWrong: "The token is not one of the server's, or no longer. Look whether it is whole, or ask whoever runs the server.",
  token: "Token",
  tokenForm: "16 to 256 letters, digits, and the characters . _ ~ -",
  tokenSend: "Show the charts",
  bands: { missing: "No data", coming: "Being fetched…", absent: "The exchange has no data" },
};

/**
 * Fill the elements that name a text, `data-text` for their content, `data-label` for their accessible name, `data-title`
 * for their hint.
 * @param {ParentNode} root
 */
export function fill(root) {
  const flat = /** @type {Record<string, unknown>} */ (texts);
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-text]"))) {
    element.textContent = String(flat[element.dataset.text ?? ""]);
  }
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-label]"))) {
    element.setAttribute("aria-label", String(flat[element.dataset.label ?? ""]));
  }
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-title]"))) {
    element.title = String(flat[element.dataset.title ?? ""]);
  }
}

/**
 * A venue's name as people know it.
 * @param {string} exchange
 */
export const venue = (exchange) => texts.venues[exchange] ?? exchange;
