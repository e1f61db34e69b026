/** Subscriptions over the connection: what is wanted is subscribed again after each reconnect, and resumes where it was. */

import { Connection } from "./connection.js";

/** @import { Status } from "./connection.js" */
/** @import { CandleMessage, Frame, GapMessage, Message, RevisionMessage, Sample, SnapshotMessage, SymbolInfo, Ticker, View } from "./protocol.js" */

/**
 * @typedef {object} ViewHandlers What becomes of the messages about a view.
 * @property {() => number | undefined} since Where to resume (an open time in ms).
 * @property {(message: SnapshotMessage) => void} onSnapshot
 * @property {(message: CandleMessage, frame: Frame) => void} onCandle
 * @property {(message: RevisionMessage) => void} onRevision
 * @property {(message: GapMessage) => void} onGap
 * @property {(message: string) => void} onRefused The server said no to the subscription.
 *
 * @typedef {object} Handlers
 * @property {(tickers: Ticker[]) => void} onTickers
 * @property {() => void} onFollowing from now on, until the connection is lost, `onSymbols` tells of changes
 * @property {(symbols: SymbolInfo[]) => void} onSymbols which there are now
 * @property {(status: Status) => void} onStatus
 * @property {(sent: number, received: number, server: number) => void} onPong
 */

/** Candles in a snapshot. */
export const LIMIT = 500;
/** How long after the server's wish, or its refusal, a view is subscribed again (ms). */
const RESYNC = 250;
const REFUSED = 1_500;

export class Feed {
  /** @type {{ view: View, handlers: ViewHandlers, id: number } | null} */
  #shown = null;
  #lastId = 1_000_000; // apart from the pings' ids
  #seq = 0;

  /**
   * @param {string} url of the socket
   * @param {Handlers} handlers
   */
  constructor(url, handlers) {
    this.handlers = handlers;
    this.connection = new Connection(url, {
      onOpen: () => this.#subscribeAll(),
      onFrame: (frame) => this.#received(frame),
      onStatus: handlers.onStatus,
      onPong: handlers.onPong,
    });
  }

  /**
   * Follow this view, and no longer the one before.
   * @param {View} view
   * @param {ViewHandlers} handlers
   */
  show(view, handlers) {
    if (this.#shown) this.connection.send({ op: "unsubscribe", id: this.#nextId(), ...this.#shown.view });
    this.#shown = { view, handlers, id: 0 };
    this.#subscribe();
  }

  /**
   * Tell the server what was measured here.
   * @param {Sample[]} latency
   */
  report(latency) {
    if (latency.length) this.connection.send({ op: "report", latency });
  }

  #subscribeAll() {
    this.#seq = 0;
    this.#subscribe();
    this.connection.send({ op: "subscribe", id: this.#nextId(), channel: "tickers" });
  }

  #subscribe() {
    if (!this.#shown) return;
    const { view, handlers } = this.#shown;
    const since = handlers.since();
    this.#shown.id = this.#nextId();
    this.connection.send({ op: "subscribe", id: this.#shown.id, ...view, limit: LIMIT, ...(since !== undefined && { since }) });
  }

  #nextId() {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** @param {Frame} frame */
  #received(frame) {
    const skipped = this.#seq > 0 && frame.seq > this.#seq + 1;
    this.#seq = frame.seq;
    for (const message of frame.messages) this.#dispatch(message, frame);
    if (skipped) this.#subscribe();
  }

  /**
   * @param {Message} message
   * @param {Frame} frame
   */
  #dispatch(message, frame) {
    if (message.op === "tickers") {
      if (message.id !== undefined) this.handlers.onFollowing(); // the answer to the subscription
      return this.handlers.onTickers(message.tickers);
    }
    if (message.op === "symbols") return this.handlers.onSymbols(message.symbols);
    if (message.op === "error") return this.#refused(message);
    if (message.op === "pong" || message.op === "unsubscribed") return;
    const handlers = this.#handlersOf(message);
    if (!handlers) return;
    switch (message.op) {
      case "snapshot":
        return handlers.onSnapshot(message);
      case "candle":
        return handlers.onCandle(message, frame);
      case "revision":
        return handlers.onRevision(message);
      case "gap":
        return handlers.onGap(message);
      case "resync":
        // Not at once: a server that is in trouble asks all its clients, and may ask again.
        return this.#subscribeLater(RESYNC);
    }
  }

  /**
   * Subscribe again, unless something else was subscribed in the meantime.
   * @param {number} delay in ms, and up to as much again by chance
   */
  #subscribeLater(delay) {
    const id = this.#shown?.id;
    const again = () => {
      if (this.#shown?.id === id) this.#subscribe();
    };
    setTimeout(again, delay * (1 + Math.random()));
  }

  /** @param {{ id?: number, code: string, message: string }} error */
  #refused({ id, code, message }) {
    if (this.#shown && id === this.#shown.id) {
      this.#shown.handlers.onRefused(message);
      // A server that has just started may not know the symbol yet, and one that was deleted may come back.
      this.#subscribeLater(REFUSED);
    } else if (code !== "not_subscribed") console.warn("the server refused a message:", message);
  }

  /**
   * Who takes a message about this; `null` when it is about what is no longer shown.
   * @param {{ exchange: string, symbol: string, interval?: string }} about
   */
  #handlersOf({ exchange, symbol, interval }) {
    if (!this.#shown) return null;
    const { view, handlers } = this.#shown;
    const same = view.exchange === exchange && view.symbol === symbol && (!interval || interval === view.interval);
    return same ? handlers : null;
  }
}
