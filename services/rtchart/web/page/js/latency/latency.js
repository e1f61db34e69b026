/** How old the number on the screen is: the stages of its way, and percentiles of the last minute. No DOM. */

/** @import { Stamps } from "../client/protocol.js" */

/**
 * The latencies (ms) of one second on its way, each stage against the one before, and the whole from the exchange to the eye.
 * @param {Stamps} stamps
 * @param {number} sent when the server sent the frame (µs, its clock)
 * @param {number} painted when the browser had painted it (µs, the server's clock)
 */
export function stages(stamps, sent, painted) {
  return {
    exchange_to_received: (stamps.received_us - stamps.event_ms * 1000) / 1000,
    received_to_published: (stamps.published_us - stamps.received_us) / 1000,
    published_to_consumed: (stamps.consumed_us - stamps.published_us) / 1000,
    consumed_to_sent: (sent - stamps.consumed_us) / 1000,
    sent_to_painted: (painted - sent) / 1000,
    exchange_to_painted: (painted - stamps.event_ms * 1000) / 1000,
  };
}

/** @typedef {keyof ReturnType<typeof stages>} Stage */

/** The whole way. */
export const WHOLE = /** @type {const} */ ("exchange_to_painted");

/** The stages that it is made of, in their order. */
export const PARTS = /** @type {const} */ ([
  "exchange_to_received",
  "received_to_published",
  "published_to_consumed",
  "consumed_to_sent",
  "sent_to_painted",
]);

/**
 * The share (0…1) that each of these has of their sum. Clocks that are a little apart make latencies below zero, which have no
 * share.
 * @param {readonly number[]} latencies
 */
export function shares(latencies) {
  const lengths = latencies.map((ms) => Math.max(0, ms));
  const sum = lengths.reduce((sum, ms) => sum + ms, 0);
  return lengths.map((ms) => (sum ? ms / sum : 0));
}

/** Values of the last minute, and their percentiles. */
export class Window {
  /** @type {{ at: number, value: number }[]} */
  #values = [];

  /**
   * @param {number} [length] in ms
   * @param {number} [most] how many values are kept: a screen paints hardly more often in a minute
   */
  constructor(length = 60_000, most = 4_096) {
    this.length = length;
    this.most = most;
  }

  /** How many values there are. */
  get size() {
    return this.#values.length;
  }

  /**
   * @param {number} at when, in ms
   * @param {number} value
   */
  add(at, value) {
    this.#values.push({ at, value });
    if (this.#values.length > this.most) this.#values.shift();
    this.#forget(at);
  }

  /**
   * The value below which the share `p` (0…1) lies, by nearest rank; `null` without values.
   * @param {number} p
   * @param {number} now in ms
   */
  percentile(p, now) {
    return this.percentiles([p], now)[0] ?? null;
  }

  /**
   * The same for several shares, at the cost of one; empty without values.
   * @param {readonly number[]} shares
   * @param {number} now in ms
   */
  percentiles(shares, now) {
    this.#forget(now);
    const sorted = Float64Array.from(this.#values, ({ value }) => value).sort();
    if (!sorted.length) return [];
    return shares.map((p) => sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? NaN);
  }

  /** @param {number} now */
  #forget(now) {
    const stale = this.#values.findIndex(({ at }) => at >= now - this.length);
    if (stale) this.#values.splice(0, stale < 0 ? this.#values.length : stale);
  }
}
