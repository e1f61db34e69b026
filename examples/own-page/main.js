/** The newest ten minutes of one symbol as a table, live: `?server=http://127.0.0.1:8000/&symbol=BTCUSDT`. */

import { Client } from "./client/client.js";

const query = new URLSearchParams(location.search);
const client = new Client(query.get("server") ?? "http://127.0.0.1:8000/", {
  token: query.get("token") ?? "",
  onStatus: ({ state }) => (element("state").textContent = state),
});

document.addEventListener("visibilitychange", () => document.hidden || client.wake());
window.addEventListener("online", () => client.wake());

const symbol = query.get("symbol") ?? "BTCUSDT";
const info = (await client.api.symbols()).find((each) => each.symbol === symbol);
if (!info) throw new Error(`the server has no symbol ${symbol}`);

client.candles({ exchange: info.exchange, symbol, interval: "1m" }, (candles) => {
  element("price").textContent = candles.at(-1)?.close ?? "–";
  const rows = candles.slice(-10).map(({ open_time, close, received, expected }) => {
    const row = document.createElement("tr");
    for (const text of [new Date(open_time).toISOString().slice(0, 16), close, `${received}/${expected}`]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    return row;
  });
  element("candles").replaceChildren(...rows.reverse());
});

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
