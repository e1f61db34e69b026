/** Times as people write them, in the zone that they chose. Days and longer periods are UTC's everywhere: the exchange's. */

import { texts } from "../texts.js";

/** What stands for the zone of this machine. */
export const LOCAL = "local";
export const UTC = "UTC";

/**
 * @typedef {object} Show
 * @property {boolean} [clock] whether there is a time of day; without one the date is UTC's
 * @property {boolean} [seconds]
 */

export class Zone {
  /** @type {Intl.DateTimeFormat} */
  #format;

  /** @param {string} [name] of the time zone database, or `local`; one that is not known here is UTC */
  constructor(name = UTC) {
    this.name = name;
    try {
      this.#format = formatOf(name === LOCAL ? undefined : name);
    } catch {
      this.name = UTC;
      this.#format = formatOf(UTC);
    }
    /** As people are told of it: `UTC`, `Europe/Berlin`. */
    this.label = this.#format.resolvedOptions().timeZone;
  }

  /**
   * Year, month, day, hour, minute and second, each with its leading zeros.
   * @param {number} ms
   */
  #parts(ms) {
    return Number.isFinite(ms) ? (this.#format.format(ms).match(/\d+/g) ?? []) : [];
  }

  /**
   * `2025-11-14 09:26`, as exact as it is asked for.
   * @param {number} ms
   * @param {Show} [show]
   */
  time(ms, { clock = true, seconds = false } = {}) {
    if (!Number.isFinite(ms)) return "";
    if (!clock) return new Date(ms).toISOString().slice(0, 10);
    const [year, month, day, hour, minute, second] = this.#parts(ms);
    return `${year}-${month}-${day} ${hour}:${minute}${seconds ? `:${second}` : ""}`;
  }

  /**
   * What stands below the chart: a time of day, at midnight the day, and where a month or a year begins that.
   * @param {number} ms
   * @param {Show} [show]
   */
  mark(ms, { clock = true } = {}) {
    if (!Number.isFinite(ms)) return ""; // the library asks for such while it has no candle
    const [year = "", month = "", day = "", hour = "", minute = "", second = ""] = clock
      ? this.#parts(ms)
      : (new Date(ms).toISOString().match(/\d+/g) ?? []);
    if (clock && (hour !== "00" || minute !== "00" || second !== "00")) {
      return second === "00" ? `${hour}:${minute}` : `${hour}:${minute}:${second}`;
    }
    if (day !== "01") return `${texts.months[Number(month) - 1]} ${Number(day)}`;
    return month === "01" ? year : (texts.months[Number(month) - 1] ?? "");
  }

  /**
   * The moment (ms) at which clocks of the zone show a time; the earlier one where they show it twice.
   * @param {string} text such as `2025-11-14T09:26` or `2025-11-14T09:26:30`
   * @returns {number} `NaN` for what is no time
   */
  parse(text) {
    const wanted = Date.parse(`${text}${text.length === 16 ? ":00" : ""}Z`);
    // What the clocks there show lies at most a day from what those of UTC do; the second step lands across a change of theirs.
    let at = wanted;
    for (let step = 0; step < 2 && Number.isFinite(at); step += 1) at += wanted - this.#shown(at);
    const hour = 3_600_000;
    return this.#shown(at - hour) === wanted ? at - hour : at;
  }

  /**
   * What clocks there show at a moment, as if it were UTC.
   * @param {number} ms
   */
  #shown(ms) {
    const [year, month, day, hour, minute, second] = this.#parts(ms);
    return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  }
}

/** The zones that this browser knows, UTC and the machine's own first. */
export const zones = () => [UTC, LOCAL, ...Intl.supportedValuesOf("timeZone").filter((name) => name !== UTC)];

/** @param {string | undefined} timeZone */
const formatOf = (timeZone) =>
  new Intl.DateTimeFormat("sv-SE", {
    ...(timeZone && { timeZone }),
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
