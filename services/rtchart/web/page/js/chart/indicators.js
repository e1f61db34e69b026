/**
 * Indicators: what they make of candles, one after the other. No DOM.
 *
 * Each is a pure step from a state and a bar to the next state and its values, so that the forming candle can be looked at as
 * often as it changes without being taken (`Running.peek`). A value is `undefined` until there are enough bars for it.
 */

/**
 * @typedef {object} Bar A candle as numbers; `open_time` is in ms.
 * @property {number} open_time
 * @property {number} high
 * @property {number} low
 * @property {number} close
 * @property {number} volume
 */

/** @typedef {number | undefined} Value */
/** @typedef {Record<string, Value>} Values By line. */

/**
 * @template S
 * @typedef {object} Indicator
 * @property {S} start the state before the first bar
 * @property {(state: S, bar: Bar) => [S, Values]} step
 */

const DAY = 86_400_000;

/** @typedef {readonly number[]} Window The newest closes, oldest first. */

/**
 * @param {Window} window
 * @param {number} value
 * @param {number} period how many are kept
 */
const slid = (window, value, period) => [...(window.length < period ? window : window.slice(1)), value];

/** @param {Window} window */
const mean = (window) => window.reduce((sum, value) => sum + value, 0) / window.length;

/**
 * Simple moving average of the last `period` closes.
 * @param {number} period
 * @returns {Indicator<Window>}
 */
export function sma(period) {
  return {
    start: [],
    step: (window, { close }) => {
      const next = slid(window, close, period);
      return [next, { sma: next.length === period ? mean(next) : undefined }];
    },
  };
}

/**
 * Bollinger bands: the average of the last `period` closes, and `width` standard deviations (of all of them, not of a sample)
 * above and below it.
 * @param {number} period
 * @param {number} width
 * @returns {Indicator<Window>}
 */
export function bollinger(period, width) {
  return {
    start: [],
    step: (window, { close }) => {
      const next = slid(window, close, period);
      if (next.length < period) return [next, { upper: undefined, middle: undefined, lower: undefined }];
      const middle = mean(next);
      const reach = width * Math.sqrt(mean(next.map((value) => (value - middle) ** 2)));
      return [next, { upper: middle + reach, middle, lower: middle - reach }];
    },
  };
}

/** @typedef {{ count: number, value: number }} Averaged Until `count` is the period, `value` is a sum. */

/** @type {Averaged} */
const NOTHING = { count: 0, value: 0 };

/**
 * One more value in an average in which each counts less than the one after it, by the factor 1 - `weight`; it begins with
 * the plain average of the first `period`.
 * @param {Averaged} before
 * @param {number} value
 * @param {number} period
 * @param {number} weight
 * @returns {Averaged}
 */
function faded(before, value, period, weight) {
  const count = Math.min(before.count + 1, period);
  if (before.count === period) return { count, value: before.value + (value - before.value) * weight };
  const sum = before.value + value;
  return { count, value: count === period ? sum / period : sum };
}

/**
 * @param {Averaged} average
 * @param {number} period
 * @returns {Value}
 */
const ready = ({ count, value }, period) => (count === period ? value : undefined);

/** @param {number} period */
const weightOf = (period) => 2 / (period + 1);

/**
 * Exponential moving average of the closes.
 * @param {number} period
 * @returns {Indicator<Averaged>}
 */
export function ema(period) {
  return {
    start: NOTHING,
    step: (before, { close }) => {
      const next = faded(before, close, period, weightOf(period));
      return [next, { ema: ready(next, period) }];
    },
  };
}

/**
 * Volume-weighted average price since the beginning of the UTC day, of each bar's mean of high, low and close. Of a day of which
 * the beginning is not there it has no value.
 * @returns {Indicator<{ day: number, whole: boolean, volume: number, value: number }>}
 */
export function vwap() {
  return {
    start: { day: -1, whole: false, volume: 0, value: 0 },
    step: (before, { open_time, high, low, close, volume }) => {
      const day = Math.floor(open_time / DAY);
      const since = day === before.day ? before : { whole: before.day >= 0 || open_time % DAY === 0, volume: 0, value: 0 };
      const next = {
        day,
        whole: since.whole,
        volume: since.volume + volume,
        value: since.value + ((high + low + close) / 3) * volume,
      };
      return [next, { vwap: next.whole && next.volume ? next.value / next.volume : undefined }];
    },
  };
}

/**
 * Relative strength index, by Wilder's averages of what the closes rose and fell; 0 to 100, and 50 where nothing moved.
 * @param {number} period
 * @returns {Indicator<{ close: Value, rises: Averaged, falls: Averaged }>}
 */
export function rsi(period) {
  return {
    start: { close: undefined, rises: NOTHING, falls: NOTHING },
    step: (before, { close }) => {
      if (before.close === undefined) return [{ ...before, close }, { rsi: undefined }];
      const change = close - before.close;
      const rises = faded(before.rises, Math.max(change, 0), period, 1 / period);
      const falls = faded(before.falls, Math.max(-change, 0), period, 1 / period);
      const all = rises.value + falls.value;
      const share = all ? (100 * rises.value) / all : 50;
      return [{ close, rises, falls }, { rsi: rises.count === period ? share : undefined }];
    },
  };
}

/**
 * Moving average convergence divergence: the fast exponential average less the slow one, an average of that as its signal, and
 * how far the first is above the second.
 * @param {number} fast
 * @param {number} slow
 * @param {number} signal
 * @returns {Indicator<{ fast: Averaged, slow: Averaged, signal: Averaged }>}
 */
export function macd(fast, slow, signal) {
  return {
    start: { fast: NOTHING, slow: NOTHING, signal: NOTHING },
    step: (before, { close }) => {
      const next = {
        fast: faded(before.fast, close, fast, weightOf(fast)),
        slow: faded(before.slow, close, slow, weightOf(slow)),
        signal: before.signal,
      };
      const above = ready(next.fast, fast);
      const below = ready(next.slow, slow);
      if (above === undefined || below === undefined) {
        return [next, { macd: undefined, signal: undefined, histogram: undefined }];
      }
      const line = above - below;
      next.signal = faded(before.signal, line, signal, weightOf(signal));
      const smooth = ready(next.signal, signal);
      return [next, { macd: line, signal: smooth, histogram: smooth === undefined ? undefined : line - smooth }];
    },
  };
}

/**
 * An indicator along a chart: closed bars are taken, the forming one is looked at.
 * @template S
 */
export class Running {
  /** @param {Indicator<S>} indicator */
  constructor(indicator) {
    this.indicator = indicator;
    this.state = indicator.start;
  }

  /**
   * Take a bar that will not change.
   * @param {Bar} bar
   */
  add(bar) {
    const [state, values] = this.indicator.step(this.state, bar);
    this.state = state;
    return values;
  }

  /**
   * What it would be with this bar as it is now.
   * @param {Bar} bar
   */
  peek(bar) {
    return this.indicator.step(this.state, bar)[1];
  }
}
