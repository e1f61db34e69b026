/** How the view is drawn: the style of the prices, their scale, and the indicators, each with its settings. */

import { symbolKey } from "../client/identity.js";
import { closeBeside, find, make } from "../lib/dom.js";
import { KINDS, MOST, read, usual, within, written } from "../chart/studies.js";
import { SCALES, STYLES, among } from "../chart/styles.js";
import { texts, venue } from "../texts.js";

/** @import { Study } from "../chart/studies.js" */
/** @import { Scale, Style } from "../chart/styles.js" */
/** @import { SymbolInfo } from "../client/protocol.js" */
/** @import { Look } from "./url.js" */

/**
 * @typedef {object} Chosen
 * @property {Style} style
 * @property {Scale} scale
 * @property {readonly Study[]} studies
 * @property {string} compare The symbol that stands beside the prices, `exchange:symbol`; empty: none.
 */

/**
 * What these words mean, or what is usual.
 * @param {Record<Look, string | null>} said
 * @returns {Chosen}
 */
export const meant = ({ style, scale, indicators, compare }) => ({
  style: among(STYLES, style),
  scale: among(SCALES, scale),
  studies: read(indicators ?? ""),
  compare: compare ?? "",
});

export class Menu {
  /** @type {Chosen} */
  #all = { style: STYLES[0], scale: SCALES[0], studies: [], compare: "" };
  #dialog = find("display", HTMLDialogElement);
  #style = find("display-style", HTMLSelectElement);
  #scale = find("display-scale", HTMLSelectElement);
  #compare = find("display-compare", HTMLInputElement);
  #symbols = find("display-symbols", HTMLDataListElement);
  #chosen = find("studies-chosen", HTMLDivElement);
  #more = find("studies-more", HTMLDivElement);

  /** @param {(chosen: Chosen) => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    find("display-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    closeBeside(this.#dialog);
    this.#style.append(...STYLES.map((style) => new Option(texts.styles[style], style)));
    this.#scale.append(...SCALES.map((scale) => new Option(texts.scales[scale], scale)));
    this.#style.addEventListener("change", () => this.#change({ style: among(STYLES, this.#style.value) }));
    this.#scale.addEventListener("change", () => this.#change({ scale: among(SCALES, this.#scale.value) }));
    this.#compare.placeholder = texts.nothing;
    // What both have in common is per cent alone.
    this.#compare.addEventListener("change", () => this.#choose(this.#compare.value.trim()));
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
    const { style, scale, studies, compare } = this.#all;
    return {
      compare,
      style: style === STYLES[0] ? "" : style,
      scale: scale === SCALES[0] ? "" : scale,
      indicators: written(studies),
    };
  }

  /** @param {readonly SymbolInfo[]} symbols that can be compared with */
  set symbols(symbols) {
    this.#symbols.replaceChildren(...symbols.map((info) => new Option(venue(info.exchange), symbolKey(info))));
  }

  open() {
    this.#dialog.showModal();
  }

  /** @param {Chosen} chosen */
  show(chosen) {
    const { style, scale, studies, compare } = chosen;
    const others = written(studies) !== written(this.#all.studies);
    this.#all = chosen;
    this.#style.value = style;
    this.#scale.value = scale;
    this.#compare.value = compare;
    if (others) this.#chosen.replaceChildren(...studies.map((study, at) => this.#row(study, at)));
    for (const add of this.#more.querySelectorAll("button")) add.disabled = studies.length >= MOST;
  }

  /** @param {string} text a symbol, with or without its exchange; what is none is none */
  #choose(text) {
    const wanted = text.toUpperCase();
    const options = [...this.#symbols.options].map(({ value }) => value);
    const found = options.find((value) => value.toUpperCase() === wanted || value.toUpperCase().endsWith(`:${wanted}`));
    this.#compare.setCustomValidity(text && !found ? texts.noMatch : "");
    if (!this.#compare.reportValidity()) return;
    const compare = (text && found) || "";
    this.#change({ compare, ...(compare && { scale: "percent" }) });
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
    const row = make("div");
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
