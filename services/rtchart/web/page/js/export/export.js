/** What a chart has in sight, as a file. */

import { texts, venue } from "../texts.js";
import { csv, fileName } from "./csv.js";
import { download, picture } from "./png.js";

/** @import { Zone } from "../lib/zone.js" */
/** @import { Panel } from "../panel/panel.js" */

/**
 * The candles, with the values of the indicators.
 * @param {Panel} panel
 */
export function exportCsv({ shown, view }) {
  const candles = view.inSight;
  const [first, last] = [candles[0], candles.at(-1)];
  if (!shown || !first || !last) return;
  const text = csv(shown, candles, view.chart.overlay.columns);
  download(new Blob([text], { type: "text/csv" }), fileName(shown, first.open_time, last.open_time, "csv"));
}

/**
 * The chart.
 * @param {Panel} panel
 * @param {Zone} zone of the times in it
 */
export async function exportPng({ shown, view }, zone) {
  const { palette } = view.chart;
  const candles = view.inSight;
  const [first, last] = [candles[0], candles.at(-1)];
  if (!shown || !first || !last || !palette) return;
  const simulated = shown.exchange === "sim" ? texts.simulated : "";
  const blob = await picture(view.chart.chart.takeScreenshot(true), {
    title: `${shown.symbol} ${shown.interval}`,
    subtitle: `${venue(shown.exchange)}${simulated} · ${zone.time(first.open_time)} – ${zone.time(last.open_time)} ${zone.label}`,
    palette,
    ratio: devicePixelRatio,
  });
  download(blob, fileName(shown, first.open_time, last.open_time, "png"));
}
