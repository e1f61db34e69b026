/** The choice of indicators: what is drawn, each with its settings, and what can be added. */

import { find, make } from "./dom.js";
import { KINDS, MOST, usual, within } from "./studies.js";
import { texts } from "./texts.js";

/** @import { Study } from "./studies.js" */

export class Menu {
  /** @type {readonly Study[]} */
  #studies = [];
  #dialog = find("studies", HTMLDialogElement);
  #chosen = find("studies-chosen", HTMLUListElement);
  #more = find("studies-more", HTMLDivElement);

  /** @param {(studies: readonly Study[]) => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    find("studies-open", HTMLButtonElement).addEventListener("click", () => this.#dialog.showModal());
    find("studies-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog) this.#dialog.close(); // beside what is in it
    });
    for (const kind of Object.keys(KINDS)) {
      const add = make("button", "", texts.studies[kind]);
      add.type = "button";
      add.value = kind;
      add.addEventListener("click", () => this.#change([...this.#studies, usual(kind)]));
      this.#more.append(add);
    }
  }

  /** @param {readonly Study[]} studies */
  set studies(studies) {
    this.#studies = studies;
    this.#chosen.replaceChildren(...studies.map((study, at) => this.#row(study, at)));
    for (const add of this.#more.querySelectorAll("button")) add.disabled = studies.length >= MOST;
  }

  /** @param {readonly Study[]} studies */
  #change(studies) {
    this.studies = studies;
    this.onChange(studies);
  }

  /**
   * @param {Study} study
   * @param {number} at
   */
  #row(study, at) {
    const row = make("li");
    row.append(make("span", "", texts.studies[study.kind]));
    (KINDS[study.kind]?.settings ?? []).forEach((setting, number) => {
      const label = make("label", "", texts.settings[setting.name]);
      const input = make("input");
      Object.assign(input, { type: "number", min: setting.least, max: setting.most, step: setting.step });
      input.value = String(study.settings[number]);
      input.addEventListener("change", () => {
        const settings = study.settings.with(number, within(setting, input.valueAsNumber));
        this.#change(this.#studies.with(at, { ...study, settings }));
        // The row is another one now; who types goes on where they were.
        this.#chosen.children[at]?.querySelectorAll("input")[number]?.focus();
      });
      label.append(input);
      row.append(label);
    });
    const remove = make("button", "icon", "");
    remove.type = "button";
    remove.setAttribute("aria-label", texts.remove(texts.study(study.kind, study.settings)));
    remove.textContent = "×";
    remove.addEventListener("click", () => {
      this.#change(this.#studies.filter((_, other) => other !== at));
      this.#more.querySelector("button")?.focus();
    });
    row.append(remove);
    return row;
  }
}
