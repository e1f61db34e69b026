/** What this browser measures of latency: by stage over the last minute, and what it reports to the server. No DOM. */

import { duration } from "./format.js";
import { ClockOffset, Window, stages } from "./latency.js";
import { texts } from "./texts.js";

/** @import { Sample, Stamps } from "./protocol.js" */
/** @import { Stage } from "./latency.js" */

/** Samples in a report, at most: it must stay far below the server's limit for a message. */
const MOST = 60;

export class LatencyMeter {
  clock = new ClockOffset();
  /** @type {Map<Stage, Window>} */
  #windows = new Map();
  /** @type {Sample[]} */
  #report = [];

  /**
   * A second was painted.
   * @param {Stamps} stamps
   * @param {number} sent when the server sent it (µs, its clock)
   * @param {number} painted our clock (µs)
   */
  add(stamps, sent, painted) {
    // A candle that the clock closes was made by no second: it was not consumed, and its last one may be long ago.
    if (!this.clock.known || !stamps.event_ms || !stamps.received_us || !stamps.consumed_us) return;
    const at = painted / 1000;
    const measured = stages(stamps, sent, painted + this.clock.offset);
    for (const [stage, ms] of /** @type {[Stage, number][]} */ (Object.entries(measured))) {
      let window = this.#windows.get(stage);
      if (!window) this.#windows.set(stage, (window = new Window()));
      window.add(at, ms);
    }
    // The stage that only the browser can know; the others the services measure themselves.
    const ms = Math.round(measured.sent_to_painted * 1000) / 1000;
    if (this.#report.length < MOST) this.#report.push({ stage: "sent_to_painted", ms });
    this.now = at;
  }

  /** When the last second was painted (ms). */
  now = 0;

  /**
   * The median of a stage over the last minute, in ms; `null` when nothing was measured.
   * @param {Stage} stage
   */
  median(stage) {
    return this.#windows.get(stage)?.percentile(0.5, this.now) ?? null;
  }

  /** The last minute for people: a line for each stage, and one for the clock. */
  lines() {
    const lines = [];
    for (const [stage, text] of Object.entries(texts.stages)) {
      const median = this.median(/** @type {Stage} */ (stage));
      if (median !== null) lines.push(`${text}: ${duration(median)}`);
    }
    if (this.clock.known) lines.push(texts.clock(duration(this.clock.offset / 1000), duration(this.clock.uncertainty / 1000)));
    return lines;
  }

  /** What was measured since the last report. */
  takeReport() {
    return this.#report.splice(0);
  }
}
