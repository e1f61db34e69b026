/** The token of a server that asks for one: the page asks for it once, and keeps it for as long as the tab lives. */

import { find, write } from "../lib/dom.js";
import { texts } from "../texts.js";

const KEY = "rtchart.token";
/** When storage is off: it then lasts as long as the page. */
let kept = "";

/** The token; empty: none is known. */
export function token() {
  try {
    return sessionStorage.getItem(KEY) ?? kept;
  } catch {
    return kept;
  }
}

/** The question. */
export class TokenDialog {
  #dialog = find("token", HTMLDialogElement);
  #input = find("token-value", HTMLInputElement);
  #why = find("token-why", HTMLParagraphElement);

  /** @param {() => void} onToken a token was given */
  constructor(onToken) {
    find("token-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      kept = this.#input.value.trim();
      try {
        sessionStorage.setItem(KEY, kept);
      } catch {
        // Storage can be off.
      }
      this.#input.value = "";
      this.#dialog.close();
      onToken();
    });
    // Behind it is nothing to be seen.
    this.#dialog.addEventListener("cancel", (event) => event.preventDefault());
  }

  /** Ask, unless that is being done; whoever gave one is told that it was wrong. */
  ask() {
    write(this.#why, token() ? texts.tokenWrong : texts.tokenNeeded);
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}
