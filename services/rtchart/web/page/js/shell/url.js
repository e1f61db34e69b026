/** What is shown in the page's address, so that a link shows the same. */

/** @import { View } from "../client/protocol.js" */

const NAMES = /** @type {const} */ (["exchange", "symbol", "interval"]);
/** What says which charts stand beside the first one: `exchange:symbol:interval`, once for each. */
const BESIDE = "beside";
/** Names of what says how the charts are drawn. */
const LOOKS = /** @type {const} */ (["style", "scale", "indicators", "compare"]);

/** Charts side by side, at most. */
const MOST_CHARTS = 4;

/** @typedef {typeof LOOKS[number]} Look */

/**
 * What an address asks for, chart by chart; what it does not name is missing.
 * @param {string} search the query of the address, such as `?symbol=BTCUSDT&interval=5m&beside=binance:ETHUSDT:5m`
 * @returns {Partial<View>[]} one at least
 */
export function parse(search) {
  const query = new URLSearchParams(search);
  /** @type {Partial<View>} */
  const first = {};
  for (const name of NAMES) {
    const value = query.get(name);
    if (value) first[name] = value;
  }
  const others = query.getAll(BESIDE).map((text) => {
    // Whatever a symbol is called, an exchange and an interval have no colon.
    const [, exchange = "", symbol = "", interval = ""] = /^([^:]*):(.*):([^:]*)$/.exec(text) ?? [];
    return { exchange, symbol, interval };
  });
  return [first, ...others.filter(({ symbol }) => symbol)].slice(0, MOST_CHARTS);
}

/**
 * What an address says of how the charts are drawn, each by its name; `null` where it says nothing.
 * @param {string} search
 */
export function look(search) {
  const query = new URLSearchParams(search);
  return {
    style: query.get("style"),
    scale: query.get("scale"),
    indicators: query.get("indicators"),
    compare: query.get("compare"),
  };
}

/**
 * The query that shows these charts, drawn in this way; what is empty is left out.
 * @param {readonly View[]} views
 * @param {Partial<Record<Look, string>>} [drawn]
 */
export function query([first, ...others], drawn = {}) {
  const named = new URLSearchParams(NAMES.map((name) => [name, first?.[name] ?? ""]));
  // Colons and commas are as good in a query as they are to read.
  const beside = others.map((view) => `&${BESIDE}=${NAMES.map((name) => encodeURIComponent(view[name])).join(":")}`);
  const more = LOOKS.map((name) => {
    const parts = (drawn[name] ?? "").split(":");
    return drawn[name] ? `&${name}=${parts.map((part) => part.split(",").map(encodeURIComponent).join()).join(":")}` : "";
  });
  return `?${named}${beside.join("")}${more.join("")}`;
}
