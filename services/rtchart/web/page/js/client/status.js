/** What a symbol's status means. */

const SILENT = new Set(["stale", "refused", "halted", "suspended"]);

/**
 * Whether nothing comes in of a symbol with this status, so that its last price is not to be trusted as the newest.
 * @param {string | undefined} status as in `SymbolInfo`
 */
export const isSilent = (status) => SILENT.has(status ?? "");
