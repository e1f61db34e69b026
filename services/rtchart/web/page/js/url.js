/** The view in the page's address, so that a link shows the same chart. */

/** @import { View } from "./protocol.js" */

const NAMES = /** @type {const} */ (["exchange", "symbol", "interval"]);

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
 * The query that shows this view.
 * @param {View} view
 */
export function query(view) {
  return `?${new URLSearchParams(NAMES.map((name) => [name, view[name]]))}`;
}
