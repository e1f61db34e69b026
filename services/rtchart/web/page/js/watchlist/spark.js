/** The closes of a symbol's last hour, minute by minute, and the line that is drawn through them. No DOM. */

/**
 * @typedef {object} Spark
 * @property {number} start open time of the first minute (ms)
 * @property {(number | null)[]} closes one a minute, the forming one last; `null` where there is no candle
 */

const MINUTE = 60_000;

/** Minutes in a spark. */
export const MINUTES = 60;

/**
 * @param {number} start
 * @param {readonly (string | null)[]} closes decimal strings
 * @returns {Spark}
 */
export const spark = (start, closes) => ({ start, closes: closes.map((close) => (close === null ? null : Number(close))) });

/**
 * The last price is this one, as of this time: the forming minute's close, and when the minute turned, all others move up.
 * @param {Spark} spark
 * @param {number} time in ms
 * @param {number} price
 * @returns {number} how many minutes passed in between of which nothing is known
 */
export function advance(spark, time, price) {
  const { closes } = spark;
  const last = closes.length - 1;
  const turned = Math.floor((time - spark.start) / MINUTE) - last;
  if (turned < 0 || last < 0) return 0; // older than what is known
  if (turned > 0) {
    spark.start += turned * MINUTE;
    closes.splice(0, turned);
    while (closes.length <= last) closes.push(null);
  }
  closes[last] = price;
  return Math.max(0, turned - 1);
}

/** Room above, below and beside the line, so that no half of its stroke is cut off. */
const MARGIN = 1;

/**
 * What a path's `d` says to draw it within this size; empty when there is nothing to draw. Lines break where a candle lacks.
 * @param {readonly (number | null)[]} closes
 * @param {number} width
 * @param {number} height
 */
export function path(closes, width, height) {
  let low = Infinity;
  let high = -Infinity;
  for (const close of closes) {
    if (close === null) continue;
    low = Math.min(low, close);
    high = Math.max(high, close);
  }
  const x = (width - 2 * MARGIN) / Math.max(1, closes.length - 1);
  const y = high > low ? (height - 2 * MARGIN) / (high - low) : 0;
  const middle = height / 2;
  let drawn = "";
  closes.forEach((close, at) => {
    if (close === null) return;
    const broken = at === 0 || closes[at - 1] === null;
    const alone = broken && (closes[at + 1] ?? null) === null;
    // A tenth of a pixel is more than is seen: most prices leave the line as it is, which then costs nothing.
    drawn += `${broken ? "M" : "L"}${short(MARGIN + at * x)} ${short(y ? MARGIN + (high - close) * y : middle)}`;
    if (alone) drawn += "h0"; // its round end is a dot
  });
  return drawn;
}

/**
 * Where the hour went: "up", "down", or nowhere.
 * @param {readonly (number | null)[]} closes
 */
export function trend(closes) {
  const first = closes.find((close) => close !== null) ?? 0;
  const last = closes.findLast((close) => close !== null) ?? 0;
  return last > first ? "up" : last < first ? "down" : "";
}

/** @param {number} number */
const short = (number) => Math.round(number * 10) / 10;
