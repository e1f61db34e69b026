/** The charts side by side: one, two or four; one of them is the active one, and their crosshairs stand at the same time. */

import { Panel } from "./panel.js";

/** @import { CandleMessage, Frame } from "../client/protocol.js" */
/** @import { Zone } from "../lib/zone.js" */
/** @import { Chosen } from "../shell/menu.js" */
/** @import { Palette } from "../shell/theme.js" */
/** @import { Source } from "./timeline.js" */

/** How many there can be. */
export const COUNTS = /** @type {const} */ ([1, 2, 4]);

/**
 * @typedef {object} Handlers
 * @property {(text: string) => void} onRead this is to be read out
 * @property {() => void} onActive another one is the active one
 * @property {(panel: Panel, interval: string) => void} onInterval
 * @property {((panel: Panel, price: string) => void) | null} onMenu
 * @property {(panel: Panel) => void} onGaps
 * @property {(message: CandleMessage, frame: Frame) => void} onDrawn
 */

/**
 * The layout for so many charts.
 * @param {number} charts
 */
export const layoutFor = (charts) => COUNTS.find((count) => count >= charts) ?? 4;

export class Panels {
  /** @type {Panel[]} */
  all = [];
  #active = 0;
  /** @type {Panel | undefined} the one that has the pointer */
  #pointed;
  /** @type {Chosen | null} */
  #chosen = null;
  /** @type {Palette | null} */
  #palette = null;
  /** @type {Zone} */
  #zone;

  /**
   * @param {HTMLElement} root
   * @param {HTMLTemplateElement} template
   * @param {Source} source
   * @param {Zone} zone
   * @param {Handlers} handlers
   */
  constructor(root, template, source, zone, handlers) {
    this.root = root;
    this.template = template;
    this.source = source;
    this.#zone = zone;
    this.handlers = handlers;
    this.count = 1;
  }

  /** @returns {Panel} */
  get active() {
    return /** @type {Panel} */ (this.all[this.#active]);
  }

  get activeIndex() {
    return this.#active;
  }

  /** @param {number} index */
  set activeIndex(index) {
    this.#active = Math.min(index, this.all.length - 1);
    for (const [at, { element }] of this.all.entries()) element.toggleAttribute("data-active", at === this.#active);
  }

  /** @param {number} count of charts: 1, 2 or 4 */
  set count(count) {
    while (this.all.length > count) {
      const panel = this.all.pop();
      panel?.close();
      if (panel !== this.#pointed) continue;
      this.#pointed = undefined;
      for (const { view } of this.all) view.point(null);
    }
    while (this.all.length < count) this.#add();
    this.root.dataset.count = String(count);
    this.activeIndex = this.#active;
  }

  get count() {
    return this.all.length;
  }

  /** What is shown, chart by chart. */
  get shown() {
    return this.all.flatMap(({ shown }) => shown ?? []);
  }

  /** @param {Chosen} chosen how all are drawn */
  look(chosen) {
    this.#chosen = chosen;
    for (const panel of this.all) panel.look(chosen);
  }

  /** @param {Palette} palette */
  set palette(palette) {
    this.#palette = palette;
    for (const { view } of this.all) view.redraw((chart) => chart.setPalette(palette));
  }

  /** @param {Zone} zone */
  set zone(zone) {
    this.#zone = zone;
    for (const panel of this.all) {
      panel.zone = zone;
      panel.view.redraw((chart) => (chart.zone = zone));
      panel.tick();
    }
  }

  /** A second has passed. */
  tick() {
    for (const panel of this.all) panel.tick();
  }

  #add() {
    const { handlers } = this;
    const panel = new Panel(this.template, this.source, this.#zone, {
      ...handlers,
      onActive: (chosen) => {
        const index = this.all.indexOf(chosen);
        if (index < 0 || index === this.#active) return;
        this.activeIndex = index;
        handlers.onActive();
      },
      onHover: (from, place) => {
        if (place) this.#pointed = from;
        if (this.#pointed !== from) return; // it follows another one
        for (const other of this.all) if (other !== from) other.view.point(place?.openTime ?? null);
      },
    });
    this.root.append(panel.element);
    if (!this.all.length) panel.element.querySelector(".chart")?.setAttribute("id", "chart"); // where the skip link leads
    this.all.push(panel);
    if (this.#palette) panel.view.chart.setPalette(this.#palette);
    if (this.#chosen) panel.look(this.#chosen);
  }
}
