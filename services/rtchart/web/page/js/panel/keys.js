/** The chart by keyboard: the arrows move it, or with Shift its crosshair, plus and minus zoom, End goes to now. */

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
    "Shift ArrowLeft": () => view.step(-1),
    "Shift ArrowRight": () => view.step(1),
    Escape: () => view.leave(),
  };
  container.addEventListener("keydown", (event) => {
    const key = event.shiftKey && event.key.startsWith("Arrow") ? `Shift ${event.key}` : event.key;
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : acts[key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  container.addEventListener("blur", () => view.leave());
}
