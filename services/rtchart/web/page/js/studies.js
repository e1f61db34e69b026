/** What people may have drawn beside the candles: each kind of indicator with its settings, and how a choice is written. No DOM. */

import { bollinger, ema, macd, rsi, sma, vwap } from "./indicators.js";

/** @import { Indicator } from "./indicators.js" */

/**
 * @typedef {object} Setting
 * @property {"period" | "fast" | "slow" | "signal" | "width"} name
 * @property {number} usual
 * @property {number} least
 * @property {number} most
 * @property {number} step
 */

/**
 * @typedef {object} Kind
 * @property {Setting[]} settings
 * @property {boolean} apart Whether it has a pane of its own, as its values are no prices.
 * @property {Record<string, "line" | "histogram">} lines how each of its values is drawn
 * @property {number[]} marks values with a dashed line across
 * @property {(settings: number[]) => Indicator<any>} make
 */

/** @typedef {{ kind: string, settings: number[] }} Study One that was chosen. */

/** So many at most: more than can be told apart. */
export const MOST = 8;

/**
 * @param {Setting["name"]} name
 * @param {number} usual
 * @returns {Setting}
 */
const bars = (name, usual) => ({ name, usual, least: 2, most: 500, step: 1 });

/** @type {Record<string, Kind>} */
export const KINDS = {
  sma: {
    settings: [bars("period", 20)],
    apart: false,
    lines: { sma: "line" },
    marks: [],
    make: ([period = 0]) => sma(period),
  },
  ema: {
    settings: [bars("period", 20)],
    apart: false,
    lines: { ema: "line" },
    marks: [],
    make: ([period = 0]) => ema(period),
  },
  bollinger: {
    settings: [bars("period", 20), { name: "width", usual: 2, least: 0.5, most: 5, step: 0.5 }],
    apart: false,
    lines: { upper: "line", middle: "line", lower: "line" },
    marks: [],
    make: ([period = 0, width = 0]) => bollinger(period, width),
  },
  vwap: { settings: [], apart: false, lines: { vwap: "line" }, marks: [], make: () => vwap() },
  rsi: {
    settings: [bars("period", 14)],
    apart: true,
    lines: { rsi: "line" },
    marks: [30, 70],
    make: ([period = 0]) => rsi(period),
  },
  macd: {
    settings: [bars("fast", 12), bars("slow", 26), bars("signal", 9)],
    apart: true,
    lines: { histogram: "histogram", macd: "line", signal: "line" },
    marks: [],
    make: ([fast = 0, slow = 0, signal = 0]) => macd(fast, slow, signal),
  },
};

/**
 * One of this kind, as it usually is.
 * @param {string} kind
 * @returns {Study}
 */
export const usual = (kind) => ({ kind, settings: (KINDS[kind]?.settings ?? []).map((setting) => setting.usual) });

/**
 * The nearest value that a setting can have.
 * @param {Setting} setting
 * @param {number} value
 */
export function within({ usual, least, most, step }, value) {
  if (!Number.isFinite(value)) return usual;
  return Math.min(most, Math.max(least, Math.round(value / step) * step));
}

/**
 * A choice as an address has it: `sma:20,macd:12:26:9`.
 * @param {readonly Study[]} studies
 */
export const written = (studies) => studies.map(({ kind, settings }) => [kind, ...settings].join(":")).join(",");

/**
 * The choice that a text says, as far as it can be meant: unknown kinds are left out, settings become possible ones.
 * @param {string} text
 * @returns {Study[]}
 */
export function read(text) {
  return text
    .split(",")
    .map((one) => one.split(":"))
    .flatMap(([kind = "", ...said]) => {
      if (!Object.hasOwn(KINDS, kind)) return [];
      const settings = (KINDS[kind]?.settings ?? []).map((setting, at) => within(setting, Number(said[at] || NaN)));
      return [{ kind, settings }];
    })
    .slice(0, MOST);
}
