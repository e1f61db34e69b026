/** The status bar: connection, venue, gaps, latency, theme. */

import { LatencyBadge } from "../latency/badge.js";
import { find, write } from "../lib/dom.js";
import { texts, venue } from "../texts.js";

/** @import { Status } from "../client/connection.js" */
/** @import { LatencyMeter } from "../latency/meter.js" */
/** @import { Gap } from "../client/protocol.js" */
/** @import { Zone } from "../lib/zone.js" */
/** @import { Theme } from "./theme.js" */

const CALM = 700;

export class StatusBar {
  #connection = find("status-connection", HTMLSpanElement);
  #venue = find("status-venue", HTMLSpanElement);
  #gaps = find("status-gaps", HTMLSpanElement);
  #latency = new LatencyBadge(find("status-latency", HTMLButtonElement));
  #zone = find("status-zone", HTMLSpanElement);
  #theme = find("theme", HTMLButtonElement);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pending;

  /** @param {Status} status */
  set connection({ state, attempt, why }) {
    clearTimeout(this.#pending);
    // Between tries it stays "Reconnecting": going back and forth with "Connecting" would flicker.
    const shown = state === "connecting" && attempt > 1 ? "waiting" : state;
    const show = () => {
      this.#connection.dataset.state = shown;
      const said = shown === "waiting" && why ? texts.serverSays(why) : "";
      this.#connection.title = texts.stateHints[shown] + said;
      write(/** @type {Element} */ (this.#connection.lastElementChild), texts.states[shown] + said);
    };
    // A connection that is back at once was no news.
    if (shown === "waiting" && this.#connection.dataset.state === "open") this.#pending = setTimeout(show, CALM);
    else show();
  }

  /** @param {string} why the server lets nobody in just now */
  set refused(why) {
    if (this.#connection.dataset.state !== "waiting") return;
    write(/** @type {Element} */ (this.#connection.lastElementChild), texts.states.waiting + texts.serverSays(why));
  }

  /** @param {string} exchange */
  set venue(exchange) {
    const simulated = exchange === "sim";
    this.#venue.dataset.exchange = exchange;
    this.#venue.title = simulated ? venue(exchange) + texts.simulated : texts.live;
    write(/** @type {Element} */ (this.#venue.firstElementChild), venue(exchange));
    write(/** @type {Element} */ (this.#venue.lastElementChild), simulated ? texts.simulated : "");
  }

  /**
   * @param {readonly Gap[]} gaps
   * @param {boolean} fetching whether the past of the symbol is being fetched
   */
  showGaps(gaps, fetching) {
    const open = gaps.filter(({ state }) => state === "open").length;
    this.#gaps.dataset.open = String(open > 0);
    this.#gaps.title = texts.gapsHint(open, gaps.filter(({ state }) => state === "absent").length);
    write(this.#gaps, fetching ? texts.fetching : texts.gaps(open));
  }

  /** @param {Zone} zone in which times are written */
  set zone(zone) {
    this.#latency.zone = zone;
    write(this.#zone, zone.label);
  }

  /** @param {LatencyMeter} meter as often as there is news */
  set latency(meter) {
    this.#latency.show(meter);
  }

  /** @param {Theme} theme */
  bindTheme(theme) {
    const label = () => {
      write(/** @type {Element} */ (this.#theme.lastElementChild), texts.theme[theme.choice]);
      this.#theme.setAttribute("aria-label", texts.theme[theme.choice]);
    };
    this.#theme.addEventListener("click", () => {
      theme.next();
      label();
    });
    label();
  }
}
