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
 * @property {"price" | "percent" | "difference"} unit of its values: a difference is one of prices
 * @property {Record<string, "line" | "histogram">} lines how each of its values is drawn
 * @property {boolean} one Whether its lines are one thing, of one colour.
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
    unit: "price",
    lines: { sma: "line" },
    one: false,
    marks: [],
    make: ([period = 0]) => sma(period),
  },
  ema: {
    settings: [bars("period", 20)],
    unit: "price",
    lines: { ema: "line" },
    one: false,
    marks: [],
    make: ([period = 0]) => ema(period),
  },
  bollinger: {
    settings: [bars("period", 20), { name: "width", usual: 2, least: 0.5, most: 5, step: 0.5 }],
    unit: "price",
    lines: { upper: "line", middle: "line", lower: "line" },
    one: true,
    marks: [],
    make: ([period = 0, width = 0]) => bollinger(period, width),
  },
  vwap: { settings: [], unit: "price", lines: { vwap: "line" }, one: false, marks: [], make: () => vwap() },
  rsi: {
    settings: [bars("period", 14)],
    unit: "percent",
    lines: { rsi: "line" },
    one: false,
    marks: [30, 70],
    make: ([period = 0]) => rsi(period),
  },
  macd: {
    settings: [bars("fast", 12), bars("slow", 26), bars("signal", 9)],
    unit: "difference",
    lines: { histogram: "histogram", macd: "line", signal: "line" },
    one: false,
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
