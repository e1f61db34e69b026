/** What people can do with the charts: by a button, by a key, and from the palette. */

import { find } from "../lib/dom.js";
import { COUNTS } from "../panel/panels.js";
import { texts } from "../texts.js";
import { Commands } from "./commands.js";

/** @import { SymbolInfo } from "../client/protocol.js" */

/**
 * @typedef {object} Acts
 * @property {(count: number) => void} charts so many side by side
 * @property {() => void} display
 * @property {() => void} marks
 * @property {() => void} jump
 * @property {() => void} csv
 * @property {() => void} png
 * @property {() => void} full
 * @property {() => void} health
 * @property {() => void} theme
 * @property {() => void} next
 */

export class Toolbar {
  /** @type {HTMLButtonElement[]} */
  #charts = [...find("charts", HTMLDivElement).querySelectorAll("button")];
  #commands;

  /**
   * @param {Acts} acts
   * @param {(info: SymbolInfo) => void} onSymbol
   */
  constructor(acts, onSymbol) {
    const { commands } = texts;
    const counts = COUNTS.map((count) => ({ text: commands.charts(count), key: String(count), run: () => acts.charts(count) }));
    this.#commands = new Commands(
      [
        ...counts,
        { text: commands.next, key: "n", run: acts.next },
        { text: commands.display, key: "d", run: acts.display },
        { text: commands.jump, key: "g", run: acts.jump },
        { text: commands.marks, key: "a", run: acts.marks },
        { text: commands.health, key: "h", run: acts.health },
        { text: commands.full, key: "f", run: acts.full },
        { text: commands.theme, key: "t", run: acts.theme },
        { text: commands.csv, key: "", run: acts.csv },
        { text: commands.png, key: "", run: acts.png },
      ],
      onSymbol,
    );
    const buttons = {
      "palette-open": () => this.#commands.open(),
      "display-open": acts.display,
      "marks-open": acts.marks,
      "jump-open": acts.jump,
      "export-csv": acts.csv,
      "export-png": acts.png,
      "full-screen": acts.full,
    };
    for (const [id, act] of Object.entries(buttons)) find(id, HTMLButtonElement).addEventListener("click", act);
    for (const button of this.#charts) button.addEventListener("click", () => acts.charts(Number(button.value)));
  }

  /** @param {readonly SymbolInfo[]} symbols that the palette finds */
  set symbols(symbols) {
    this.#commands.symbols = symbols;
  }

  /** @param {number} count of charts */
  set count(count) {
    for (const button of this.#charts) button.setAttribute("aria-pressed", String(Number(button.value) === count));
  }
}
