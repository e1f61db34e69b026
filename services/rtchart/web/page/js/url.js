/** The view in the page's address, so that a link shows the same chart. */

/** @import { View } from "./protocol.js" */

const NAMES = /** @type {const} */ (["exchange", "symbol", "interval"]);
/** Names of what says how a view is drawn. */
export const LOOKS = /** @type {const} */ (["style", "scale", "indicators"]);

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
 * What says how a view is drawn, each by its name.
 * @param {(name: typeof LOOKS[number]) => string | null} said `null` where nothing is said
 */
export const lookOf = (said) => ({ style: said("style"), scale: said("scale"), indicators: said("indicators") });

/**
 * What an address says of how the view is drawn.
 * @param {string} search
 */
export function look(search) {
  const query = new URLSearchParams(search);
  return lookOf((name) => query.get(name));
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
