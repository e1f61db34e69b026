/** The question to which time the chart is to go. */

import { find, write } from "../lib/dom.js";
import { texts } from "../texts.js";

/** @import { Zone } from "../lib/zone.js" */

export class JumpDialog {
  #dialog = find("jump", HTMLDialogElement);
  #input = find("jump-time", HTMLInputElement);
  #zone = find("jump-zone", HTMLSpanElement);
  #said = find("jump-said", HTMLParagraphElement);
  #asked = 0;

  /**
   * @param {(time: number) => Promise<boolean>} onTime whether there are candles there; may raise
   * @param {() => Zone} zone in which the time is given
   */
  constructor(onTime, zone) {
    this.onTime = onTime;
    this.zone = zone;
    find("jump-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#go();
    });
    find("jump-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
  }

  /** @param {number} time (ms) that is offered */
  open(time) {
    if (this.#dialog.open) return;
    this.#asked += 1;
    write(this.#said, "");
    write(this.#zone, this.zone().label);
    this.#input.value = this.zone().time(time).replace(" ", "T");
    this.#dialog.showModal();
    this.#input.focus();
  }

  async #go() {
    const time = this.zone().parse(this.#input.value);
    if (!Number.isFinite(time)) return write(this.#said, texts.jump.noTime);
    const asked = (this.#asked += 1);
    write(this.#said, texts.loading);
    try {
      const there = await this.onTime(time);
      if (asked !== this.#asked) return; // it was closed, or something else was asked
      if (there) this.#dialog.close();
      else write(this.#said, texts.jump.nothing);
    } catch (error) {
      if (asked !== this.#asked) return;
      write(this.#said, texts.historyFailed(/** @type {Error} */ (error).message));
    }
  }
}
