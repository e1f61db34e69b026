/** What the server says against a request, with a fetch of a few lines. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Api, ApiError, Unauthorized } from "../../services/rtchart/web/page/js/client/api.js";

let stored = "";
/** @type {(authorization: string) => number} the status of an answer */
let answer = () => 200;
Object.assign(globalThis, {
  fetch: async (/** @type {URL} */ _, /** @type {{ headers: { authorization: string } }} */ { headers }) =>
    Response.json({ title: "no" }, { status: answer(headers.authorization) }),
});

const api = new Api("http://127.0.0.1/", () => stored);

/** @param {unknown} error */
const anotherError = (error) => error instanceof ApiError && !(error instanceof Unauthorized);

test("a server that wants a token is told from one that answers otherwise", async () => {
  stored = "the token";
  answer = (authorization) => (authorization === "Bearer the token" ? 401 : 500);
  await assert.rejects(api.knock(), Unauthorized);
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
