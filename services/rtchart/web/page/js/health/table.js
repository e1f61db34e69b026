/** What tables have in common. */

import { make } from "../lib/dom.js";

/**
 * The head of a table: columns of words, and columns of numbers after them.
 * @param {readonly string[]} words
 * @param {readonly string[]} numbers
 */
export function head(words, numbers) {
  const [head, row] = [make("thead"), make("tr")];
  for (const [at, text] of [...words, ...numbers].entries()) {
    const cell = make("th", at < words.length ? "" : "number", text);
    cell.scope = "col";
    row.append(cell);
  }
  head.append(row);
  return head;
}
