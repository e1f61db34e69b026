/** Numbers and times as people read them. Decimal strings stay strings: no digit is lost to a float on the way to the eye. */

const MINUS = "−";
const UNITS = /** @type {const} */ ([
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
]);

/**
 * How many decimals prices need: the most that any of them uses, at least two.
 * @param {Iterable<string>} prices decimal strings, such as `99512.02000000`
 */
export function decimals(prices) {
  let most = 2;
  for (const price of prices) {
    const point = price.indexOf(".");
    if (point >= 0) most = Math.max(most, price.replace(/0+$/, "").length - point - 1);
  }
  return Math.min(most, 12);
}

/**
 * A price with thousands separated and `precision` decimals; further ones are cut, not rounded.
 * @param {string} price a decimal string
 * @param {number} precision
 */
export function price(price, precision) {
  const [whole = "0", fraction = ""] = price.replace("-", "").split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const sign = price.startsWith("-") ? MINUS : "";
  return precision ? `${sign}${grouped}.${fraction.padEnd(precision, "0").slice(0, precision)}` : sign + grouped;
}

/**
 * A whole number with thousands separated.
 * @param {number} count
 */
export const count = (count) => price(String(count), 0);

/**
 * A volume or a count, short: `1.24M`.
 * @param {string | number} amount
 */
export function compact(amount) {
  const number = Number(amount);
  for (const [size, unit] of UNITS) {
    // What would round to the next unit is written in it: 1.00M, not 1000K.
    if (Math.abs(number) >= size * 0.9995) return significant(number / size) + unit;
  }
  return Number.isInteger(number) ? String(number) : significant(number);
}

/** @param {number} number */
function significant(number) {
  if (Math.abs(number) < 0.9995) return number.toFixed(4);
  return number.toFixed(Math.max(0, 2 - Math.max(0, Math.floor(Math.log10(Math.abs(number))))));
}

/**
 * The change from one price to another in percent, `+1.23%`; empty when there is no price to change from.
 * @param {string} from
 * @param {string} to
 */
export function change(from, to) {
  const percent = changePercent(from, to);
  if (percent === null) return "";
  const text = Math.abs(percent).toFixed(2);
  return `${Number(text) === 0 ? "" : percent < 0 ? MINUS : "+"}${text}%`;
}

/**
 * The same as a number; `null` when there is no price to change from.
 * @param {string} from
 * @param {string} to
 */
export function changePercent(from, to) {
  const base = Number(from);
  return base ? (Number(to) / base - 1) * 100 : null;
}

/**
 * Which way a price went, as the style sheet has it; empty: nowhere.
 * @param {string} from
 * @param {string} to
 * @returns {"up" | "down" | ""}
 */
export function direction(from, to) {
  const percent = changePercent(from, to) ?? 0;
  return percent > 0 ? "up" : percent < 0 ? "down" : "";
}

/**
 * A latency in as few digits as tell something: `4.2 ms`, `38 ms`, `1.4 s`.
 * @param {number} ms
 */
export function duration(ms) {
  if (Math.abs(ms) >= 10_000) return `${Math.round(ms / 1000)} s`;
  if (Math.abs(ms) >= 1_000) return `${(ms / 1000).toFixed(1)} s`;
  return Math.abs(ms) < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

/**
 * What is left of a time, `0:42`, `23:59:07`, `6 d 04:00:00`.
 * @param {number} ms
 */
export function clock(ms) {
  const left = Math.ceil(ms / 1000);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const [days, hours, minutes, seconds] = [
    Math.floor(left / 86_400),
    Math.floor(left / 3_600) % 24,
    Math.floor(left / 60) % 60,
    left % 60,
  ];
  if (days) return `${days} d ${two(hours)}:${two(minutes)}:${two(seconds)}`;
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}
