/** What can be done with the page: by a key, from the palette (symbols too), and listed for who asks what there is. */

import { closeBeside, find, make, write } from "../lib/dom.js";
import { texts } from "../texts.js";

/** @import { SymbolInfo } from "../client/protocol.js" */

/**
 * @typedef {object} Command
 * @property {string} text
 * @property {string} key a single one, pressed where nothing is typed; empty: none
 * @property {() => void} run
 */

/** Lines in the palette, at most. */
const MOST = 40;

export class Commands {
  /** @type {readonly SymbolInfo[]} */
  symbols = [];
  #dialog = find("palette", HTMLDialogElement);
  #input = find("palette-input", HTMLInputElement);
  #list = find("palette-list", HTMLUListElement);
  #note = find("palette-note", HTMLParagraphElement);
  #help = find("help", HTMLDialogElement);
  /** @type {(() => void)[]} what each line of the palette does */
  #runs = [];
  #at = 0;

  /**
   * @param {readonly Command[]} commands
   * @param {(info: SymbolInfo) => void} onSymbol
   */
  constructor(commands, onSymbol) {
    this.onSymbol = onSymbol;
    /** @type {readonly Command[]} */
    this.commands = [
      { text: texts.commands.palette, key: "k", run: () => this.open() },
      ...commands,
      { text: texts.commands.help, key: "?", run: () => this.#help.showModal() },
    ];
    this.#input.addEventListener("input", () => this.#search());
    this.#input.addEventListener("keydown", (event) => this.#typed(event));
    this.#list.addEventListener("click", ({ target }) => {
      const line = target instanceof Element ? target.closest("li") : null;
      if (line) this.#run(Number(line.dataset.at));
    });
    for (const dialog of [this.#dialog, this.#help]) closeBeside(dialog);
    find("help-close", HTMLButtonElement).addEventListener("click", () => this.#help.close());
    find("help-keys", HTMLTableSectionElement).replaceChildren(...this.#rows());
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  open() {
    if (document.querySelector("dialog[open]")) return;
    this.#input.value = "";
    this.#search();
    this.#dialog.showModal();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (document.querySelector("dialog[open]")) return;
    const wanted = (event.ctrlKey || event.metaKey) && event.key === "k" && !event.shiftKey && !event.altKey;
    // What has just been closed with its dialog may have the focus a little longer.
    const input = event.target instanceof Element ? event.target.closest("input, select, textarea") : null;
    const typing = input?.checkVisibility();
    if (!wanted && (typing || event.ctrlKey || event.metaKey || event.altKey)) return;
    const command = this.commands.find(({ key }) => key && key === event.key);
    if (!command) return;
    event.preventDefault();
    command.run();
  }

  #search() {
    const wanted = this.#input.value.trim().toUpperCase();
    const rank = (/** @type {string} */ text) =>
      text.toUpperCase().startsWith(wanted) ? 0 : text.toUpperCase().includes(wanted) ? 1 : 2;
    const symbols = this.symbols.map((info) => ({ text: info.symbol, hint: info.exchange, run: () => this.onSymbol(info) }));
    const commands = this.commands.slice(1).map(({ text, key, run }) => ({ text, hint: key, run }));
    const found = [...(wanted ? [] : commands), ...symbols, ...(wanted ? commands : [])]
      .filter(({ text }) => rank(text) < 2)
      .sort((a, b) => (wanted ? rank(a.text) - rank(b.text) : 0));
    this.#runs = found.slice(0, MOST).map(({ run }) => run);
    this.#list.replaceChildren(...found.slice(0, MOST).map(({ text, hint }, at) => this.#line(text, hint, at)));
    const more = found.length - this.#runs.length;
    write(this.#note, !found.length ? texts.commands.none : more ? texts.commands.more(more) : "");
    this.#mark(0);
  }

  /**
   * @param {string} text
   * @param {string} hint
   * @param {number} at
   */
  #line(text, hint, at) {
    const line = make("li");
    line.id = `palette-${at}`;
    line.dataset.at = String(at);
    line.setAttribute("role", "option");
    line.append(make("span", "", text), make("kbd", "", hint));
    return line;
  }

  /** @param {number} at the line that Enter means */
  #mark(at) {
    const lines = [...this.#list.children];
    this.#at = Math.max(0, Math.min(at, lines.length - 1));
    for (const [place, line] of lines.entries()) line.setAttribute("aria-selected", String(place === this.#at));
    this.#input.setAttribute("aria-activedescendant", lines[this.#at]?.id ?? "");
    lines[this.#at]?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #typed(event) {
    if (event.key === "ArrowDown") this.#mark(this.#at + 1);
    else if (event.key === "ArrowUp") this.#mark(this.#at - 1);
    else if (event.key === "Enter") this.#run(this.#at);
    else return;
    event.preventDefault();
  }

  /** @param {number} at */
  #run(at) {
    const run = this.#runs[at];
    if (!run) return;
    this.#dialog.close();
    run();
  }

  #rows() {
    const keys = [...this.commands.filter(({ key }) => key).map(({ key, text }) => [key, text]), ...texts.chartKeys];
    return keys.map(([key = "", text = ""]) => {
      const row = make("tr");
      const head = row.appendChild(make("th"));
      head.scope = "row";
      head.append(make("kbd", "", key));
      row.append(make("td", "", text));
      return row;
    });
  }
}
