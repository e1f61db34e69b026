/** The price card: the last price, its change, and the candle under the crosshair, or else the newest. */

import { find, make, write } from "./dom.js";
import * as format from "./format.js";
import { texts } from "./texts.js";

/** @import { Condition } from "./completeness.js" */
/** @import { Candle, Ticker } from "./protocol.js" */

const FIELDS = /** @type {const} */ (["open", "high", "low", "close", "volume", "trades", "seconds"]);

export class Card {
  #price = find("card-price", HTMLElement);
  #change = find("card-change", HTMLSpanElement);
  #values = find("card-values", HTMLDListElement);
  #fields = new Map(FIELDS.map((name) => [name, this.#field(name)]));

  constructor() {
    this.#change.title = texts.card.change;
  }

  /**
   * @param {string | undefined} price the last one
   * @param {Ticker | undefined} ticker of the shown symbol
   * @param {number} precision
   */
  showPrice(price, ticker, precision) {
    write(this.#price, price ? format.price(price, precision) : "–");
    write(this.#change, price && ticker ? format.change(ticker.open, price) : "");
    const percent = price && ticker ? (format.changePercent(ticker.open, price) ?? 0) : 0;
    this.#change.dataset.direction = percent > 0 ? "up" : percent < 0 ? "down" : "";
  }

  /**
   * @param {Candle | undefined} candle
   * @param {number} precision
   * @param {Condition} condition
   * @param {number} now in ms
   */
  showCandle(candle, precision, condition, now) {
    for (const name of /** @type {const} */ (["open", "high", "low", "close"])) {
      this.#write(name, candle ? format.price(candle[name], precision) : "–");
    }
    this.#write("volume", candle ? format.compact(candle.volume) : "–");
    this.#write("trades", candle ? format.compact(candle.trades) : "–");
    const mark = candle?.source === "venue" ? texts.card.venueMark : "";
    this.#write("seconds", candle ? `${format.count(candle.received)}/${format.count(candle.expected)}${mark}` : "–");
    const seconds = this.#fields.get("seconds");
    if (!seconds) return;
    seconds.classList.toggle("incomplete", candle !== undefined && condition === "lacking");
    seconds.title = candle ? said(candle, condition, now) : "";
    const rising = candle && Number(candle.close) >= Number(candle.open);
    this.#values.dataset.direction = candle ? (rising ? "up" : "down") : "";
  }

  /** @param {typeof FIELDS[number]} name */
  #field(name) {
    const group = this.#values.appendChild(make("div", `field ${name}`));
    const term = group.appendChild(make("dt"));
    const abbreviation = term.appendChild(make("abbr", "", texts.card[name]));
    abbreviation.title = texts.card.names[name];
    return group.appendChild(make("dd"));
  }

  /**
   * @param {typeof FIELDS[number]} name
   * @param {string} text
   */
  #write(name, text) {
    const field = this.#fields.get(name);
    if (field) write(field, text);
  }
}

/**
 * @param {Candle} candle
 * @param {Condition} condition
 * @param {number} now
 */
function said(candle, condition, now) {
  if (condition === "whole" && candle.source === "venue") return texts.card.venue;
  if (condition === "whole") return candle.closed ? texts.card.whole : texts.card.forming;
  if (condition === "coming") return texts.card.coming;
  if (condition === "began") return texts.card.began;
  const elapsed = candle.closed ? candle.expected : Math.floor((now - candle.open_time) / 1000);
  return texts.card.incomplete(elapsed - candle.received);
}
