/** What this browser remembers of the last visit. Storage can be off: then it lasts as long as the page. */

/** Before every name, as others may keep things at the same origin. */
const PREFIX = "rtchart.";

/**
 * @param {string} key
 * @returns {string | null}
 */
export function recall(key) {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function remember(key, value) {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // It is off.
  }
}
