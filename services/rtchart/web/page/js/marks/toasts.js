/** What happened and is to be seen, in the page's corner, until somebody takes it away. */

import { make } from "../lib/dom.js";
import { texts } from "../texts.js";

/** @type {HTMLElement | undefined} */
let root;

/** It is there before the first one, or a screen reader would not read that. */
export function place() {
  if (root) return root;
  root = make("section"); // a div of a dialog is its content
  root.id = "toasts";
  root.setAttribute("role", "status");
  root.setAttribute("aria-atomic", "false"); // only what is new is read
  settle();
  new MutationObserver(settle).observe(document.body, { subtree: true, attributeFilter: ["open"] });
  return root;
}

/** Where it takes clicks: a dialog leaves what is outside of it none. The last in the document is the one that opens over others. */
function settle() {
  const home = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
  if (root && root.parentElement !== home) home.append(root);
}

/**
 * @param {string} title
 * @param {string} body
 * @param {() => void} onShow somebody wants to see what it is about
 */
export function toast(title, body, onShow) {
  const toasts = place();
  const element = make("div", "toast");
  const text = make("p");
  const [show, dismiss] = [make("button", "", texts.marks.show), make("button", "icon", "×")];
  for (const button of [show, dismiss]) button.type = "button";
  show.setAttribute("aria-label", texts.marks.showOf(title));
  dismiss.setAttribute("aria-label", texts.marks.dismiss(title));
  text.append(make("strong", "", title), " ", make("span", "", body));
  show.addEventListener("click", () => {
    toasts.closest("dialog")?.close();
    onShow();
    take();
  });
  dismiss.addEventListener("click", () => take());
  element.append(text, show, dismiss);
  toasts.prepend(element);

  function take() {
    const next = element.nextElementSibling ?? element.previousElementSibling;
    element.remove();
    // Who is at the keyboard goes on with the next one, with the dialog that is open, or with the chart.
    const button = /** @type {HTMLElement | null | undefined} */ (next?.querySelector("button.icon"));
    const dialog = /** @type {HTMLElement | null | undefined} */ (toasts.closest("dialog")?.querySelector("button.icon"));
    (button ?? dialog ?? document.getElementById("chart"))?.focus();
  }
}
