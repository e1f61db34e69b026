/** One WebSocket that stays: connects, notices silence, comes back with a jittered back-off. It knows no subscription. */

import { backoff } from "./backoff.js";
import { nowUs } from "./clock.js";

/** @import { Frame, PongMessage } from "./protocol.js" */

/**
 * @typedef {object} Status
 * @property {"connecting" | "open" | "waiting" | "offline"} state
 * @property {number} attempt
 * @property {string} [why] what the server said when it closed the last one
 */

/**
 * @typedef {object} Handlers
 * @property {() => void} onOpen The socket is open: subscribe now.
 * @property {(frame: Frame) => void} onFrame
 * @property {(status: Status) => void} onStatus
 * @property {(sent: number, received: number, server: number) => void} onPong All in µs.
 */

const PING_EVERY = 10_000;
/** The clock's offset is wanted soon, and from more than one round trip. */
const FIRST_PINGS = [0, 300, 700, 1_500, 3_000];
/** Without a word from the server for this long, pings included, the connection is dead whatever the browser says. */
const SILENCE = 25_000;
/** How many round trips, and ms at least and at most, a waking page waits for an answer before it gives the old connection up. */
const WAKE = { trips: 6, least: 400, most: 1_000 };
/** Nothing was heard for this long by the clock on the wall: the machine slept, and its connections are gone. */
const SLEPT = 12_000;
const CONNECT = 10_000;

/** What the server agrees to speak; of a socket's subprotocols one has to be agreed to. */
const SUBPROTOCOL = "rtchart";

/**
 * The subprotocols to offer: a page can give a socket no header, and an address ends in logs.
 * @param {string} token
 */
const subprotocols = (token) => (token ? [SUBPROTOCOL, `bearer.${token}`] : []);

export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Status} */
  #status = { state: "connecting", attempt: 0 };
  #heard = 0;
  /** The same by the clock on the wall, which goes on while the machine sleeps. */
  #heardAt = 0;
  /** The shortest round trip of this connection (ms). */
  #trip = Infinity;
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  #timers = new Set();

  /**
   * @param {string} url
   * @param {Handlers} handlers
   * @param {() => string} [token] asked at each connect; empty: none
   */
  constructor(url, handlers, token = () => "") {
    this.url = url;
    this.token = token;
    this.handlers = handlers;
    this.pings = 0;
  }

  get status() {
    return this.#status;
  }

  start() {
    this.#connect();
  }

  /**
   * Send a message; dropped when there is no connection, since who subscribes does so again in `onOpen`.
   * @param {object} message
   * @returns {boolean} whether it went out
   */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** The page woke up, or the network came back: find out at once whether the connection is still one. */
  wake() {
    const slept = this.#status.state === "open" && Date.now() - this.#heardAt > SLEPT;
    if (slept || this.#status.state === "waiting" || this.#status.state === "offline") {
      this.#anew();
    } else if (this.#status.state === "open") {
      const before = this.#heard;
      this.#synchronise();
      this.#after(Math.min(Math.max(WAKE.trips * this.#trip, WAKE.least), WAKE.most), () => {
        // What came while the page was busy is heard first.
        this.#after(0, () => {
          if (this.#heard === before) this.#anew();
        });
      });
    }
  }

  /** Another connection at once: it is not the server that is in trouble. */
  #anew() {
    this.#drop();
    this.#connect();
  }

  /** Leave the server alone until `wake`. */
  pause() {
    this.#drop();
    this.#set({ state: "waiting", attempt: 0 });
  }

  #connect() {
    this.#set({ ...this.#status, state: "connecting", attempt: this.#status.attempt + 1 });
    const socket = new WebSocket(this.url, subprotocols(this.token()));
    this.#socket = socket;
    this.#after(CONNECT, () => {
      if (this.#socket === socket && this.#status.state !== "open") this.#lost();
    });
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = ({ reason }) => this.#lost(reason);
  }

  #opened() {
    this.#hear();
    this.#trip = Infinity;
    this.#set({ state: "open", attempt: 0 });
    this.#synchronise();
    this.#watch();
    this.handlers.onOpen();
  }

  #hear() {
    this.#heard = performance.now();
    this.#heardAt = Date.now();
  }

  #synchronise() {
    for (const delay of FIRST_PINGS) this.#after(delay, () => this.#ping());
  }

  #watch() {
    this.#after(PING_EVERY, () => {
      if (performance.now() - this.#heard > SILENCE) return this.#lost();
      this.#ping();
      this.#watch();
    });
  }

  #ping() {
    this.pings += 1;
    this.send({ op: "ping", id: this.pings, at_us: Math.round(nowUs()) });
  }

  /** @param {string} text */
  #received(text) {
    const received = nowUs();
    this.#hear();
    const frame = /** @type {Frame} */ (JSON.parse(text));
    for (const message of frame.messages) {
      if (message.op === "pong") this.#pong(message, received);
    }
    this.handlers.onFrame(frame);
  }

  /**
   * @param {PongMessage} message
   * @param {number} received
   */
  #pong(message, received) {
    this.#trip = Math.min(this.#trip, (received - message.at_us) / 1000);
    this.handlers.onPong(message.at_us, received, message.server_us);
  }

  /** @param {string} [why] */
  #lost(why = "") {
    const attempt = this.#status.attempt || 1;
    this.#drop();
    // A try that fails says nothing; what was said before it still holds.
    this.#set({ state: navigator.onLine === false ? "offline" : "waiting", attempt, why: why || (this.#status.why ?? "") });
    this.#after(backoff(attempt, Math.random()), () => this.#connect());
  }

  #drop() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** @param {Status} status */
  #set(status) {
    this.#status = status;
    this.handlers.onStatus(status);
  }

  /**
   * @param {number} delay
   * @param {() => void} act
   */
  #after(delay, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delay);
    this.#timers.add(timer);
  }
}
