/** The chart by keyboard: the arrows move it, plus and minus zoom, End goes to now. */

/** @import { ChartView } from "./view.js" */

const STEP = 10;
const ZOOM = 1.25;

/**
 * @param {HTMLElement} container what has the focus
 * @param {ChartView} view
 */
export function bindKeys(container, view) {
  const { chart } = view;
  /** @type {Record<string, () => void>} */
  const acts = {
    ArrowLeft: () => chart.scroll(-STEP),
    ArrowRight: () => chart.scroll(STEP),
    PageUp: () => chart.scroll(-STEP * STEP),
    PageDown: () => chart.scroll(STEP * STEP),
    "+": () => chart.zoom(1 / ZOOM),
    "-": () => chart.zoom(ZOOM),
    End: () => view.toNow(),
  };
  container.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
