/** The sidebar on a narrow screen: it covers the chart, and closes on a choice, a tap beside it, or Escape. */

import { find } from "../lib/dom.js";

export class Drawer {
  #sidebar = find("sidebar", HTMLElement);
  #backdrop = find("backdrop", HTMLDivElement);
  #opener = find("sidebar-open", HTMLButtonElement);
  /** What it covers: out of reach for the keyboard and for screen readers meanwhile. */
  #covered = document.querySelectorAll("main, footer, .skip");
  #narrow = matchMedia("(max-width: 760px)");

  constructor() {
    this.#opener.addEventListener("click", () => this.open());
    this.#backdrop.addEventListener("click", () => this.close());
    find("sidebar-close", HTMLButtonElement).addEventListener("click", () => this.close());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    this.#narrow.addEventListener("change", () => this.close());
  }

  open() {
    this.#sidebar.dataset.open = "";
    this.#backdrop.hidden = false;
    this.#opener.setAttribute("aria-expanded", "true");
    for (const element of this.#covered) element.toggleAttribute("inert", true);
    find("filter", HTMLInputElement).focus({ preventScroll: true });
  }

  close() {
    if (!("open" in this.#sidebar.dataset)) return;
    delete this.#sidebar.dataset.open;
    this.#backdrop.hidden = true;
    this.#opener.setAttribute("aria-expanded", "false");
    for (const element of this.#covered) element.toggleAttribute("inert", false);
    this.#opener.focus();
  }
}
