/** Light, dark or as the system has it; and the colours of the canvas, which come from the style sheet like all others. */

import { recall, remember } from "../lib/memory.js";

const KEY = "theme";
const CHOICES = /** @type {const} */ (["system", "light", "dark"]);

/** @typedef {typeof CHOICES[number]} Choice */

/** The colours that the chart draws with, by the names of their custom properties. */
const COLOURS = /** @type {const} */ ([
  "editor", "text", "muted", "grid", "line", "accent", "up", "down", "warn", "warn-fill", "up-volume", "down-volume", "missing", "coming", "area-top", "area-bottom", "study-1", "study-2", "study-3", "study-4",
]); // prettier-ignore

/** @typedef {Record<typeof COLOURS[number], string>} Palette */

export class Theme {
  #dark = matchMedia("(prefers-color-scheme: dark)");
  /** @type {Choice} */
  #choice;

  /**
   * @param {(palette: Palette) => void} onChange called once now, and at each change
   * @param {string | null} [said] instead of what this browser remembers
   */
  constructor(onChange, said) {
    this.onChange = onChange;
    this.#choice = CHOICES.find((choice) => choice === (said ?? recall(KEY))) ?? "system";
    this.#dark.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  get choice() {
    return this.#choice;
  }

  /** The next choice: system, light, dark, and round again. */
  next() {
    this.#choice = CHOICES[(CHOICES.indexOf(this.#choice) + 1) % CHOICES.length] ?? "system";
    remember(KEY, this.#choice);
    this.#apply();
  }

  /** @param {boolean} swapped whether rising is red and falling green, as in East Asia */
  set swapped(swapped) {
    document.documentElement.toggleAttribute("data-swapped", swapped);
    this.onChange(palette());
  }

  #apply() {
    document.documentElement.dataset.theme = this.#choice;
    this.onChange(palette());
  }
}

/**
 * The style sheet's colours as the browser resolves them now, in a form that a canvas takes.
 * @returns {Palette}
 */
function palette() {
  const probe = document.body.appendChild(document.createElement("i"));
  const colours = COLOURS.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(colours);
}
