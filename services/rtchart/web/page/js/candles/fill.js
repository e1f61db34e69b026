/** Filling the holes of a chart of seconds: longer candles get a revision when a gap is repaired, seconds are asked for. */

/** @import { CandlePage } from "../client/protocol.js" */
/** @import { Store } from "../client/store.js" */

/**
 * @typedef {object} Asking How seconds of a store are asked for.
 * @property {(start: number, end: number) => Promise<CandlePage>} fetch the first candles of a range, as many as fit a page
 * @property {() => boolean} wanted whether the store is still shown
 * @property {() => void} onNews something came
 */

/** Between two questions (ms): what was repaired is told of when Kafka has it, and is in the database a little later. */
export const PAUSE = 1_000;
/** Questions in a row that bring nothing, before what lacks is left to the next reconnect. */
export const TRIES = 5;

/**
 * Ask for what `store` lacks of a range that was repaired, until it lacks nothing, nobody wants it any more, or nothing comes.
 * @param {Store} store
 * @param {{ start: number, end: number }} range in ms
 * @param {Asking} asking
 * @param {number} [pause]
 */
export async function fill(store, { start, end }, { fetch, wanted, onNews }, pause = PAUSE) {
  for (let tries = TRIES; tries > 0; tries -= 1) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const hole = wanted() && store.holes().find((each) => each.start < end && start < each.end);
    if (!hole) return;
    const page = await fetch(Math.max(hole.start, start), end).catch(() => null);
    if (!wanted()) return;
    if (page && store.mergeAll(page.candles)) {
      onNews();
      tries = TRIES + 1; // a long range comes page by page
    }
  }
}
