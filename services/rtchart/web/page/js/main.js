/**
 * Where the page's parts meet.
 *
 * client (connection → feed, api) → panel (timeline → view → chart; card, tip) ; feed → watchlist; status, health and marks
 * hear of everything. What is shown, and how, is the session's. What is pure has no document and is tested in Node. Texts are
 * in texts.js, colours in css/tokens.css, the protocol's types in client/protocol.js.
 */

import { Api, ApiError, Unauthorized } from "./client/api.js";
import { nowUs } from "./client/clock.js";
import { Feed } from "./client/feed.js";
import { symbolKey } from "./client/identity.js";
import { exportCsv, exportPng } from "./export/export.js";
import { ConnectionLog } from "./health/history.js";
import { HealthView } from "./health/view.js";
import { inspect } from "./inspect.js";
import { LatencyMeter } from "./latency/meter.js";
import { find } from "./lib/dom.js";
import * as format from "./lib/format.js";
import { afterPaint, onFrame } from "./lib/frame.js";
import { recall, remember } from "./lib/memory.js";
import { Alarm } from "./marks/alarm.js";
import { MarksDialog } from "./marks/dialog.js";
import { Marks } from "./marks/marks.js";
import { Panels } from "./panel/panels.js";
import { Session } from "./session.js";
import { Announcer } from "./shell/announcer.js";
import { JumpDialog } from "./shell/jump.js";
import { Menu } from "./shell/menu.js";
import { SettingsForm } from "./shell/settings.js";
import { StatusBar } from "./shell/status.js";
import { Theme } from "./shell/theme.js";
import { TokenDialog, token } from "./shell/token.js";
import { Toolbar } from "./shell/toolbar.js";
import { fill, texts } from "./texts.js";
import { Drawer } from "./watchlist/drawer.js";
import { Sidebar } from "./watchlist/sidebar.js";

/** @import { SymbolInfo, Ticker } from "./client/protocol.js" */
/** @import { Panel } from "./panel/panel.js" */

const REPORT_EVERY = 10_000;
const RETRY = 2_000;
const SECOND = 1_000;

/** In a frame of somebody's page: one chart and its status, nothing around it. */
const embedded = document.documentElement.hasAttribute("data-embedded");
fill(document);

/** How often the symbols were asked for, or told: an answer counts when nothing came after its question. */
let asked = 0;
/** @type {Map<string, Ticker>} */
const tickers = new Map();

const api = new Api(document.baseURI, token);
const meter = new LatencyMeter();
/** @type {WeakSet<object>} the stamps of what was measured */
const measured = new WeakSet();
const connections = new ConnectionLog();
const marks = new Marks(recall, remember);
const status = new StatusBar();
const drawer = new Drawer();
const announcer = new Announcer();
const question = new TokenDialog(() => {
  feed.connection.wake();
  void loadSymbols();
});

/** The server's time in ms. */
const now = () => (nowUs() + meter.clock.offset) / 1000;

const feed = new Feed(
  new URL("ws", document.baseURI).href.replace(/^http/, "ws"),
  {
    onStatus: (state) => {
      status.connection = state;
      connections.add(state, Date.now());
      if (state.state === "connecting") meter.clock.clear();
      if (state.state === "waiting" && state.attempt > 1) void askWhy();
    },
    onPong: (sent, received, server) => meter.clock.add(sent, received, server),
    onTickers: (news) => {
      for (const ticker of news) tickers.set(symbolKey(ticker), ticker);
      watchlist.update(news);
      alarm?.take(news);
      for (const panel of panels.all) tellTicker(panel);
    },
    onFollowing: () => void loadSymbols(),
    onSymbols: (news) => {
      asked += 1;
      take(news);
    },
  },
  token,
);

const settings = new SettingsForm(({ zone, swapped, spoken }) => {
  panels.zone = zone;
  status.zone = zone;
  theme.swapped = swapped;
  announcer.on = spoken;
});

const panels = new Panels(
  find("panels", HTMLDivElement),
  find("panel", HTMLTemplateElement),
  { feed, api, now },
  settings.value.zone,
  {
    onActive: () => showActive(),
    onInterval: (panel, interval) => session.interval(panel, interval),
    onRead: (text) => announcer.say(text),
    onMenu: embedded ? null : (panel, price) => markAt(panel, price),
    onGaps: (panel) => {
      if (panel === panels.active) status.showGaps(panel.gaps, panel.fetching);
    },
    onDrawn: ({ stamps }, frame) => {
      if (!stamps || document.hidden || measured.has(stamps)) return;
      measured.add(stamps); // of two charts that show the same one counts
      afterPaint(() => {
        meter.add(stamps, frame.at_us, nowUs());
        onFrame(status, () => (status.latency = meter));
      });
    },
  },
);

const menu = new Menu((chosen) => {
  session.look(chosen);
  showActive();
});
const session = new Session(panels, menu, embedded, () => showActive());
const theme = new Theme(
  (palette) => {
    panels.palette = palette;
    drawMarks();
  },
  embedded ? new URLSearchParams(location.search).get("theme") : null,
);

const watchlist = new Sidebar({
  onChoose: (info, { beside }) => choose(info, beside),
  fetchCloses: (exchange, symbols, interval, limit) => api.closes(exchange, symbols, interval, limit),
  now,
  zone: () => settings.value.zone,
  address: (info) => session.address(info),
  recall,
  remember,
});
/** The page itself rings. */
const alarm = embedded ? null : new Alarm({ marks, now, onChoose: choose });
const marksDialog = new MarksDialog({
  marks,
  last: (symbol) => tickers.get(symbol)?.price,
  zone: () => settings.value.zone,
});
const health = new HealthView({
  meter,
  connections,
  fetchHealth: () => api.health(),
  now,
  zone: () => settings.value.zone,
  onChoose: embedded ? () => {} : choose,
});
const jump = new JumpDialog(
  (time) => panels.active.view.goTo(time),
  () => settings.value.zone,
);

const linked = find("settings-linked", HTMLInputElement);
const acts = {
  charts: (/** @type {number} */ count) => session.charts(count),
  display: () => menu.open(),
  marks: () => markAt(panels.active, panels.active.price ?? ""),
  jump: () => jump.open(panels.active.view.inSight[0]?.open_time ?? now()),
  csv: () => exportCsv(panels.active),
  png: () => exportPng(panels.active, settings.value.zone).catch(({ message }) => panels.active.say(message)),
  full: () => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  health: () => health.open(),
  theme: () => find("theme", HTMLButtonElement).click(),
  next: () => {
    panels.activeIndex = (panels.activeIndex + 1) % panels.count;
    showActive();
    panels.active.focus();
  },
};
// A page around this one has keys of its own.
const toolbar = embedded ? null : new Toolbar(acts, choose);

/**
 * Show a symbol in the active chart, or in the one beside it.
 * @param {{ exchange: string, symbol: string }} info
 * @param {boolean} [beside]
 */
function choose(info, beside = false) {
  session.choose(info, beside);
  drawer.close();
}

/** Other charts are shown, or another one is the active one. */
function showActive() {
  const { active, shown, activeIndex } = panels;
  if (!active.shown) return;
  status.venue = active.shown.exchange;
  watchlist.shown = [active.shown, ...shown.filter((_, at) => at !== activeIndex)];
  if (toolbar) toolbar.count = panels.count;
  linked.checked = session.linked;
  for (const panel of panels.all) tellTicker(panel);
  drawMarks();
  status.showGaps(active.gaps, active.fetching);
  tellPrice();
}

/** @param {Panel} panel whose ticker may be another */
function tellTicker(panel) {
  const ticker = panel.shown && tickers.get(symbolKey(panel.shown));
  if (ticker) panel.ticker = ticker;
}

/** The price of the active chart where it is outside of the page: a tab's title costs too much to be another one at each update. */
function tellPrice() {
  const { view, shown, price: last } = panels.active;
  const price = last ? format.price(last, view.precision) : "";
  document.title = texts.title(shown?.symbol ?? texts.name, price);
  announcer.tell(shown?.symbol ?? "", price);
}

/**
 * Ask for lines and alerts of a chart's symbol.
 * @param {Panel} panel
 * @param {string} price that is offered
 */
function markAt({ shown, view }, price) {
  if (shown) marksDialog.open({ ...shown, price, precision: view.precision });
}

function drawMarks() {
  for (const { shown, view } of panels.all) if (shown) view.chart.lines.show(marks.of(symbolKey(shown)), view.chart.palette);
}

/**
 * These symbols there are; the first one is shown as soon as there is one.
 * @param {SymbolInfo[]} found
 */
function take(found) {
  watchlist.symbols = found;
  watchlist.update([...tickers.values()]);
  if (toolbar) toolbar.symbols = found;
  menu.symbols = found;
  session.take(found);
  if (!panels.active.shown) panels.active.say(texts.noSymbols);
}

/** Ask for the symbols: at the start, and whenever the socket begins to tell of changes, for it tells of none before. */
async function loadSymbols() {
  const mine = (asked += 1);
  try {
    const found = await api.symbols();
    if (mine === asked) take(found);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (mine !== asked) return;
    if (error instanceof Unauthorized) return askToken();
    if (!panels.active.shown) panels.active.say(texts.unavailable(error.message));
    setTimeout(loadSymbols, Math.max(RETRY, error.retryAfter * SECOND));
  }
}

/** A socket that is refused does not say why, and the API does: the token may be another one by now. */
async function askWhy() {
  try {
    await api.knock();
  } catch (error) {
    if (error instanceof Unauthorized) askToken();
    else if (error instanceof ApiError && error.status) status.refused = error.message;
  }
}

function askToken() {
  feed.connection.pause();
  question.ask();
}

find("status-latency", HTMLButtonElement).addEventListener("click", acts.health);
linked.addEventListener("change", () => session.link(linked.checked));

window.addEventListener("online", () => feed.connection.wake());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  meter.clock.clear(); // a sleeping machine's clock may have moved
  feed.connection.wake();
});
setInterval(() => feed.report(meter.takeReport()), REPORT_EVERY);
setInterval(() => {
  panels.tick();
  watchlist.tick();
  tellPrice();
}, SECOND);

marks.watch(drawMarks);
status.bindTheme(theme);
status.latency = meter;
theme.swapped = settings.value.swapped;
announcer.on = settings.value.spoken;
status.zone = settings.value.zone;
session.start();
inspect(panels, feed);
feed.connection.start();
void loadSymbols();
