/** Prices as decimal strings: read from people, compared digit by digit. A float would hold two close prices for one. */

/** The longest one that is taken: far more digits than any market has. */
const LONGEST = 40;

/**
 * A decimal string without what says nothing, `97500.50` → `97500.5`; `null` for what is none.
 * @param {unknown} text
 */
export function plain(text) {
  const found = typeof text === "string" && text.length <= LONGEST && /^(-?)(\d*)(?:\.(\d*))?$/.exec(text);
  if (!found) return null;
  const [, sign = "", whole = "", fraction = ""] = found;
  if (!whole && !fraction) return null;
  const [left, right] = [whole.replace(/^0+(?=\d)/, "") || "0", fraction.replace(/0+$/, "")];
  const size = right ? `${left}.${right}` : left;
  return size === "0" ? size : sign + size;
}

/**
 * What somebody typed, as a decimal string; `null` for what is none. Thousands may be separated as the page writes them, and a
 * comma that separates none is a decimal one, which is what some keyboards have: `97,500.5` and `97500,5` are the same.
 * @param {string} text
 */
export function read(text) {
  const typed = text.replace(/[\s_]/g, "");
  if (/^[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(typed)) return plain(typed.replaceAll(",", ""));
  return plain(typed.includes(".") ? typed : typed.replace(",", "."));
}

/**
 * Which of two decimal strings is the greater one: negative when it is `b`, 0 when they are equal.
 * @param {string} a
 * @param {string} b
 */
export function compare(a, b) {
  const [one, other] = [plain(a) ?? "0", plain(b) ?? "0"];
  const [below, otherBelow] = [one.startsWith("-"), other.startsWith("-")];
  if (below !== otherBelow) return below ? -1 : 1;
  return below ? size(other.slice(1), one.slice(1)) : size(one, other);
}

/**
 * The same, for plain ones that have no sign.
 * @param {string} a
 * @param {string} b
 */
function size(a, b) {
  const [[whole = "", fraction = ""], [otherWhole = "", otherFraction = ""]] = [a.split("."), b.split(".")];
  if (whole.length !== otherWhole.length) return whole.length - otherWhole.length;
  // Of equal length, or a fraction's end: in the order of their digits.
  if (whole !== otherWhole) return whole < otherWhole ? -1 : 1;
  return fraction === otherFraction ? 0 : fraction < otherFraction ? -1 : 1;
}
