/** How the view is drawn: the style of the prices, their scale, and the indicators, each with its settings. */

import { find, make } from "./dom.js";
import { KINDS, MOST, read, usual, within, written } from "./studies.js";
import { SCALES, STYLES, among } from "./styles.js";
import { texts } from "./texts.js";

/** @import { Study } from "./studies.js" */
/** @import { Scale, Style } from "./styles.js" */

/** @typedef {{ style: Style, scale: Scale, studies: readonly Study[] }} Chosen */

/**
 * What these words mean, or what is usual.
 * @param {{ style: string | null, scale: string | null, indicators: string | null }} said
 * @returns {Chosen}
 */
export const meant = ({ style, scale, indicators }) => ({
  style: among(STYLES, style),
  scale: among(SCALES, scale),
  studies: read(indicators ?? ""),
});

export class Menu {
  /** @type {Chosen} */
  #all = { style: STYLES[0], scale: SCALES[0], studies: [] };
  #dialog = find("display", HTMLDialogElement);
  #style = find("display-style", HTMLSelectElement);
  #scale = find("display-scale", HTMLSelectElement);
  #chosen = find("studies-chosen", HTMLUListElement);
  #more = find("studies-more", HTMLDivElement);

  /** @param {(chosen: Chosen) => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    find("display-open", HTMLButtonElement).addEventListener("click", () => this.#dialog.showModal());
    find("display-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("pointerdown", ({ target }) => {
      if (target === this.#dialog) this.#dialog.close(); // beside what is in it
    });
    this.#style.append(...STYLES.map((style) => new Option(texts.styles[style], style)));
    this.#scale.append(...SCALES.map((scale) => new Option(texts.scales[scale], scale)));
    this.#style.addEventListener("change", () => this.#change({ style: among(STYLES, this.#style.value) }));
    this.#scale.addEventListener("change", () => this.#change({ scale: among(SCALES, this.#scale.value) }));
    for (const kind of Object.keys(KINDS)) {
      const add = make("button", "", texts.studies[kind]);
      add.type = "button";
      add.value = kind;
      add.addEventListener("click", () => {
        this.#change({ studies: [...this.#all.studies, usual(kind)] });
        if (add.disabled) find("display-close", HTMLButtonElement).focus(); // there is room for no more
      });
      this.#more.append(add);
    }
  }

  /** What is chosen, as an address has it: what is usual is empty. */
  get written() {
    const { style, scale, studies } = this.#all;
    return {
      style: style === STYLES[0] ? "" : style,
      scale: scale === SCALES[0] ? "" : scale,
      indicators: written(studies),
    };
  }

  /** @param {Chosen} chosen */
  show(chosen) {
    const { style, scale, studies } = chosen;
    const others = written(studies) !== written(this.#all.studies);
    this.#all = chosen;
    this.#style.value = style;
    this.#scale.value = scale;
    if (others) this.#chosen.replaceChildren(...studies.map((study, at) => this.#row(study, at)));
    for (const add of this.#more.querySelectorAll("button")) add.disabled = studies.length >= MOST;
  }

  /** @param {Partial<Chosen>} news */
  #change(news) {
    this.show({ ...this.#all, ...news });
    this.onChange(this.#all);
  }

  /**
   * @param {Study} study
   * @param {number} at
   */
  #row(study, at) {
    const row = make("li");
    const remove = make("button", "icon", "×");
    const named = (/** @type {Study} */ { kind, settings }) => {
      const name = texts.study(kind, settings);
      row.setAttribute("aria-label", name);
      remove.setAttribute("aria-label", texts.remove(name));
    };
    row.setAttribute("role", "group");
    named(study);
    row.append(make("span", "", texts.studies[study.kind]));
    (KINDS[study.kind]?.settings ?? []).forEach((setting, number) => {
      const label = make("label", "", texts.settings[setting.name]);
      const input = make("input");
      Object.assign(input, { type: "number", min: setting.least, max: setting.most, step: setting.step });
      input.value = String(study.settings[number]);
      // The row stays the same one: who types goes on with Tab, or clicks on what is beside it.
      input.addEventListener("change", () => {
        const before = this.#all.studies[at] ?? study;
        const value = within(setting, input.valueAsNumber);
        const now = { ...before, settings: before.settings.with(number, value) };
        input.value = String(value);
        named(now);
        this.#all = { ...this.#all, studies: this.#all.studies.with(at, now) };
        this.onChange(this.#all);
      });
      label.append(input);
      row.append(label);
    });
    remove.type = "button";
    remove.addEventListener("click", () => {
      this.#change({ studies: this.#all.studies.filter((_, other) => other !== at) });
      this.#more.querySelector("button")?.focus();
    });
    row.append(remove);
    return row;
  }
}
