/** The REST calls. Paths are relative to the page, so that it also works below a prefix. */

import { token } from "./token.js";

/** @import { CandlePage, Gap, GapPage, SymbolInfo, View } from "./protocol.js" */

/** A request that came back with an error, or not at all; the message is for people. */
export class ApiError extends Error {}

/** The server wants a token, or another one. Not raised when there is another one by now. */
export class Unauthorized extends ApiError {}

/**
 * @param {string} path
 * @param {Record<string, string | number>} [query]
 */
async function get(path, query = {}) {
  const url = new URL(`api/v1/${path}`, document.baseURI);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  const given = token();
  let response;
  try {
    const headers = { accept: "application/json", ...(given && { authorization: `Bearer ${given}` }) };
    response = await fetch(url, { headers });
  } catch {
    throw new ApiError("the server does not answer");
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => null);
    const Kind = response.status === 401 && given === token() ? Unauthorized : ApiError;
    throw new Kind(problem?.detail ?? problem?.title ?? `the server answered ${response.status}`);
  }
  return response.json();
}

/**
 * Every symbol there is, with its intervals. Raises `ApiError`.
 * @returns {Promise<SymbolInfo[]>}
 */
export const symbols = async () => (await get("symbols")).symbols;

/** Ask for little, and raise what the server says against it: `ApiError`. */
export const knock = () => get("status");

/**
 * The page of candles before `end` (ms), oldest first. Raises `ApiError`.
 * @param {View} view
 * @param {number} end
 * @param {number} limit
 * @returns {Promise<CandlePage>}
 */
export const candlesBefore = (view, end, limit) => get("candles", { ...view, end, limit });

/**
 * The first candles of `[start, end)` (ms), oldest first. Raises `ApiError`.
 * @param {View} view
 * @param {number} start
 * @param {number} end
 * @param {number} limit
 * @returns {Promise<CandlePage>}
 */
export const candlesBetween = (view, start, end, limit) => get("candles", { ...view, start, end, limit });

/** Gaps in a page, the most that the server gives. */
const GAPS = 1_000;

/**
 * The ledger's gaps that overlap `[start, end)` (ms), in any order. Raises `ApiError`.
 * @param {View} view
 * @param {number} start
 * @param {number} end
 * @returns {Promise<Gap[]>}
 */
export async function gapsBetween({ exchange, symbol }, start, end) {
  const found = [];
  for (let before = /** @type {number | null} */ (end); before !== null && before > start;) {
    const page = /** @type {GapPage} */ (await get("gaps", { exchange, symbol, start, end: before, limit: GAPS }));
    found.push(...page.gaps);
    // A server that does not move back has no more.
    before = page.next !== null && page.next < before ? page.next : null;
  }
  return found;
}
