/** Which view is shown, of those there are, for what an address or a click asks for. */

/** @import { SymbolInfo, View } from "../client/protocol.js" */

const DEFAULT_INTERVAL = "1m";

/**
 * The view for a wish; `null` when there is no symbol at all. A symbol that is not there becomes the first one.
 * @param {readonly SymbolInfo[]} symbols
 * @param {Partial<View>} wish
 * @returns {View | null}
 */
export function choose(symbols, wish) {
  const named = symbols.filter(({ symbol }) => symbol === wish.symbol);
  const info = named.find(({ exchange }) => exchange === wish.exchange) ?? named[0] ?? symbols[0];
  if (!info) return null;
  const { intervals } = info;
  const interval = [wish.interval, DEFAULT_INTERVAL, intervals[0]].find((name) => name && intervals.includes(name));
  return { exchange: info.exchange, symbol: info.symbol, interval: interval ?? DEFAULT_INTERVAL };
}
