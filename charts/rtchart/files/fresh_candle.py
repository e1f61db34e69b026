"""What `helm test` runs: every symbol that the web knows has a candle that still forms or has just closed."""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

WEB = os.environ["WEB"]
TOKENS = os.environ.get("TOKENS", "").split()
HEADERS = {"Authorization": f"Bearer {TOKENS[0]}"} if TOKENS else {}
PATIENCE = 90  # seconds: a symbol that has just been applied has to be listed, streamed and read
STALE = 10_000  # ms after its end, at which a candle of seconds is no longer news


def get(path: str, **query: str) -> dict:
    request = urllib.request.Request(f"{WEB}{path}?{urllib.parse.urlencode(query)}", headers=HEADERS)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 429:  # more symbols than one address may ask for at once (web.perAddress.requests)
                raise
            time.sleep(int(error.headers["Retry-After"]))


def stale() -> list[str]:
    symbols = get("/api/v1/symbols")["symbols"]
    found = [] if symbols else ["the web knows no symbol yet"]
    for each in symbols:
        name = f"{each['exchange']}:{each['symbol']}"
        candles = get("/api/v1/candles", exchange=each["exchange"], symbol=each["symbol"], interval="1s", limit="1")["candles"]
        age = time.time() * 1000 - candles[-1]["open_time"] - 1000 if candles else None
        if age is None or age > STALE:
            found.append(f"{name} has no candle" if age is None else f"{name}'s newest second is {age / 1000:.0f} s old")
    return found


deadline = time.monotonic() + PATIENCE
while wrong := stale():
    if time.monotonic() > deadline:
        sys.exit(f"no fresh candles at {WEB} after {PATIENCE} s: {'; '.join(wrong)}")
    time.sleep(1)
print(f"every symbol at {WEB} has a fresh candle")
