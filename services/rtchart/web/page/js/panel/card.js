/** The head of a chart: the last price, its change, and the candle under the crosshair, or else the newest. */

import { sentence } from "../candles/explain.js";
import { make, part, write } from "../lib/dom.js";
import * as format from "../lib/format.js";
import { nextOpen } from "../client/interval.js";
import { texts } from "../texts.js";

/** @import { Condition } from "../candles/completeness.js" */
/** @import { Candle, Ticker } from "../client/protocol.js" */

const FIELDS = /** @type {const} */ ([
  "open",
  "high",
  "low",
  "close",
  "move",
  "volume",
  "trades",
  "seconds",
  "source",
  "revision",
]);

export class Card {
  #price;
  #change;
  #countdown;
  #values;
  #fields;

  /** @param {Element} root of the panel */
  constructor(root) {
    this.#price = part(root, "last-price", HTMLElement);
    this.#change = part(root, "day-change", HTMLElement);
    this.#countdown = part(root, "countdown", HTMLElement);
    this.#values = part(root, "values", HTMLDListElement);
    this.#change.title = texts.card.change;
    this.#countdown.title = texts.card.countdown;
    this.#fields = new Map(FIELDS.map((name) => [name, this.#field(name)]));
  }

  /**
   * @param {string | undefined} price the last one
   * @param {Ticker | undefined} ticker of the shown symbol
   * @param {number} precision
   */
  showPrice(price, ticker, precision) {
    write(this.#price, price ? format.price(price, precision) : "–");
    write(this.#change, price && ticker ? format.change(ticker.open, price) : "");
    this.#change.dataset.direction = price && ticker ? format.direction(ticker.open, price) : "";
  }

  /**
   * How long the newest candle still has.
   * @param {Candle | undefined} newest
   * @param {string} interval
   * @param {number} now in ms
   */
  showCountdown(newest, interval, now) {
    const left = newest && !newest.closed ? nextOpen(interval, newest.open_time) - now : 0;
    write(this.#countdown, left > 0 ? format.clock(left) : "");
  }

  /**
   * @param {Candle | undefined} candle
   * @param {Candle | undefined} before the candle before it
   * @param {number} precision
   * @param {Condition} condition
   * @param {number} now in ms
   */
  showCandle(candle, before, precision, condition, now) {
    for (const name of /** @type {const} */ (["open", "high", "low", "close"])) {
      this.#write(name, candle ? format.price(candle[name], precision) : "–");
    }
    const from = candle && (before?.close ?? candle.open);
    this.#write("move", candle && from ? format.change(from, candle.close) : "–");
    const move = this.#fields.get("move");
    if (move) move.dataset.direction = candle && from ? format.direction(from, candle.close) : "";
    this.#write("volume", candle ? format.compact(candle.volume) : "–");
    this.#write("trades", candle ? format.compact(candle.trades) : "–");
    const mark = candle?.source === "venue" ? texts.card.venueMark : "";
    this.#write("seconds", candle ? `${format.count(candle.received)}/${format.count(candle.expected)}${mark}` : "–");
    this.#write("source", candle ? (texts.card.sources[candle.source] ?? candle.source) : "–");
    this.#write("revision", candle ? String(candle.revision || "–") : "–");
    const seconds = this.#fields.get("seconds");
    if (!seconds) return;
    seconds.classList.toggle("incomplete", candle !== undefined && condition === "lacking");
    seconds.title = candle ? sentence(candle, condition, now) : "";
    const rising = candle && Number(candle.close) >= Number(candle.open);
    this.#values.dataset.direction = candle ? (rising ? "up" : "down") : "";
  }

  /** @param {typeof FIELDS[number]} name */
  #field(name) {
    const group = this.#values.appendChild(make("div", `field ${name}`));
    const term = group.appendChild(make("dt"));
    const abbreviation = term.appendChild(make("abbr", "", texts.card[name]));
    abbreviation.title = texts.card.names[name];
    return group.appendChild(make("dd", name === "move" ? "change" : ""));
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
