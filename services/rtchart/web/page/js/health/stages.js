/** Latency by stage, as a table. */

import { duration } from "../lib/format.js";
import { make, write } from "../lib/dom.js";
import { WHOLE, shares } from "../latency/latency.js";
import { texts } from "../texts.js";
import { head } from "./table.js";

/** @import { LatencyMeter } from "../latency/meter.js" */
/** @import { Stage } from "../latency/latency.js" */

export class StageTable {
  #table = make("table");
  #none = make("p", "", texts.health.unmeasured);
  #clock = make("p", "hint");
  /** @type {Map<Stage, { row: HTMLTableRowElement, p50: Element, p99: Element, share: HTMLElement, percent: Element }>} */
  #rows = new Map();
  #body;

  /** @param {HTMLElement} section */
  constructor(section) {
    const { stage, p50, p99, share } = texts.health.stageColumns;
    this.#table.append(make("caption", "", texts.health.stageCaption), head([stage], [p50, p99, share]));
    this.#body = this.#table.createTBody();
    section.append(make("h3", "", texts.health.latency), this.#none, this.#table, this.#clock);
  }

  /** @param {LatencyMeter} meter */
  show(meter) {
    const summary = meter.summary();
    this.#none.hidden = summary.length > 0;
    this.#table.hidden = !summary.length;
    const found = shares(summary.map(({ stage, p50 }) => (stage === WHOLE ? 0 : p50)));
    for (const [at, { stage, p50, p99 }] of summary.entries()) {
      const row = this.#row(stage);
      const share = found[at] ?? 0;
      write(row.p50, duration(p50));
      write(row.p99, duration(p99));
      row.share.style.width = `${(share * 100).toFixed(2)}%`;
      if (stage !== WHOLE) write(row.percent, `${Math.round(share * 100)} %`);
    }
    write(this.#clock, meter.clockText);
  }

  /** @param {Stage} stage */
  #row(stage) {
    const known = this.#rows.get(stage);
    if (known) return known;
    const row = this.#body.insertRow();
    row.dataset.stage = stage;
    const name = make("th");
    name.scope = "row";
    name.append(make("i", "stage"), texts.stages[stage] ?? stage);
    const [p50, p99, last] = [make("td", "number"), make("td", "number"), make("td", "number")];
    const [share, percent] = [make("i", "stage"), make("span")];
    const bar = make("span", "bar");
    bar.append(share);
    if (stage !== WHOLE) last.append(bar, percent);
    row.append(name, p50, p99, last);
    const made = { row, p50, p99, share, percent };
    this.#rows.set(stage, made);
    return made;
  }
}
