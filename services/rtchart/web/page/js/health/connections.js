/** The connection's history, as a list. */

import { make, write } from "../lib/dom.js";
import { texts } from "../texts.js";
import { elapsed } from "./elapsed.js";

/** @import { Zone } from "../lib/zone.js" */
/** @import { ConnectionLog } from "./history.js" */

/** Stretches that are seen without scrolling. */
const FEW = 6;

export class ConnectionList {
  #summary = make("p", "hint");
  #list = make("ol");

  /** @param {HTMLElement} section */
  constructor(section) {
    this.#list.setAttribute("aria-label", texts.health.connection);
    section.append(make("h3", "", texts.health.connection), this.#summary, this.#list);
  }

  /**
   * @param {ConnectionLog} log
   * @param {number} now of the log's clock (ms)
   * @param {number} ahead how far the server's clock is ahead of that (ms)
   * @param {Zone} zone
   */
  show(log, now, ahead, zone) {
    const { stretches, lost } = log;
    const away = log.away(now);
    write(this.#summary, texts.health.lost(lost, away ? elapsed(away) : "", zone.label));
    while (this.#list.children.length > stretches.length) this.#list.lastElementChild?.remove();
    // What scrolls is to be reached without a mouse.
    if (stretches.length > FEW) this.#list.tabIndex = 0;
    for (const [at, { state, since, until, tries }] of stretches.entries()) {
      const row = this.#list.children[at] ?? this.#list.appendChild(line());
      const [when, what, long] = [...row.children];
      if (!(row instanceof HTMLElement) || !when || !what || !long) continue;
      row.dataset.state = state;
      write(when, zone.time(since + ahead, { seconds: true }));
      write(what, texts.health.states[state] + (state !== "open" && tries > 1 ? texts.health.tries(tries) : ""));
      write(long, elapsed((until ?? now) - since));
    }
  }
}

function line() {
  const row = make("li");
  row.append(make("time", "number"), make("span", "state"), make("span", "number"));
  return row;
}
