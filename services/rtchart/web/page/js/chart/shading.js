/** Stretches without data behind the candles, hatched, or tinted while they are being fetched: a primitive of the library. */

import { texts } from "../texts.js";

/** @import { CanvasRenderingTarget2D } from "fancy-canvas" */
/** @import { IChartApi, ISeriesPrimitive, SeriesAttachedParameter, Time, UTCTimestamp } from "lightweight-charts" */
/** @import { Band } from "../candles/bands.js" */
/** @import { Palette } from "../shell/theme.js" */

const STRIPE = 7;
const LABEL = 11;

/** @implements {ISeriesPrimitive<Time>} */
export class Shading {
  /** @type {IChartApi | null} */
  #chart = null;
  /** @type {(() => void) | null} */
  #redraw = null;
  /** @type {Band[]} */
  #bands = [];
  #last = 0;
  /** @type {Palette | null} */
  #palette = null;
  #views = [{ zOrder: () => /** @type {const} */ ("bottom"), renderer: () => ({ draw: this.#draw.bind(this) }) }];

  /** @param {boolean} labelled whether wide bands say what they are */
  constructor(labelled) {
    this.labelled = labelled;
  }

  /** @param {SeriesAttachedParameter<Time>} parameters */
  attached({ chart, requestUpdate }) {
    this.#chart = /** @type {IChartApi} */ (chart);
    this.#redraw = requestUpdate;
  }

  detached() {
    this.#chart = null;
    this.#redraw = null;
  }

  paneViews() {
    return this.#views;
  }

  /**
   * @param {Band[]} bands
   * @param {number} last open time (ms) of the newest period on the chart
   */
  show(bands, last) {
    this.#bands = bands;
    this.#last = last;
    this.#redraw?.();
  }

  /** @param {Palette} palette */
  set palette(palette) {
    this.#palette = palette;
    this.#redraw?.();
  }

  /** @param {CanvasRenderingTarget2D} target */
  #draw(target) {
    const scale = this.#chart?.timeScale();
    const palette = this.#palette;
    if (!scale || !palette || !this.#bands.length) return;
    const half = scale.options().barSpacing / 2;
    const font = this.#chart?.options().layout.fontFamily ?? "";
    target.useBitmapCoordinateSpace(({ context, bitmapSize, horizontalPixelRatio: ratio }) => {
      for (const band of this.#bands) {
        // A band covers whole periods: from the first that opens in it, or around it, to the last.
        const from = x(scale, Math.min(band.start, this.#last));
        const to = x(scale, Math.min(band.end - 1, this.#last));
        if (from === null || to === null) continue;
        const left = Math.max(0, Math.round((from - half) * ratio));
        const right = Math.min(bitmapSize.width, Math.round((to + half) * ratio));
        if (right <= left) continue;
        context.save();
        context.beginPath();
        context.rect(left, 0, right - left, bitmapSize.height);
        context.clip();
        context.fillStyle = context.strokeStyle = band.kind === "coming" ? palette.coming : palette.missing;
        context.globalAlpha = band.kind === "coming" ? 1 : 0.4;
        context.fill();
        context.globalAlpha = 1;
        if (band.kind !== "coming") hatch(context, left, right, bitmapSize.height, STRIPE * ratio);
        if (this.labelled) label(context, texts.bands[band.kind], left, right, palette.muted, font, ratio);
        context.restore();
      }
    });
  }
}

/**
 * Where the period that contains `time` (ms) is drawn; `time` is not after the newest period's opening. `null` without data.
 * @param {ReturnType<IChartApi["timeScale"]>} scale
 * @param {number} time
 */
function x(scale, time) {
  const seconds = /** @type {UTCTimestamp} */ (Math.floor(time / 1000));
  const nearest = scale.timeToIndex(seconds, true);
  if (nearest === null) return null;
  const exact = scale.timeToIndex(seconds, false) !== null;
  // The library's nearest is the next that opens; the one before it is the one that the time lies in.
  return scale.logicalToCoordinate(/** @type {any} */ (exact ? nearest : nearest - 1));
}

/**
 * Say what the band is, where there is room for it.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} left
 * @param {number} right
 * @param {string} colour
 * @param {string} font
 * @param {number} ratio
 */
function label(context, text, left, right, colour, font, ratio) {
  const size = LABEL * ratio;
  context.font = `${size}px ${font}`;
  if (context.measureText(text).width + 2 * size > right - left) return;
  context.fillStyle = colour;
  context.textAlign = "center";
  context.fillText(text, (left + right) / 2, 2 * size);
}

/**
 * Slanted lines over what the context is clipped to.
 * @param {CanvasRenderingContext2D} context
 * @param {number} left
 * @param {number} right
 * @param {number} height of the whole canvas
 * @param {number} step between two lines
 */
export function hatch(context, left, right, height, step) {
  context.beginPath();
  context.lineWidth = step / 6;
  // Lines start on a grid of the whole canvas, so that they do not crawl while the chart moves.
  for (let at = Math.floor((left - height) / step) * step; at < right; at += step) {
    context.moveTo(at, height);
    context.lineTo(at + height, 0);
  }
  context.stroke();
}
