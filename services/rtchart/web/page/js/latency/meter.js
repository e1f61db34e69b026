/** What this browser measures of latency: by stage over the last minute, and what it reports to the server. No DOM. */

import { ClockOffset } from "../client/clock.js";
import { duration } from "../lib/format.js";
import { texts } from "../texts.js";
import { PARTS, WHOLE, Window, stages } from "./latency.js";

/** @import { Sample, Stamps } from "../client/protocol.js" */
/** @import { Stage } from "./latency.js" */

/** @typedef {{ stage: Stage, p50: number, p99: number }} Measured A stage over the last minute, in ms. */

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

  /** When the last second was painted (ms, our clock); 0: none was. */
  now = 0;

  /**
   * The latency of a stage that the share `p` (0…1) stayed below in the minute before the last second, in ms; `null` when
   * nothing was measured.
   * @param {Stage} stage
   * @param {number} p
   */
  percentile(stage, p) {
    return this.#windows.get(stage)?.percentile(p, this.now) ?? null;
  }

  /**
   * The median of a stage.
   * @param {Stage} stage
   */
  median(stage) {
    return this.percentile(stage, 0.5);
  }

  /**
   * Each stage in its order, and the whole way last; empty when nothing was measured.
   * @returns {Measured[]}
   */
  summary() {
    return [...PARTS, WHOLE].flatMap((stage) => {
      const [p50, p99] = this.#windows.get(stage)?.percentiles([0.5, 0.99], this.now) ?? [];
      return p50 === undefined || p99 === undefined ? [] : [{ stage, p50, p99 }];
    });
  }

  /** What is known of the server's clock, for people; empty while it is nothing. */
  get clockText() {
    const { known, offset, uncertainty } = this.clock;
    return known ? texts.clock(duration(offset / 1000), duration(uncertainty / 1000)) : "";
  }

  /**
   * The last minute for people: a line for each stage, and one for the clock.
   * @param {readonly Measured[]} [summary] when it is at hand
   */
  lines(summary = this.summary()) {
    const lines = summary.map(({ stage, p50, p99 }) =>
      texts.stageLine(texts.stages[stage] ?? stage, duration(p50), duration(p99)),
    );
    return this.clockText ? [...lines, this.clockText] : lines;
  }

  /** What was measured since the last report. */
  takeReport() {
    return this.#report.splice(0);
  }
}

/**
 * Two latencies as one reads them together: `38 / 61 ms`, `850 ms / 1.2 s`.
 * @param {number} p50
 * @param {number} p99
 */
export function pair(p50, p99) {
  const [[amount = "", unit], [, other]] = [duration(p50).split(" "), duration(p99).split(" ")];
  return `${unit === other ? amount : `${amount} ${unit}`} / ${duration(p99)}`;
}
