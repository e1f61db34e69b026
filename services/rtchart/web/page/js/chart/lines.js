/** Marked prices on a chart. */

import { LineStyle } from "lightweight-charts";
import { texts } from "../texts.js";
import { idOf } from "../marks/marks.js";

/** @import { IPriceLine, ISeriesApi, SeriesType } from "lightweight-charts" */
/** @import { Palette } from "../shell/theme.js" */
/** @import { Mark } from "../marks/marks.js" */

export class Lines {
  /** @type {ISeriesApi<SeriesType> | undefined} which has the lines */
  #series;
  /** @type {Map<string, { line: IPriceLine, color: string }>} */
  #drawn = new Map();

  /** @param {() => ISeriesApi<SeriesType>} getSeries of the prices, which is another one in another style */
  constructor(getSeries) {
    this.getSeries = getSeries;
  }

  /** The prices that have a line. */
  get prices() {
    return [...this.#drawn.values()].map(({ line }) => line.options().price);
  }

  /**
   * Have these on the chart. What is there already, in its colour, is left alone.
   * @param {readonly Mark[]} marks
   * @param {Palette | null} palette
   */
  show(marks, palette) {
    const series = this.getSeries();
    if (!palette) return;
    if (series !== this.#series) this.#drawn.clear(); // they went with the other series
    this.#series = series;
    const ids = new Set(marks.map(idOf));
    for (const [id, { line }] of this.#drawn) {
      if (ids.has(id)) continue;
      series.removePriceLine(line);
      this.#drawn.delete(id);
    }
    for (const mark of marks) {
      const color = colourOf(mark, palette);
      const drawn = this.#drawn.get(idOf(mark));
      if (drawn?.color === color) continue;
      drawn?.line.applyOptions({ color });
      const line = drawn?.line ?? series.createPriceLine({ ...optionsOf(mark), color });
      this.#drawn.set(idOf(mark), { line, color });
    }
  }
}

/**
 * @param {Mark} mark
 * @param {Palette} palette
 */
const colourOf = ({ kind, rung }, palette) =>
  rung !== undefined ? palette.muted : kind === "alert" ? palette.warn : palette.accent;

/** @param {Mark} mark */
const optionsOf = ({ kind, price }) => ({
  price: Number(price),
  lineWidth: /** @type {const} */ (1),
  lineStyle: kind === "alert" ? LineStyle.LargeDashed : LineStyle.Solid, // the last price has dots
  title: kind === "alert" ? texts.marks.alert : "",
});
