/** How long something took, or is ago, as people say it. No DOM. */

/** @type {readonly [number, number, string][]} from how long on, the unit, and its name */
const UNITS = [
  [172_800_000, 86_400_000, "d"],
  [7_200_000, 3_600_000, "h"],
  [120_000, 60_000, "min"],
];

/**
 * In as few digits as tell something: `0.4 s`, `48 s`, `5.1 min`, `26 h`.
 * @param {number} ms
 */
export function elapsed(ms) {
  const [, unit, name] = UNITS.find(([from]) => ms >= from) ?? [0, 1_000, "s"];
  const amount = ms / unit;
  return `${amount < 9.95 ? amount.toFixed(1) : Math.round(amount)} ${name}`;
}
