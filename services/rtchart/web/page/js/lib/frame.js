/** Work on the screen, once per animation frame. */

/** @type {Map<unknown, () => void>} */
const waiting = new Map();

/**
 * Call `draw` in the next animation frame, once however often it is asked for under this key; the newest counts.
 * @param {unknown} key
 * @param {() => void} draw
 */
export function onFrame(key, draw) {
  if (!waiting.size) requestAnimationFrame(run);
  waiting.set(key, draw);
}

function run() {
  const draws = [...waiting.values()];
  waiting.clear();
  for (const draw of draws) {
    try {
      draw();
    } catch (error) {
      reportError(error); // the others are drawn all the same
    }
  }
}

/**
 * Call `then` when the frame being prepared has been painted: a message posted in it arrives after its rendering.
 * @param {() => void} then
 */
export function afterPaint(then) {
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      then();
    };
    port2.postMessage(null);
  });
}
