/** What people have as they like it, whatever a link shows: time zone, colours, and whether the price is read out. */

import { find } from "../lib/dom.js";
import { recall, remember } from "../lib/memory.js";
import { LOCAL, UTC, Zone, zones } from "../lib/zone.js";
import { texts } from "../texts.js";

/** @typedef {{ zone: Zone, swapped: boolean, spoken: boolean }} Settings */

const YES = "yes";

export class SettingsForm {
  #zone = find("settings-zone", HTMLSelectElement);
  #swapped = find("settings-swapped", HTMLInputElement);
  #spoken = find("settings-spoken", HTMLInputElement);

  /** @param {(settings: Settings) => void} onChange called at each change, not for what was remembered */
  constructor(onChange) {
    this.#fill([UTC, recall("zone") ?? UTC]);
    // All of them are several hundred: when they are wanted.
    this.#zone.addEventListener("pointerdown", () => this.#fill(zones()), { once: true });
    this.#zone.addEventListener("focus", () => this.#fill(zones()), { once: true });
    this.#zone.value = recall("zone") ?? UTC;
    this.#swapped.checked = recall("swapped") === YES;
    this.#spoken.checked = recall("spoken") === YES;
    for (const input of [this.#zone, this.#swapped, this.#spoken]) {
      input.addEventListener("change", () => {
        remember("zone", this.#zone.value);
        remember("swapped", this.#swapped.checked ? YES : "");
        remember("spoken", this.#spoken.checked ? YES : "");
        this.value = this.#read();
        onChange(this.value);
      });
    }
    /** As they are; read once: a zone is slow to make, and each row of the list asks for it every second. */
    this.value = this.#read();
  }

  /** @returns {Settings} */
  #read() {
    return { zone: new Zone(this.#zone.value || UTC), swapped: this.#swapped.checked, spoken: this.#spoken.checked };
  }

  /** @param {readonly string[]} names */
  #fill(names) {
    const chosen = this.#zone.value;
    const options = [...new Set([...names, chosen].filter(Boolean))].map(
      (name) => new Option(name === LOCAL ? texts.localZone(new Zone(LOCAL).label) : name, name),
    );
    this.#zone.replaceChildren(...options);
    this.#zone.value = chosen;
  }
}
