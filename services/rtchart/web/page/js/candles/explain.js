/** What people are told about a period that is not whole: what lacks, why, and what is being done. No DOM. */

import { isDaily, isHole, isSeconds, nextOpen } from "../client/interval.js";
import * as format from "../lib/format.js";
import { texts } from "../texts.js";

/** @import { Zone } from "../lib/zone.js" */
/** @import { Band } from "./bands.js" */
/** @import { Condition } from "./completeness.js" */
/** @import { Candle, Gap } from "../client/protocol.js" */
/** @import { Store } from "../client/store.js" */

/** Gaps that are told one by one; of more their number. */
const MOST = 3;

/**
 * @typedef {object} Known
 * @property {Store} store
 * @property {readonly Gap[]} gaps
 * @property {(candle: Candle) => Condition} condition
 */

/**
 * Lines about the period that opens at `openTime` (ms); none where there is nothing to say.
 * @param {number} openTime
 * @param {Known} known
 * @param {readonly Band[]} bands
 * @param {number} now in ms
 * @param {Zone} zone
 * @returns {string[]}
 */
export function explain(openTime, known, bands, now, zone) {
  const { store } = known;
  const candle = store.at(openTime);
  const end = nextOpen(store.interval, openTime);
  const condition = candle ? known.condition(candle) : "whole";
  const band = bands.find((each) => each.start < end && openTime < each.end);
  if (condition === "whole" && !band) return [];
  /** @type {string[]} */
  const lines = [];
  if (candle && condition !== "whole") {
    const elapsed = candle.closed ? candle.expected : Math.min(candle.expected, Math.floor((now - openTime) / 1000));
    lines.push(texts.tip.lacks(Math.max(0, elapsed - candle.received), elapsed));
  } else if (!candle && band) {
    lines.push(texts.tip.nothing(zone.time(band.start, { seconds: true }), zone.time(band.end, { seconds: true })));
  }
  const gaps = known.gaps.filter((gap) => gap.start < end && openTime < gap.end && gap.state !== "repaired");
  for (const gap of gaps.slice(0, MOST)) {
    const [from, to] = [zone.time(gap.start, { seconds: true }), zone.time(gap.end, { seconds: true })];
    lines.push(
      texts.tip.gap(
        from,
        to.slice(0, 10) === from.slice(0, 10) ? to.slice(11) : to,
        texts.tip.reasons[gap.reason] ?? gap.reason,
      ),
    );
  }
  if (gaps.length > MOST) lines.push(texts.tip.more(gaps.length - MOST));
  if (gaps.some(({ state }) => state === "open")) lines.push(texts.tip.open);
  else if (gaps.length) lines.push(texts.tip.absent);
  else if (condition === "coming" || band?.kind === "coming") lines.push(texts.tip.coming);
  else if (condition === "began") lines.push(texts.card.began);
  else if (condition === "lacking" || band) lines.push(texts.tip.unknown);
  return lines;
}

/**
 * How whole a candle is, in a sentence.
 * @param {Candle} candle
 * @param {Condition} condition
 * @param {number} now in ms
 */
export function sentence(candle, condition, now) {
  if (condition === "whole" && candle.source === "venue") return texts.card.venue;
  if (condition === "whole") return candle.closed ? texts.card.whole : texts.card.forming;
  if (condition === "coming") return texts.card.coming;
  if (condition === "began") return texts.card.began;
  const elapsed = candle.closed ? candle.expected : Math.floor((now - candle.open_time) / 1000);
  return texts.card.incomplete(elapsed - candle.received);
}

/**
 * A candle in words, to be read aloud: what lacks before it, its values, and how whole it is.
 * @param {Candle} candle one of the store's
 * @param {Known} known
 * @param {readonly Band[]} bands
 * @param {number} now in ms
 * @param {Zone} zone
 * @param {number} precision decimals of its prices
 */
export function reading(candle, known, bands, now, zone, precision) {
  const { store } = known;
  const { open_time, open, high, low, close } = candle;
  const before = store.candles[store.index(open_time) - 1];
  const apart = before && isHole(store.interval, before.open_time, open_time);
  const lacking = apart ? explain(nextOpen(store.interval, before.open_time), known, bands, now, zone) : [];
  const time = zone.time(open_time, { clock: !isDaily(store.interval), seconds: isSeconds(store.interval) });
  const written = (/** @type {string} */ price) => format.price(price, precision);
  const values = texts.reading(time, { open: written(open), high: written(high), low: written(low), close: written(close) });
  const told = explain(open_time, known, bands, now, zone);
  const parts = [...lacking, values, ...(told.length ? told : [sentence(candle, known.condition(candle), now)])];
  return parts.map((part) => (part.endsWith(".") ? part : `${part}.`)).join(" ");
}
