/** How old the number on the screen is: the offset of this machine's clock, and percentiles of the last minute. No DOM. */

/** @import { Stamps } from "./protocol.js" */

/**
 * This machine's clock in microseconds since the epoch, finer than `Date.now()` and never stepping back.
 * @returns {number}
 */
export const nowUs = () => (performance.timeOrigin + performance.now()) * 1000;

/**
 * The server's clock minus ours, from pings, as NTP does it: the answer was made in the middle of the round trip, wrong by
 * half of it at most, so the ping with the shortest round trip of the last few is believed.
 */
export class ClockOffset {
  /** @type {{ offset: number, roundTrip: number }[]} */
  #samples = [];

  /**
   * @param {number} [keep] how many pings are compared; fewer follow a drifting clock faster
   * @param {number} [enough] how many are needed: the first ones wait for a page that is busy being built
   */
  constructor(keep = 12, enough = 3) {
    this.keep = keep;
    this.enough = enough;
  }

  /**
   * @param {number} sent our clock at the ping (µs)
   * @param {number} received our clock at the pong (µs)
   * @param {number} server the server's clock at its answer (µs)
   */
  add(sent, received, server) {
    if (received < sent) return;
    this.#samples.push({ offset: server - (sent + received) / 2, roundTrip: received - sent });
    if (this.#samples.length > this.keep) this.#samples.shift();
  }

  /** Forget all pings: after a sleep the clocks may have moved apart. */
  clear() {
    this.#samples = [];
  }

  get #best() {
    return this.#samples.reduce((best, sample) => (sample.roundTrip < best.roundTrip ? sample : best), {
      offset: 0,
      roundTrip: Infinity,
    });
  }

  /** Whether enough pings came back. */
  get known() {
    return this.#samples.length >= this.enough;
  }

  /** Microseconds to add to our clock to have the server's. */
  get offset() {
    return this.#best.offset;
  }

  /** Half of the best round trip: how wrong `offset` can be (µs). */
  get uncertainty() {
    return this.#best.roundTrip / 2;
  }
}

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

/** Values of the last minute, and their percentiles. */
export class Window {
  /** @type {{ at: number, value: number }[]} */
  #values = [];

  /** @param {number} [length] in ms */
  constructor(length = 60_000) {
    this.length = length;
  }

  /**
   * @param {number} at when, in ms
   * @param {number} value
   */
  add(at, value) {
    this.#values.push({ at, value });
    this.#forget(at);
  }

  /**
   * The value below which the share `p` (0…1) lies, by nearest rank; `null` without values.
   * @param {number} p
   * @param {number} now in ms
   */
  percentile(p, now) {
    this.#forget(now);
    const sorted = this.#values.map(({ value }) => value).sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? null;
  }

  /** @param {number} now */
  #forget(now) {
    const stale = this.#values.findIndex(({ at }) => at >= now - this.length);
    if (stale) this.#values.splice(0, stale < 0 ? this.#values.length : stale);
  }
}
