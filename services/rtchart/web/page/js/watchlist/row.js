/** One row of the list: a link with the symbol, the line of its last hour, its price and its day. */

import { isSilent } from "../client/status.js";
import { make, write } from "../lib/dom.js";
import * as format from "../lib/format.js";
import { texts, venue } from "../texts.js";
import { freshness } from "./entry.js";
import { path, trend } from "./spark.js";

/** @import { Zone } from "../lib/zone.js" */
/** @import { Entry } from "./entry.js" */

const WIDTH = 40;
const HEIGHT = 22;
const SVG = "http://www.w3.org/2000/svg";

export class Row {
  item = make("li");
  link = this.item.appendChild(make("a"));
  #name = this.link.appendChild(make("span", "name"));
  #spark = this.link.appendChild(document.createElementNS(SVG, "svg"));
  #line = this.#spark.appendChild(document.createElementNS(SVG, "path"));
  #price = this.link.appendChild(make("span", "number"));
  #facts = this.link.appendChild(make("span", "facts"));
  #age = this.#facts.appendChild(make("span", "age"));
  /** What keeps it from being live, the venue where there is more than one, else the day's volume. */
  #detail = this.#facts.appendChild(make("span", "detail"));
  #change = this.link.appendChild(make("span", "number change"));

  /** @param {() => Zone} zone in which times are written */
  constructor(zone) {
    this.zone = zone;
    this.#name.dir = "auto";
    this.#spark.setAttribute("class", "spark");
    this.#spark.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.#spark.setAttribute("aria-hidden", "true");
  }

  /**
   * Show this entry from now on.
   * @param {Entry} entry
   * @param {string} address what the link leads to
   * @param {"active" | "beside" | undefined} shown whether a chart shows it
   */
  bind({ key, info }, address, shown) {
    this.link.dataset.key = key;
    this.link.href = address;
    if (shown === "active") this.link.setAttribute("aria-current", "page");
    else this.link.removeAttribute("aria-current");
    this.link.toggleAttribute("data-shown", shown === "beside");
    this.item.dataset.status = info.status;
    this.item.title = info.detail ?? "";
    write(this.#name, info.symbol);
  }

  /**
   * Draw what is known of its entry.
   * @param {Entry} entry
   * @param {boolean} venues whether there is more than one venue
   * @param {number} now the server's time in ms
   */
  draw(entry, venues, now) {
    entry.changed = false;
    const { info, ticker } = entry;
    if (ticker) entry.precision = Math.max(entry.precision, format.decimals([ticker.price, ticker.open]));
    const price = ticker?.price ?? info.price;
    write(this.#price, price ? format.price(price, entry.precision) : "");
    write(this.#change, ticker ? format.change(ticker.open, ticker.price) : "");
    const volume = ticker ? texts.volume(format.compact(ticker.volume)) : "";
    write(this.#detail, isSilent(info.status) ? (texts.statuses[info.status] ?? "") : venues ? venue(info.exchange) : volume);
    const direction = ticker ? format.direction(ticker.open, ticker.price) : "";
    if (this.item.dataset.direction !== direction) this.item.dataset.direction = direction;
    this.#drawSpark(entry);
    this.age(entry, now);
  }

  /**
   * Say how old what it shows is.
   * @param {Entry} entry
   * @param {number} now the server's time in ms
   */
  age(entry, now) {
    const { state, seconds, until } = freshness(entry, now);
    if (this.item.dataset.fresh !== state) this.item.dataset.fresh = state;
    write(this.#age, state === "late" || state === "stale" ? texts.watchlist.ago(seconds) : "");
    const title = state && texts.watchlist.last(this.zone().time(until, { seconds: true }), this.zone().label);
    if (this.#age.title !== title) this.#age.title = title;
  }

  /** @param {Entry} entry */
  #drawSpark({ spark }) {
    const drawn = spark ? path(spark.closes, WIDTH, HEIGHT) : "";
    if (this.#line.getAttribute("d") !== drawn) this.#line.setAttribute("d", drawn);
    const went = spark ? trend(spark.closes) : "";
    if (this.#spark.dataset.trend !== went) this.#spark.dataset.trend = went;
  }
}
