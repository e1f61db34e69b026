/** How one tab of the page's tells the system, once, and people see it who look elsewhere. */

/** How long a tab keeps others from doing the same (ms): by then they know from the storage that it is done. */
const HELD = 2_000;
/** How long a tab that nobody sees leaves the others the first word (ms). */
const POLITE = 300;

const wait = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Whether this tab is the one that does something, of all that are about to: one that is seen, if there is one. A lock says so,
 * as what one tab stores is not at once what another one reads. Without locks, which only a secure page has, each is the one.
 * @param {string} what
 * @returns {Promise<boolean>}
 */
export async function alone(what) {
  if (document.hidden) await wait(POLITE);
  const { locks } = navigator;
  if (!locks) return true;
  return new Promise((resolve) => {
    const held = locks.request(`rtchart ${what}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && wait(HELD);
    });
    held.catch(() => resolve(true)); // in a frame that may store nothing
  });
}

/** What the system lets the page do: `granted`, `denied`, `default` while it was not asked, `none` where it cannot. */
export const permission = () => (typeof Notification === "undefined" ? "none" : Notification.permission);

/** Ask for it; what became of it. Only ever after somebody did something that needs it. */
export async function ask() {
  return permission() === "default" ? Notification.requestPermission() : permission();
}

/**
 * Tell the system, if it may be told.
 * @param {string} title
 * @param {string} body
 * @param {string} tag what replaces an earlier one
 * @param {() => void} onClick somebody wants to see it
 */
export function notify(title, body, tag, onClick) {
  if (permission() !== "granted") return;
  try {
    const shown = new Notification(title, { body, tag });
    shown.addEventListener("click", () => {
      window.focus();
      onClick();
      shown.close();
    });
  } catch {
    // Some systems leave that to service workers, and this page has none: it is in the page all the same.
  }
}
