/** A chart as a picture that says what it shows, and files on their way to whoever asked for them. */

import { make } from "../lib/dom.js";
import { texts } from "../texts.js";

/** @import { Palette } from "../shell/theme.js" */

/** In pixels of the page: above the chart, and below it. */
const HEAD = 56;
const FOOT = 26;
const MARGIN = 14;
/** By then the browser has taken it (ms). */
const TAKEN = 60_000;

/**
 * @typedef {object} Words
 * @property {string} title The symbol and the interval.
 * @property {string} subtitle The venue and the time.
 * @property {Pick<Palette, "editor" | "text" | "muted" | "line">} palette
 * @property {number} ratio Pixels of the chart for each of the page.
 */

/**
 * The chart, with what it shows above it, and below it the notice that the chart library's licence asks for.
 * @param {HTMLCanvasElement} chart as the library takes it, `takeScreenshot(true)`
 * @param {Words} words
 * @returns {Promise<Blob>}
 */
export async function picture(chart, { title, subtitle, palette, ratio }) {
  const canvas = make("canvas");
  canvas.width = chart.width;
  canvas.height = chart.height + Math.round((HEAD + FOOT) * ratio);
  const context = canvas.getContext("2d");
  if (!context) throw new Error(texts.export.failed);
  context.fillStyle = palette.editor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(chart, 0, Math.round(HEAD * ratio));

  context.scale(ratio, ratio);
  const [width, height] = [canvas.width / ratio, canvas.height / ratio];
  const family = getComputedStyle(document.body).fontFamily;
  const write = (
    /** @type {string} */ text,
    /** @type {string} */ font,
    /** @type {string} */ color,
    /** @type {number} */ y,
  ) => {
    context.font = `${font} ${family}`;
    context.fillStyle = color;
    context.fillText(text, MARGIN, y, width - 2 * MARGIN); // narrower where there is no room
  };
  context.textBaseline = "alphabetic";
  write(title, "600 16px", palette.text, 25);
  write(subtitle, "12px", palette.muted, 44);
  context.fillStyle = palette.line;
  context.fillRect(0, height - FOOT, width, 1);
  write(texts.export.attribution, "11px", palette.muted, height - 9);

  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!(blob instanceof Blob)) throw new Error(texts.export.failed);
  return blob;
}

/**
 * @param {Blob} blob
 * @param {string} name of the file
 */
export function download(blob, name) {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), TAKEN);
}
