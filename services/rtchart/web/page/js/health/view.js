/** How it all is: latency by stage, the connection's history, and how whole each symbol is. */

import { closeBeside, find, make, write } from "../lib/dom.js";
import { Zone } from "../lib/zone.js";
import { texts } from "../texts.js";
import { ConnectionList } from "./connections.js";
import { Poll } from "./poll.js";
import { StageTable } from "./stages.js";
import { SymbolTable } from "./symbols.js";

/** @import { Health, SymbolHealth } from "../client/protocol.js" */
/** @import { LatencyMeter } from "../latency/meter.js" */
/** @import { ConnectionLog } from "./history.js" */

/**
 * @typedef {object} Options
 * @property {LatencyMeter} meter
 * @property {ConnectionLog} connections whose times are those of `Date.now()`
 * @property {() => Promise<Health>} fetchHealth
 * @property {() => number} now the server's time (ms)
 * @property {(symbol: SymbolHealth) => void} onChoose a symbol is to be shown
 * @property {() => Zone} [zone] in which times are said
 */

/** How often the server is asked, and how often what is known here is written (ms). */
const ASK_EVERY = 5_000;
const WRITE_EVERY = 1_000;

const UTC = new Zone();

export class HealthView {
  #dialog = find("health", HTMLDialogElement);
  #note = make("p", "said");
  #ask = new Poll(() => this.#asked(), ASK_EVERY);
  #write = new Poll(() => this.#written(), WRITE_EVERY);
  #asOf = 0;

  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    find("health-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    closeBeside(this.#dialog);
    this.#dialog.addEventListener("close", () => this.#follow());
    document.addEventListener("visibilitychange", () => this.#follow());

    this.#note.setAttribute("role", "status");
    this.#note.hidden = true;
    const section = (/** @type {string} */ id) => find(id, HTMLElement);
    this.stages = new StageTable(section("health-latency"));
    this.connections = new ConnectionList(section("health-connection"));
    this.symbols = new SymbolTable(section("health-symbols"), (symbol) => {
      this.#dialog.close();
      options.onChoose(symbol);
    });
    section("health-symbols").append(this.#note);
  }

  open() {
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#follow();
  }

  /** Ask and write for as long as it is seen. */
  #follow() {
    for (const poll of [this.#ask, this.#write]) {
      if (this.#dialog.open && !document.hidden) poll.start();
      else poll.stop();
    }
  }

  #written() {
    const { meter, connections, now } = this.options;
    const own = Date.now(); // it goes on while the machine sleeps
    this.stages.show(meter);
    this.connections.show(connections, own, now() - own, this.#zone);
  }

  async #asked() {
    try {
      const health = await this.options.fetchHealth();
      this.symbols.show(health);
      this.#asOf = health.time;
      this.#say(health.partial ? texts.health.partial : "");
    } catch (error) {
      const { message, retryAfter = 0 } = /** @type {Error & { retryAfter?: number }} */ (error);
      this.symbols.failed();
      this.#say(texts.health.failed(message, this.#asOf ? this.#zone.time(this.#asOf, { seconds: true }) : ""));
      return retryAfter * 1_000;
    }
    return 0;
  }

  get #zone() {
    return this.options.zone?.() ?? UTC;
  }

  /** @param {string} text */
  #say(text) {
    this.#note.hidden = !text;
    write(this.#note, text);
  }
}
