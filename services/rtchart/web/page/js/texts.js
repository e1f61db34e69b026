/** Every text that people read, so that another language is one file. */

export const texts = {
  name: "rtchart",
  title: (/** @type {string} */ symbol, /** @type {string} */ price) => (price ? `${price} ${symbol}` : symbol),
  skip: "Skip to the chart",
  symbols: "Symbols",
  filter: "Filter symbols",
  filterKey: "Press / to filter",
  openSymbols: "Open the symbol list",
  closeSymbols: "Close the symbol list",
  noMatch: "No symbol matches.",
  noSymbols: "No symbols yet. Add a Symbol manifest to the folder that rtchart follows, or apply one with kubectl.",
  watchlist: {
    sort: "Order of the symbols",
    sorts: {
      listed: "As listed",
      name: "Name",
      rising: "Change, highest first",
      falling: "Change, lowest first",
      traded: "Money traded",
      price: "Price",
      oldest: "Oldest news first",
    },
    ago: (/** @type {number} */ seconds) => {
      if (seconds < 60) return `${seconds} s ago`;
      if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
      return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
    },
    last: (/** @type {string} */ time, /** @type {string} */ zone) => `Last second until ${time} ${zone}`,
  },
  statuses: /** @type {Record<string, string>} */ ({
    subscribing: "Subscribing",
    streaming: "Streaming",
    stale: "Stale",
    refused: "Refused",
    halted: "Halted",
    suspended: "Suspended",
    unknown: "Unknown",
  }),
  intervals: "Interval",
  chart: (/** @type {string} */ symbol, /** @type {string} */ venue, /** @type {string} */ interval) =>
    `Chart of ${symbol} at ${venue}, interval ${interval}. The arrow keys move it, plus and minus zoom, End goes to the newest candle. Shift with an arrow key reads candle by candle.`,
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
  serverSays: (/** @type {string} */ why) => ` The server says: ${why}`,
  latencyLabel: "Latency",
  noLatency: "– ms",
  latencyHint: "Median and 99th percentile of the last minute, from the exchange to your eye",
  latencyName: (/** @type {string} */ numbers) => `Latency ${numbers}. Open the health view`,
  quiet: (/** @type {string} */ time, /** @type {string} */ zone) => `Nothing was painted since ${time} ${zone}`,
  compareRefused: (/** @type {string} */ symbol, /** @type {string} */ why) => `No comparison with ${symbol}: ${why}.`,
  stageLine: (/** @type {string} */ stage, /** @type {string} */ p50, /** @type {string} */ p99) =>
    `${stage}: ${p50}, p99 ${p99}`,
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
  theme: { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" },
  spokenPrice: (/** @type {string} */ symbol, /** @type {string} */ price) => `${symbol} ${price}`,
  halted: (/** @type {string} */ status, /** @type {string} */ detail, /** @type {string} */ last) =>
    [
      {
        stale: "Nothing comes in from the exchange",
        refused: "Refused",
        halted: "Not traded just now",
        suspended: "Suspended",
      }[status] ?? status,
      detail && `: ${detail}`,
      last && `. Last second: ${last}`,
      ".",
    ].join(""),
  toNow: "To the newest candle",
  chartsLabel: "Charts side by side",
  palette: "Find a symbol or a command",
  paletteHint: "Symbol or command…",
  charts: "Charts",
  tools: "Tools",
  jumpTo: "Go to…",
  lines: "Lines",
  fullScreen: "Full screen",
  exported: "Export what is in sight",
  commands: {
    palette: "Find a symbol or a command",
    help: "Show the keys",
    charts: (/** @type {number} */ count) => (count === 1 ? "One chart" : `${count} charts side by side`),
    next: "Go to the next chart",
    display: "Choose what is displayed",
    jump: "Go to a date and time",
    marks: "Price lines and alerts",
    health: "Health: latency, connection, symbols",
    full: "Full screen",
    theme: "Change the theme",
    csv: "Export what is in sight as CSV",
    png: "Export the chart as a picture",
    none: "Nothing is called like that.",
    more: (/** @type {number} */ count) => `… and ${count} more`,
  },
  keys: "Keys",
  closeKeys: "Close the list of keys",
  keysColumns: "Key and what it does",
  chartKeys: [
    ["/", "Filter the symbols"],
    ["Ctrl K", "Find a symbol or a command"],
    ["← →", "Move the chart"],
    ["Page Up, Page Down", "Move it far"],
    ["+ −", "Zoom"],
    ["Shift ← →", "From candle to candle: what lacks of each is said, and read out"],
    ["Esc", "Leave the candle"],
    ["End", "To the newest candle"],
    ["Alt click", "On a symbol: show it in the chart beside"],
    ["Right click", "On the chart: a line or an alert at this price"],
  ],
  jumpTitle: "Go to",
  jumpTime: "Date and time",
  jumpGo: "Go",
  closeJump: "Close without going anywhere",
  jump: { noTime: "That is no date and time.", nothing: "There is no candle from then on." },
  localZone: (/** @type {string} */ name) => `This machine's: ${name}`,
  settingsTitle: "As you like it",
  zone: "Time zone",
  months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
  swapped: "Red rises, green falls",
  spoken: "Read out the price",
  linked: "Same interval in all charts",
  compare: "Compare with",
  nothing: "nothing",
  readingEnd: "There is no further candle here.",
  reading: (/** @type {string} */ time, /** @type {{ open: string, high: string, low: string, close: string }} */ candle) =>
    `${time}: open ${candle.open}, high ${candle.high}, low ${candle.low}, close ${candle.close}.`,
  tip: {
    lacks: (/** @type {number} */ missing, /** @type {number} */ of) => `${missing} of ${of} seconds are missing.`,
    nothing: (/** @type {string} */ from, /** @type {string} */ to) => `No candle from ${from} to ${to}.`,
    gap: (/** @type {string} */ from, /** @type {string} */ to, /** @type {string} */ reason) => `${from} – ${to}: ${reason}`,
    more: (/** @type {number} */ count) => `… and ${count} more gaps`,
    reasons: /** @type {Record<string, string>} */ ({
      reconnect: "the connection to the exchange was lost",
      step: "the exchange left seconds out",
      silence: "nothing came from the exchange",
      start: "the symbol was not followed yet",
      offset_lost: "records were lost before they were stored",
      verify: "found missing by a check against the exchange",
      history: "of the time before the symbol was followed",
    }),
    open: "Being repaired: the exchange is asked for it.",
    absent: "The exchange itself has nothing for it; nothing more is done.",
    coming: "Being fetched.",
    unknown: "Nothing is known of the reason; nothing is being done.",
  },
  card: {
    open: "O",
    high: "H",
    low: "L",
    close: "C",
    volume: "Vol",
    move: "Δ",
    trades: "Trades",
    seconds: "Seconds",
    source: "Source",
    revision: "Rev",
    sources: /** @type {Record<string, string>} */ ({
      stream: "live",
      repair: "repaired",
      backfill: "backfill",
      venue: "exchange",
    }),
    countdown: "Until this candle closes",
    names: {
      move: "Change from the close before",
      source: "Where its seconds are from, the weakest of them",
      revision: "How often its stored content changed",
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
  health: {
    title: "Health",
    close: "Close the health view",
    latency: "Latency",
    stageCaption: "The last minute, from the exchange to your eye",
    stageColumns: { stage: "Stage", p50: "p50", p99: "p99", share: "Share" },
    unmeasured: "No measurement yet. The first one follows the first second that is painted.",
    connection: "Connection",
    states: { connecting: "Connecting", open: "Live", waiting: "Reconnecting", offline: "Offline" },
    tries: (/** @type {number} */ tries) => `, ${tries} tries`,
    lost: (/** @type {number} */ lost, /** @type {string} */ away, /** @type {string} */ zone) => {
      const times = lost === 1 ? "Lost once" : `Lost ${lost} times`;
      return `${lost ? times : "Never lost"} since the page was opened${away ? `, away for ${away} in all` : ""}. Times are ${zone}.`;
    },
    symbols: "Symbols",
    caption: "The last 24 hours, worst first",
    columns: {
      symbol: "Symbol",
      status: "Status",
      age: "Newest",
      open: "Gaps open",
      repaired: "Repaired",
      absent: "Absent",
      missing: "Seconds missing",
      complete: "Complete",
    },
    late: "Late",
    never: "none",
    asking: "Asking…",
    noSymbols: "No symbols yet.",
    tally: (/** @type {Record<"stale" | "late" | "lacking" | "paused" | "whole", number>} */ found) => {
      const { stale, late, lacking, paused, whole } = found;
      const said = (/** @type {number} */ number) => number.toLocaleString("en");
      const all = stale + late + lacking + paused + whole;
      const parts = [
        `${said(whole)} whole`,
        lacking && `${said(lacking)} with seconds missing`,
        `${said(late)} late`,
        `${said(stale)} stale`,
        paused && `${said(paused)} paused`,
      ];
      return `${said(all)} ${all === 1 ? "symbol" : "symbols"}: ${parts.filter(Boolean).join(", ")}`;
    },
    more: (/** @type {string} */ more, /** @type {string} */ lacking) =>
      `… and ${more} more, of which ${lacking === "0" ? "none lacks anything" : `${lacking} lack something`}`,
    show: (/** @type {string} */ symbol, /** @type {string} */ venue) => `Show ${symbol} at ${venue}`,
    partial: "The database does not answer: gaps and missing seconds are told as far as they are known.",
    failed: (/** @type {string} */ reason, /** @type {string} */ time) =>
      time ? `No news: ${reason}. What is shown is as of ${time}.` : `No news: ${reason}.`,
  },
  marks: {
    title: (/** @type {string} */ symbol, /** @type {string} */ venue) => `Lines and alerts of ${symbol} at ${venue}`,
    close: "Close the lines and alerts",
    price: "Price",
    addLine: "Add line",
    addAlert: "Add alert",
    line: "Line",
    alert: "Alert",
    none: "None yet.",
    others: "Alerts of other symbols",
    named: (/** @type {"line" | "alert"} */ kind, /** @type {string} */ price) => `${kind} at ${price}`,
    added: (/** @type {string} */ name) => `Added: ${name}.`,
    there: (/** @type {string} */ name) => `There is one already: ${name}.`,
    noPrice: "That is no price. Write one like 97500.5.",
    notPositive: "A price is above zero.",
    symbolFull: (/** @type {number} */ most) =>
      `A symbol can have ${most} lines and alerts, and this one has. Remove one first.`,
    allFull: (/** @type {number} */ most) => `There can be ${most} lines and alerts in all, and there are. Remove one first.`,
    denied: "Alerts are shown on this page only: this browser does not let it notify you.",
    unsupported: "Alerts are shown on this page only: this browser has no notifications.",
    rung: (/** @type {string} */ time, /** @type {string} */ zone) => `reached ${time} ${zone}`,
    rang: (/** @type {string} */ symbol, /** @type {string} */ price) => `${symbol} reached ${price}`,
    rangAt: (/** @type {string} */ venue, /** @type {string} */ price) => `${venue}, now ${price}`,
    show: "Show",
    showOf: (/** @type {string} */ what) => `Show: ${what}`,
    dismiss: (/** @type {string} */ what) => `Dismiss: ${what}`,
  },
  export: {
    attribution: "TradingView Lightweight Charts™ · Copyright (c) 2025 TradingView, Inc. · https://www.tradingview.com/",
    failed: "This browser could not make the picture",
  },
  bands: { missing: "No data", coming: "Being fetched…", absent: "The exchange has no data" },
};

/**
 * Fill the elements that name a text (`loading`, or `marks.price` for one of a group): `data-text` for their content,
 * `data-label` for their accessible name, `data-title` for their hint.
 * @param {ParentNode} root
 */
export function fill(root) {
  for (const [attribute, write] of Object.entries(WRITES)) {
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(`[data-${attribute}]`))) {
      const path = element.dataset[attribute]?.split(".") ?? [];
      write(element, String(path.reduce((group, name) => /** @type {any} */ (group)[name], /** @type {unknown} */ (texts))));
    }
  }
}

/** @type {Record<string, (element: HTMLElement, text: string) => void>} */
const WRITES = {
  text: (element, text) => (element.textContent = text),
  label: (element, text) => element.setAttribute("aria-label", text),
  title: (element, text) => (element.title = text),
};

/**
 * A venue's name as people know it.
 * @param {string} exchange
 */
export const venue = (exchange) => texts.venues[exchange] ?? exchange;
