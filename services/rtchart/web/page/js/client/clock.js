/** This machine's clock, and how far the server's is from it. No DOM. */

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
  /** The offset before the pings were forgotten: a clock that was wrong still is, until it is known better. */
  #before = 0;

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
    this.#before = this.offset;
    this.#samples = [];
  }

  get #best() {
    return this.#samples.reduce((best, sample) => (sample.roundTrip < best.roundTrip ? sample : best), {
      offset: this.#before,
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
