/** The latency in the status bar: two numbers of the last minute, and a bar of the stages that the median is made of. */

import { nowUs } from "../client/clock.js";
import { make, part, write } from "../lib/dom.js";
import { Zone } from "../lib/zone.js";
import { texts } from "../texts.js";
import { PARTS, WHOLE, shares } from "./latency.js";
import { pair } from "./meter.js";

/** @import { LatencyMeter } from "./meter.js" */

/** Percentiles are sorted for, and nobody reads more often (ms). */
const EVERY = 500;
/** Without a painted second for this long the numbers are no longer those of now (ms). */
const QUIET = 5_000;

export class LatencyBadge {
  #zone = new Zone();
  /** @type {LatencyMeter | undefined} what is drawn */
  #meter;
  #bar;
  #number;
  /** @type {HTMLElement[]} */
  #segments;
  #drawn = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #next;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #quiet;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.#bar = part(element, "stages", HTMLSpanElement);
    this.#number = part(element, "number", HTMLSpanElement);
    this.#segments = PARTS.map((stage) => {
      const segment = make("i", "stage");
      segment.dataset.stage = stage;
      return segment;
    });
    this.#bar.append(...this.#segments);
  }

  /**
   * To be called as often as there is news; it is drawn at most twice a second.
   * @param {LatencyMeter} meter
   */
  show(meter) {
    if (this.#next !== undefined) return;
    const wait = this.#drawn + EVERY - performance.now();
    if (wait <= 0) return this.#draw(meter);
    this.#next = setTimeout(() => {
      this.#next = undefined;
      this.#draw(meter);
    }, wait);
  }

  /** @param {Zone} zone in which times are written */
  set zone(zone) {
    this.#zone = zone;
    if (this.#meter) this.#draw(this.#meter);
  }

  /** @param {LatencyMeter} meter */
  #draw(meter) {
    this.#meter = meter;
    this.#drawn = performance.now();
    const summary = meter.summary();
    const whole = summary.find(({ stage }) => stage === WHOLE);
    const numbers = whole ? pair(whole.p50, whole.p99) : texts.noLatency;
    write(this.#number, numbers);
    this.element.setAttribute("aria-label", texts.latencyName(numbers));
    const found = shares(PARTS.map((part) => summary.find(({ stage }) => stage === part)?.p50 ?? 0));
    for (const [at, segment] of this.#segments.entries()) segment.style.width = `${((found[at] ?? 0) * 100).toFixed(2)}%`;
    this.#bar.classList.toggle("none", !whole); // it keeps its room

    clearTimeout(this.#quiet);
    const left = meter.now + QUIET - nowUs() / 1000;
    const quiet = Boolean(whole) && left <= 0;
    if (whole && !quiet) this.#quiet = setTimeout(() => this.#draw(meter), left + 1);
    this.element.dataset.quiet = String(quiet);
    const since = () => this.#zone.time(meter.now + meter.clock.offset / 1000, { seconds: true });
    const last = quiet ? [texts.quiet(since(), this.#zone.label)] : [];
    const title = [texts.latencyHint, ...last, ...meter.lines(summary)].join("\n");
    if (this.element.title !== title) this.element.title = title;
  }
}
