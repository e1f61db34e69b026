/** Something done at once and then again and again, for as long as somebody looks. No DOM. */

export class Poll {
  #running = false;
  #acting = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {() => Promise<number> | void} act may resolve to how long to wait at least (ms); it does not reject
   * @param {number} every how long after its end it is done again (ms)
   */
  constructor(act, every) {
    this.act = act;
    this.every = every;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    if (!this.#acting) void this.#run();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  async #run() {
    this.#acting = true;
    const wait = await this.act();
    this.#acting = false;
    if (this.#running) this.#timer = setTimeout(() => void this.#run(), Math.max(this.every, wait ?? 0));
  }
}
