/** The view in the page's address, so that a link shows the same chart. */

/** @import { View } from "./protocol.js" */

const NAMES = /** @type {const} */ (["exchange", "symbol", "interval"]);
const LOOKS = /** @type {const} */ (["style", "scale", "indicators"]);

/**
 * What an address asks for; what it does not name is missing.
 * @param {string} search the query of the address, such as `?symbol=BTCUSDT&interval=5m`
 * @returns {Partial<View>}
 */
export function parse(search) {
  const query = new URLSearchParams(search);
  /** @type {Partial<View>} */
  const view = {};
  for (const name of NAMES) {
    const value = query.get(name);
    if (value) view[name] = value;
  }
  return view;
}

/**
 * What an address says of how the view is drawn, by name; `null` where it says nothing.
 * @param {string} search
 * @returns {Record<typeof LOOKS[number], string | null>}
 */
export function look(search) {
  const query = new URLSearchParams(search);
  return { style: query.get("style"), scale: query.get("scale"), indicators: query.get("indicators") };
}

/**
 * The query that shows this view, drawn in this way; what is empty is left out.
 * @param {View} view
 * @param {Partial<Record<typeof LOOKS[number], string>>} [drawn]
 */
export function query(view, drawn = {}) {
  const named = NAMES.map((name) => [name, view[name]]);
  // Colons and commas are as good in a query as they are to read.
  const more = LOOKS.map((name) => (drawn[name] ? `&${name}=${drawn[name]}` : ""));
  return `?${new URLSearchParams(named)}${more.join("")}`;
}
