/** The head of the chart pane: which symbol, from where, and in which interval. */

import { make, part, write } from "../lib/dom.js";
import { texts, venue } from "../texts.js";

/** @import { View } from "../client/protocol.js" */

export class Tab {
  #symbol;
  #venue;
  #intervals;
  #chart;

  /**
   * @param {Element} root of the panel
   * @param {(interval: string) => void} onInterval
   */
  constructor(root, onInterval) {
    this.#symbol = part(root, "tab-symbol", HTMLElement);
    this.#venue = part(root, "tab-venue", HTMLElement);
    this.#intervals = part(root, "intervals", HTMLDivElement);
    this.#chart = part(root, "chart", HTMLDivElement);
    this.#intervals.addEventListener("click", ({ target }) => {
      if (target instanceof HTMLButtonElement) onInterval(target.value);
    });
  }

  /**
   * @param {View} view
   * @param {readonly string[]} intervals those that the symbol has
   */
  show(view, intervals) {
    write(this.#symbol, view.symbol);
    write(this.#venue, venue(view.exchange));
    this.#venue.dataset.exchange = view.exchange;
    this.#chart.setAttribute("aria-label", texts.chart(view.symbol, venue(view.exchange), view.interval));
    const known = [...this.#intervals.children].map((button) => button.textContent).join();
    if (known !== intervals.join()) this.#intervals.replaceChildren(...intervals.map(button));
    for (const child of this.#intervals.children) {
      const before = child.getAttribute("aria-pressed");
      const pressed = String(child.textContent === view.interval);
      child.setAttribute("aria-pressed", pressed);
      if (pressed === "true" && before !== pressed) child.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }
}

/** @param {string} interval */
function button(interval) {
  const element = make("button", "", interval);
  element.type = "button";
  element.value = interval;
  return element;
}
