/** The view in the page's address, so that a link shows the same chart. */

/** @import { View } from "./protocol.js" */

const INDICATORS = "indicators";
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
 * The indicators that an address asks for, as it has them; `null` when it says nothing of them.
 * @param {string} search
 */
export const indicators = (search) => new URLSearchParams(search).get(INDICATORS);

/**
 * The query that shows this view, with these indicators.
 * @param {View} view
 * @param {string} [studies]
 */
export function query(view, studies = "") {
  const named = NAMES.map((name) => [name, view[name]]);
  // Colons and commas are as good in a query as they are to read.
  const more = studies ? `&${INDICATORS}=${studies}` : "";
  return `?${new URLSearchParams(named)}${more}`;
}
