/** What the server says against a request, with a fetch and a storage of a few lines. */

import assert from "node:assert/strict";
import { test } from "node:test";

let stored = "";
/** @type {(authorization: string) => number} the status of an answer */
let answer = () => 200;
Object.assign(globalThis, {
  document: { baseURI: "http://127.0.0.1/" },
  sessionStorage: { getItem: () => stored },
  fetch: async (/** @type {URL} */ _, /** @type {{ headers: { authorization: string } }} */ { headers }) =>
    Response.json({ title: "no" }, { status: answer(headers.authorization) }),
});

const api = await import("../../services/rtchart/web/page/js/api.js");

/** @param {unknown} error */
const anotherError = (error) => error instanceof api.ApiError && !(error instanceof api.Unauthorized);

test("a server that wants a token is told from one that answers otherwise", async () => {
  stored = "the token";
  answer = (authorization) => (authorization === "Bearer the token" ? 401 : 500);
  await assert.rejects(api.knock(), api.Unauthorized);
  answer = () => 503;
  await assert.rejects(api.knock(), anotherError);
});

test("what is said of the token before is not said of the one that was given meanwhile", async () => {
  stored = "the old one";
  answer = () => {
    stored = "the new one";
    return 401;
  };
  await assert.rejects(api.knock(), anotherError);
});
