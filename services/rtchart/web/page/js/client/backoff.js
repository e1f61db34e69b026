/** How long to wait before the next try to connect. */

const FIRST = 400;
const LONGEST = 15_000;

/**
 * Milliseconds before try number `attempt` (from 1): growing, capped, and spread by half, so that many pages do not come
 * back to a restarted server at once.
 * @param {number} attempt
 * @param {number} random in [0, 1)
 */
export function backoff(attempt, random) {
  const most = Math.min(LONGEST, FIRST * 2 ** Math.min(attempt - 1, 16));
  return most / 2 + (most / 2) * random;
}
