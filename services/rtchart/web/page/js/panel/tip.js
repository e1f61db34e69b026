/** A few lines beside the pointer. */

import { make } from "../lib/dom.js";

/** Pixels between the pointer and the tip. */
const APART = 16;

export class Tip {
  #said = "";

  /** @param {HTMLElement} element which stands in what the places are of */
  constructor(element) {
    this.element = element;
  }

  hide() {
    this.element.hidden = true;
  }

  /**
   * @param {readonly string[]} lines nothing is shown where there are none
   * @param {{ x: number, y: number }} place in pixels
   */
  show(lines, { x, y }) {
    if (!lines.length) return this.hide();
    const text = lines.join("\n");
    if (text !== this.#said) this.element.replaceChildren(...lines.map((line) => make("p", "", line)));
    this.#said = text;
    this.element.hidden = false;
    const { offsetWidth: width, offsetHeight: height, offsetParent } = this.element;
    const room = offsetParent?.clientWidth ?? 0;
    const left = x + APART + width > room ? x - APART - width : x + APART;
    this.element.style.left = `${Math.max(0, left)}px`;
    this.element.style.top = `${Math.max(0, y - height - APART)}px`;
  }
}
