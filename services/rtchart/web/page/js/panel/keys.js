/** The chart by keyboard: the arrows move it, plus and minus zoom, End goes to now. */

/** @import { ChartView } from "./view.js" */

const STEP = 10;
const ZOOM = 1.25;

/**
 * @param {HTMLElement} container what has the focus
 * @param {ChartView} view
 */
export function bindKeys(container, view) {
  const { sight } = view.chart;
  /** @type {Record<string, () => void>} */
  const acts = {
    ArrowLeft: () => sight.scroll(-STEP),
    ArrowRight: () => sight.scroll(STEP),
    PageUp: () => sight.scroll(-STEP * STEP),
    PageDown: () => sight.scroll(STEP * STEP),
    "+": () => sight.zoom(1 / ZOOM),
    "-": () => sight.zoom(ZOOM),
    End: () => view.toNow(),
  };
  container.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
