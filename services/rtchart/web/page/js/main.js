/**
 * Where the page's parts meet.
 *
 * connection → feed → view (store, history, chart) → card, status; feed → sidebar. What is pure has no document and is tested
 * in Node: store, bars, styles, indicators, studies, bands, completeness, interval, format, latency, meter, url, choose,
 * history, backoff. Texts are in texts.js, colours in css/tokens.css, the protocol's types in protocol.js.
 */

import * as api from "./api.js";
import { Card } from "./card.js";
import { choose } from "./choose.js";
import { find, write } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Feed } from "./feed.js";
import * as format from "./format.js";
import { afterPaint, onFrame } from "./frame.js";
import { inspect } from "./inspect.js";
import { bindKeys } from "./keys.js";
import { nowUs } from "./latency.js";
import { Menu, meant } from "./menu.js";
import { LatencyMeter } from "./meter.js";
import { recall, remember } from "./memory.js";
import { Sidebar } from "./sidebar.js";
import { StatusBar } from "./status.js";
import { Tab } from "./tab.js";
import { fill, texts } from "./texts.js";
import { Theme } from "./theme.js";
import { TokenDialog } from "./token.js";
import { LOOKS, look, lookOf, parse, query } from "./url.js";
import { ChartView } from "./view.js";

/** @import { SymbolInfo, Ticker, View } from "./protocol.js" */
/** @import { Chosen } from "./menu.js" */

const REPORT_EVERY = 10_000;
const RETRY = 2_000;

fill(document);

/** @type {SymbolInfo[]} */
let symbols = [];
/** How often the symbols were asked for, or told: an answer counts when nothing came after its question. */
let asked = 0;
/** @type {SymbolInfo | undefined} the one that is shown, as it was last told of: it may be there no more */
let current;
/** @type {Map<string, Ticker>} */
const tickers = new Map();
const meter = new LatencyMeter();
const notice = find("notice", HTMLParagraphElement);
const status = new StatusBar();
const card = new Card();
const drawer = new Drawer();
const question = new TokenDialog(() => {
  feed.connection.wake();
  void loadSymbols();
});
const tab = new Tab((interval) => go({ ...view.shown, interval }, "push", current && [current]));
const sidebar = new Sidebar(({ exchange, symbol }) => {
  go({ ...view.shown, exchange, symbol });
  drawer.close();
});

const menu = new Menu((chosen) => {
  draw(chosen);
  keep();
});

/** The server's time in ms. */
const now = () => (nowUs() + meter.clock.offset) / 1000;

const feed = new Feed(new URL("ws", document.baseURI).href.replace(/^http/, "ws"), {
  onStatus: (state) => {
    status.connection = state;
    if (state.state === "connecting") meter.clock.clear();
    if (state.state === "waiting" && state.attempt > 1) void askWhy();
  },
  onPong: (sent, received, server) => meter.clock.add(sent, received, server),
  onTickers: (news) => {
    for (const ticker of news) tickers.set(`${ticker.exchange}:${ticker.symbol}`, ticker);
    sidebar.update(news);
  },
  onFollowing: () => void loadSymbols(),
  onSymbols: (news) => {
    asked += 1;
    take(news);
  },
});

const view = new ChartView({
  container: find("chart", HTMLDivElement),
  feed,
  fetchPage: api.candlesBefore,
  fetchBetween: api.candlesBetween,
  fetchGaps: api.gapsBetween,
  now,
  onCandle: (candle, precision, condition) => {
    const last = view.store.last?.close;
    const { exchange, symbol } = view.shown ?? { exchange: "", symbol: "" };
    card.showPrice(last, tickers.get(`${exchange}:${symbol}`), precision);
    card.showCandle(candle, precision, condition, now());
    document.title = texts.title(symbol, last ? format.price(last, precision) : "");
  },
  onGaps: (gaps, fetching) => status.showGaps(gaps, fetching),
  onState: (state, detail = "") => {
    const text = {
      loading: texts.loading,
      ready: "",
      empty: texts.empty,
      partial: texts.partial,
      refused: texts.unavailable(detail),
      history: texts.historyFailed(detail),
    }[state];
    say(text);
  },
  onDrawn: ({ stamps }, frame) => {
    if (!stamps || document.hidden) return;
    afterPaint(() => {
      meter.add(stamps, frame.at_us, nowUs());
      onFrame(status, () => (status.latency = meter));
    });
  },
});

status.bindTheme(new Theme((palette) => view.redraw((chart) => chart.setPalette(palette))));
status.latency = meter;

/**
 * Show what is wished for, as far as it exists.
 * @param {Partial<View>} wish
 * @param {"push" | "replace" | "none"} history what becomes of the address
 * @param {readonly SymbolInfo[]} among the symbols to choose from
 */
function go(wish, history = "push", among = symbols) {
  const next = choose(among, wish);
  if (!next || (view.shown && query(next) === query(view.shown))) return;
  current = infoOf(among, next);
  const address = query(next, menu.written);
  if (history === "push") window.history.pushState(null, "", address);
  if (history === "replace") window.history.replaceState(null, "", address);
  tab.show(next, current?.intervals ?? []);
  status.venue = next.exchange;
  view.show(next, current?.tick_size);
  sidebar.shown = next;
}

/**
 * Draw the view in this way.
 * @param {Chosen} chosen
 */
function draw(chosen) {
  menu.show(chosen);
  view.redraw((chart) => chart.look(chosen));
}

/** Under which name this browser remembers it. */
const key = (/** @type {string} */ name) => `rtchart.${name}`;

/** What the address says of how the view is drawn, or this browser remembers where the address says nothing at all. */
function said() {
  const { search } = location;
  return meant(search ? look(search) : lookOf((name) => recall(key(name))));
}

/** Have the address and this browser remember how the view is drawn. */
function keep() {
  if (view.shown) window.history.replaceState(null, "", query(view.shown, menu.written));
  for (const name of LOOKS) remember(key(name), menu.written[name]);
}

/**
 * These symbols there are; the first one is shown as soon as there is one.
 * @param {SymbolInfo[]} found
 */
function take(found) {
  symbols = found;
  sidebar.symbols = symbols;
  sidebar.update([...tickers.values()]);
  if (view.shown) {
    current = infoOf(symbols, view.shown) ?? current;
    tab.show(view.shown, current?.intervals ?? []);
    sidebar.shown = view.shown;
  } else if (found.length) go(parse(location.search), "replace");
  else say(texts.noSymbols);
}

/**
 * Say something over the chart; nothing takes it away.
 * @param {string} text
 */
function say(text) {
  notice.hidden = !text;
  write(notice, text);
}

/**
 * What is said of a view's symbol.
 * @param {readonly SymbolInfo[]} among
 * @param {View} view
 */
function infoOf(among, view) {
  return among.find(({ exchange, symbol }) => exchange === view.exchange && symbol === view.symbol);
}

/** Ask for the symbols: at the start, and whenever the socket begins to tell of changes, for it tells of none before. */
async function loadSymbols() {
  const mine = (asked += 1);
  try {
    const found = await api.symbols();
    if (mine === asked) take(found);
  } catch (error) {
    if (mine !== asked) return;
    if (error instanceof api.Unauthorized) return askToken();
    if (!view.shown) say(texts.unavailable(/** @type {Error} */ (error).message));
    setTimeout(loadSymbols, RETRY);
  }
}

/** A socket that is refused does not say why, and the API does: the token may be another one by now. */
async function askWhy() {
  try {
    await api.knock();
  } catch (error) {
    if (error instanceof api.Unauthorized) askToken();
  }
}

function askToken() {
  feed.connection.pause();
  question.ask();
}

window.addEventListener("popstate", () => {
  draw(said());
  go(parse(location.search), "none");
});
window.addEventListener("online", () => feed.connection.wake());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  meter.clock.clear(); // a sleeping machine's clock may have moved
  feed.connection.wake();
});
setInterval(() => feed.report(meter.takeReport()), REPORT_EVERY);

draw(said());
bindKeys(find("chart", HTMLDivElement), view.chart);
inspect(view, feed);
feed.connection.start();
void loadSymbols();
