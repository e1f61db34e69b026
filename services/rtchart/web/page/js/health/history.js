/** What became of the connection since the page was opened. No DOM. */

/** @import { Status } from "../client/connection.js" */

/**
 * @typedef {object} Stretch How long the connection was in one state; the tries to get it back are one stretch.
 * @property {Status["state"]} state
 * @property {number} since in ms
 * @property {number | null} until `null`: it still is
 * @property {number} tries how often it was tried to connect
 */

/** Stretches that are kept. */
const MOST = 50;

export class ConnectionLog {
  /** @type {Stretch[]} */
  #stretches = [];
  #away = 0;
  #lost = 0;

  /**
   * @param {Status} status
   * @param {number} at when, in ms
   */
  add({ state }, at) {
    const last = this.#stretches.at(-1);
    const tries = Number(state === "connecting");
    if (last && (last.state === "open") === (state === "open")) {
      last.tries += tries;
      // A device without a network explains a loss; a try says nothing new of it.
      if (!tries && last.state !== "offline") last.state = state;
      return;
    }
    if (last) {
      last.until = at;
      if (last.state === "open") this.#lost += 1;
      this.#away += away(last, at);
    }
    this.#stretches.push({ state: last && tries ? "waiting" : state, since: at, until: null, tries });
    if (this.#stretches.length > MOST) this.#stretches.shift();
  }

  /** The last stretches, newest first. */
  get stretches() {
    return this.#stretches.toReversed();
  }

  /** How often it was lost. */
  get lost() {
    return this.#lost;
  }

  /**
   * How long there was none, in ms; the connect at the page's beginning is none of that, unless it failed.
   * @param {number} now
   */
  away(now) {
    const last = this.#stretches.at(-1);
    return this.#away + (last?.until === null ? away(last, now) : 0);
  }
}

/**
 * @param {Stretch} stretch
 * @param {number} now
 */
function away({ state, since, until }, now) {
  return state === "waiting" || state === "offline" ? Math.max(0, (until ?? now) - since) : 0;
}
