/** Subscriptions over the connection: what is wanted is subscribed again after each reconnect, and resumes where it was. */

import { Connection } from "./connection.js";
import { viewKey } from "./identity.js";

/** @import { Status } from "./connection.js" */
/** @import { CandleMessage, Frame, GapMessage, Message, RevisionMessage, Sample, SnapshotMessage, SymbolInfo, Ticker, View } from "./protocol.js" */

/**
 * @typedef {object} ViewHandlers What becomes of the messages about a view.
 * @property {() => number | undefined} since Where to resume (an open time in ms).
 * @property {(message: SnapshotMessage) => void} onSnapshot `recovered`: with it nothing lacks of what came before.
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

/**
 * @typedef {object} Following A view that is followed, however many do: the server knows one subscription.
 * @property {View} view
 * @property {number} id of the request that was sent last
 * @property {boolean} resumes whether that asked for what came since
 * @property {boolean} waiting whether it has no answer yet
 * @property {boolean} again whether another one follows the answer, for who came meanwhile and needs all
 * @property {Map<ViewHandlers, boolean>} followers and whether each is live: it had a snapshot, and missed nothing since
 */

export class Feed {
  /** @type {Map<string, Following>} */
  #followed = new Map();
  #lastId = 1_000_000; // apart from the pings' ids
  #seq = 0;

  /**
   * @param {string} url of the socket
   * @param {Handlers} handlers
   * @param {() => string} [token] asked at each connect; empty: none
   */
  constructor(url, handlers, token) {
    this.handlers = handlers;
    const onFrame = (/** @type {Frame} */ frame) => this.#received(frame);
    const { onStatus, onPong } = handlers;
    this.connection = new Connection(url, { onOpen: () => this.#subscribeAll(), onFrame, onStatus, onPong }, token);
  }

  /**
   * Follow this view until what is returned is called.
   * @param {View} view
   * @param {ViewHandlers} handlers
   */
  follow(view, handlers) {
    const name = viewKey(view);
    const following = this.#followed.get(name) ?? {
      view,
      id: 0,
      resumes: false,
      waiting: false,
      again: false,
      followers: new Map(),
    };
    this.#followed.set(name, following);
    following.followers.set(handlers, false);
    // An answer without a place to resume from is one for everybody; one with a place would be lost to a second question.
    if (!following.waiting) this.#subscribe(following);
    else if (following.resumes) following.again = true;
    return () => {
      following.followers.delete(handlers);
      if (following.followers.size || this.#followed.get(name) !== following) return;
      this.#followed.delete(name);
      this.connection.send({ op: "unsubscribe", id: this.#nextId(), ...view });
    };
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
    for (const following of this.#followed.values()) this.#resume(following);
    this.connection.send({ op: "subscribe", id: this.#nextId(), channel: "tickers" });
  }

  /** Something was missed. @param {Following} following */
  #resume(following) {
    for (const handlers of following.followers.keys()) following.followers.set(handlers, false);
    this.#subscribe(following);
  }

  /** @param {Following} following */
  #subscribe(following) {
    following.again = false;
    following.id = this.#nextId();
    // Where the one of them resumes who has least; who has nothing needs all.
    const places = [...following.followers.keys()].map((handlers) => handlers.since());
    const since = places.every((place) => place !== undefined) ? Math.min(...places) : undefined;
    following.resumes = since !== undefined;
    const resume = since !== undefined && { since };
    const request = { op: "subscribe", id: following.id, ...following.view, limit: LIMIT, ...resume };
    following.waiting = this.connection.send(request);
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
    if (skipped) for (const following of this.#followed.values()) this.#resume(following);
  }

  /**
   * @param {Message} message
   * @param {Frame} frame
   */
  #dispatch(message, frame) {
    switch (message.op) {
      case "tickers":
        if (message.id !== undefined) this.handlers.onFollowing(); // the answer to the subscription
        return this.handlers.onTickers(message.tickers);
      case "symbols":
        return this.handlers.onSymbols(message.symbols);
      case "error":
        return this.#refused(message);
      case "gap":
        return this.#gap(message);
      case "pong":
      case "unsubscribed":
        return;
    }
    const following = this.#followed.get(viewKey(message));
    if (!following) return; // it is no longer followed
    // Not at once: a server that is in trouble asks all its clients, and may ask again.
    if (message.op === "resync") return this.#subscribeLater(following, RESYNC);
    if (message.op === "snapshot") return this.#welcome(following, message);
    for (const [handlers, live] of following.followers) {
      if (!live) continue; // its snapshot has all of it
      if (message.op === "candle") handlers.onCandle(message, frame);
      else handlers.onRevision(message);
    }
  }

  /**
   * @param {Following} following
   * @param {SnapshotMessage} message
   */
  #welcome(following, message) {
    following.waiting = false;
    for (const [handlers, live] of following.followers) {
      following.followers.set(handlers, true);
      // Who is live lacks nothing, whoever it was asked for.
      handlers.onSnapshot(live ? { ...message, recovered: true } : message);
    }
    if (following.again) this.#subscribe(following);
  }

  /**
   * Of a symbol in whatever interval.
   * @param {GapMessage} message
   */
  #gap(message) {
    for (const { view, followers } of this.#followed.values()) {
      if (view.exchange !== message.exchange || view.symbol !== message.symbol) continue;
      for (const handlers of followers.keys()) handlers.onGap(message);
    }
  }

  /**
   * Subscribe again, unless that was done in the meantime, or nobody follows it any more.
   * @param {Following} following
   * @param {number} delay in ms, and up to as much again by chance
   */
  #subscribeLater(following, delay) {
    const { id } = following;
    const again = () => {
      if (following.id === id && following.followers.size) this.#resume(following);
    };
    setTimeout(again, delay * (1 + Math.random()));
  }

  /** @param {{ id?: number, code: string, message: string }} error */
  #refused({ id, code, message }) {
    const following = [...this.#followed.values()].find((each) => each.id === id);
    if (following) {
      following.waiting = false;
      for (const handlers of following.followers.keys()) handlers.onRefused(message);
      // A server that has just started may not know the symbol yet, and one that was deleted may come back.
      this.#subscribeLater(following, REFUSED);
    } else if (code !== "not_subscribed") console.warn("the server refused a message:", message);
  }
}
