/** The REST calls. Paths are relative to the page, so that it also works below a prefix. */

/** @import { CandlePage, SymbolInfo, View } from "./protocol.js" */

/** A request that came back with an error, or not at all; the message is for people. */
export class ApiError extends Error {}

/**
 * @param {string} path
 * @param {Record<string, string | number>} [query]
 */
async function get(path, query = {}) {
  const url = new URL(`api/v1/${path}`, document.baseURI);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  let response;
  try {
    response = await fetch(url, { headers: { accept: "application/json" } });
  } catch {
    throw new ApiError("the server does not answer");
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => null);
    throw new ApiError(problem?.detail ?? problem?.title ?? `the server answered ${response.status}`);
  }
  return response.json();
}

/**
 * Every symbol there is, with its intervals. Raises `ApiError`.
 * @returns {Promise<SymbolInfo[]>}
 */
export const symbols = async () => (await get("symbols")).symbols;

/**
 * The page of candles before `end` (ms), oldest first. Raises `ApiError`.
 * @param {View} view
 * @param {number} end
 * @param {number} limit
 * @returns {Promise<CandlePage>}
 */
export const candlesBefore = (view, end, limit) => get("candles", { ...view, end, limit });
