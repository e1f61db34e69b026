/** When an alert rings. */

import { compare } from "./decimal.js";

/** @typedef {"above" | "below"} Side Where the price is, seen from the alert. */

/**
 * On which side of an alert a price is; `undefined` when it is exactly there.
 * @param {{ price: string }} alert
 * @param {string} price
 * @returns {Side | undefined}
 */
export function side(alert, price) {
  const found = compare(price, alert.price);
  return found ? (found > 0 ? "above" : "below") : undefined;
}

/**
 * Whether an alert rings at this price: it is at the alert or beyond it, seen from the side where the price was when the alert
 * was made (`from`).
 *
 * An alert that was made exactly at the price has no side yet, and would ring at once if that were one. It waits: the first
 * price that is another one says from which side it will be reached (`from` is set to it then, see `Alarm`), and it rings when
 * the price comes back to it.
 * @param {{ price: string, from?: Side | undefined }} alert
 * @param {string} price
 */
export function crossed(alert, price) {
  return alert.from !== undefined && side(alert, price) !== alert.from;
}
