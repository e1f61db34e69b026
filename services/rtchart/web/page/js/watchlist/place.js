/** The arithmetic of a long list of which only a part is in the document. No DOM. */

/** Rows beyond each edge of what is in sight. */
const OVERSCAN = 8;
/** So few are all in the document. */
const WHOLE = 40;

/** @typedef {{ scroll: number, height: number, row: number, count: number }} Place Heights in px; `scroll`: px above. */

/**
 * The rows that are in sight, `[first, end)`.
 * @param {Place} place
 */
export function sight({ scroll, height, row, count }) {
  // A list that became shorter is still said to be scrolled to where there is nothing now.
  const top = Math.max(0, Math.min(scroll, count * row - height));
  return { first: Math.min(count, Math.floor(top / row)), end: Math.min(count, Math.ceil((top + height) / row)) };
}

/**
 * The rows that are in the document, `[first, end)`.
 * @param {Place} place
 */
export function span(place) {
  if (place.count <= WHOLE) return { first: 0, end: place.count };
  const { first, end } = sight(place);
  return { first: Math.max(0, first - OVERSCAN), end: Math.min(place.count, end + OVERSCAN) };
}

/**
 * Where to scroll so that a row is in sight as a whole; no farther than needed.
 * @param {number} at
 * @param {Place} place
 */
export function scrollFor(at, { scroll, height, row }) {
  return Math.max(0, Math.min(Math.max(scroll, (at + 1) * row - height), at * row));
}

/**
 * The row that a key leads to; -1: before the first one; `null`: the key leads nowhere.
 * @param {string} key as keyboard events name it
 * @param {number} at the row that has the focus
 * @param {Place} place
 */
export function step(key, at, { height, row, count }) {
  const page = Math.max(1, Math.floor(height / row) - 1);
  const last = count - 1;
  switch (key) {
    case "ArrowDown":
      return Math.min(at + 1, last);
    case "ArrowUp":
      return at - 1;
    case "Home":
      return 0;
    case "End":
      return last;
    case "PageDown":
      return Math.min(at + page, last);
    case "PageUp":
      return Math.max(at - page, 0);
    default:
      return null;
  }
}
