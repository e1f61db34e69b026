"""What the page costs a browser: its first load, an update, a list of 1,500 symbols, a hundred thousand updates, a sleep.

    python -m bench.page [--updates 100000] [--symbols 1500]

Chromium shows a made-up market, served by the server's own way of serving the page. The first load is that of an empty cache:
its bytes are those of the network, and its first chart is painted when the page's own mark says so. An update's time is all
that the main thread does meanwhile, as the browser counts it: parsing, the page's code, layout and paint. A list is scrolled
by gestures, and the frames are those that the page was asked to draw. The heap is measured after a collection: with updates of
one minute, and with as many seconds, each a candle more. A page that wakes up has slept by its clock alone; its connection is
one that nothing comes over any more, and what was repaired meanwhile has to be on the chart.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
from collections.abc import Sequence
from typing import Any

from playwright.async_api import Browser, CDPSession, Page, async_playwright
from scripts import page as verbs

from bench.source_map import SourceMap
from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms, now_us
from tests.page import market
from tests.page.browser import ARGUMENTS, until, visit
from tests.page.stage import Stage, serving

RATE = 10
"""Updates a second while an update's cost is measured."""
BURST = 50
"""Updates in a frame while many of them are sent."""
LOADS = 5


async def opened(browser: Browser, stage: Stage, query: str = "") -> tuple[Page, CDPSession]:
    """The page with an empty cache, live."""
    context = await browser.new_context(viewport={"width": 1360, "height": 820})
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    await visit(page, stage.url + query)
    await until(page, "r.candles().length >= 400")
    return page, session


async def first_load(browser: Browser, stage: Stage) -> None:
    """Bytes and times of a first visit."""
    charts, sizes, requests = [], [], 0
    for _ in range(LOADS):
        context = await browser.new_context(viewport={"width": 1360, "height": 820})
        page = await context.new_page()
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        received: list[float] = []
        session.on("Network.loadingFinished", lambda event, to=received: to.append(event["encodedDataLength"]))
        await visit(page, stage.url)
        chart = "() => performance.getEntriesByName('rtchart:first-chart')[0]?.startTime"
        charts.append(await (await page.wait_for_function(chart)).json_value())
        sizes.append(sum(received))
        requests = len(received)
        await context.close()
    print(f"first load: {max(sizes) / 1000:.0f} kB in {requests} answers, the API's included (goal < 250 kB)")
    print(
        f"first chart painted: {statistics.median(charts):.0f} ms median of {LOADS}, {max(charts):.0f} ms at worst (goal < 1 s)"
    )


async def busy(session: CDPSession) -> float:
    """Seconds of CPU that the main thread has had."""
    metrics = {each["name"]: each["value"] for each in (await session.send("Performance.getMetrics"))["metrics"]}
    return float(metrics["TaskDuration"])


def update(symbol: str, number: int) -> dict[str, Any]:
    """A second's candle of the forming minute."""
    now = now_ms()
    at = now // MINUTE * MINUTE
    candle = market.candle(symbol, "1m", at, now)
    stamps = {
        "event_ms": now - 21,
        "received_us": now_us() - 9_000,
        "published_us": now_us() - 6_000,
        "consumed_us": now_us() - 2_000,
    }
    view = {"exchange": "binance", "symbol": symbol, "interval": "1m"}
    price = f"{float(candle['open']) * (1 + (number % 100) / 1e5):.8f}"
    return {"op": "candle", **view, "candle": {**candle, "close": price, "trades": number}, "stamps": stamps}


async def per_update(browser: Browser, stage: Stage, seconds: float = 20) -> None:
    """What one chart costs at ten updates a second, against none; whose code it is, from a profile of it."""
    page, session = await opened(browser, stage)
    await session.send("Profiler.enable")
    await session.send("Profiler.setSamplingInterval", {"interval": 200})
    await asyncio.sleep(3)  # what the start left behind
    before = await busy(session)
    await asyncio.sleep(seconds)
    idle = (await busy(session) - before) / seconds
    count = int(seconds * RATE)
    before = await busy(session)
    begin = asyncio.get_running_loop().time()
    await session.send("Profiler.start")
    for number in range(count):
        await stage.send(update("BTCUSDT", number))
        await asyncio.sleep(max(0, begin + (number + 1) / RATE - asyncio.get_running_loop().time()))
    profile = (await session.send("Profiler.stop"))["profile"]
    spent = 1000 * (await busy(session) - before - idle * seconds) / count
    shares = {name: us / 1000 / count for name, us in by_code(profile).items()}
    ours, library = shares.get("page", 0), shares.get("library", 0)
    print(
        f"one chart at {RATE} updates a second, of the main thread an update: the page's own code {ours:.2f} ms (goal < 2 ms), "
        f"the chart library's {library:.2f} ms, the browser's layout, paint and canvas without a GPU "
        f"{max(0, spent - ours - library):.2f} ms; besides {1000 * idle:.1f} ms a second"
    )
    await page.context.close()


def by_code(profile: dict[str, Any]) -> dict[str, float]:
    """Microseconds of a profile by whose code it is; what the browser does for a function is that function's."""
    place = SourceMap.load(verbs.BUILT / "main.js.map")
    nodes = {node["id"]: node for node in profile["nodes"]}
    parents = {child: node["id"] for node in profile["nodes"] for child in node.get("children", ())}
    found: dict[str, float] = {}
    for sample, passed in zip(profile["samples"], profile["timeDeltas"], strict=True):
        at = sample
        while at is not None and "/static/" not in nodes[at]["callFrame"]["url"]:
            at = parents.get(at)
        if at is not None:
            frame = nodes[at]["callFrame"]
            owner = "library" if "node_modules/" in place.source(frame["lineNumber"], frame["columnNumber"]) else "page"
            found[owner] = found.get(owner, 0) + passed
    return found


def second(symbol: str, at: int) -> dict[str, Any]:
    """The candle of a second (ms)."""
    view = {"exchange": "binance", "symbol": symbol, "interval": "1s"}
    return {"op": "candle", **view, "candle": market.candle(symbol, "1s", at, at + 1_000)}


async def scrolling(browser: Browser, stage: Stage, symbols: int) -> None:
    """Frames while a long list of symbols, all of them live, is scrolled."""
    page, session = await opened(browser, stage)
    await page.wait_for_function("(n) => document.querySelector('#symbol-count').textContent === String(n)", arg=symbols)
    await page.evaluate(
        """() => {
          window.frames_ = [];
          let last = performance.now();
          const frame = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(frame); };
          requestAnimationFrame(frame);
        }"""
    )
    await asyncio.sleep(2)
    still = await taken(page)
    box = await page.locator("#symbols").bounding_box()
    assert box is not None
    for direction in (-1, 1, -1):
        await session.send(
            "Input.synthesizeScrollGesture",
            {
                "x": box["x"] + box["width"] / 2,
                "y": box["y"] + box["height"] / 2,
                "yDistance": direction * 20_000,
                "speed": 8_000,
                "gestureSourceType": "mouse",
            },
        )
    moving = await taken(page)
    rows = await page.evaluate("() => document.querySelectorAll('#symbols li').length")
    print(
        f"{symbols} symbols, all live, scrolled at 8,000 px/s: {frames(moving)}; standing still {frames(still)}; "
        f"{rows} rows in the document"
    )
    await page.context.close()


async def taken(page: Page) -> list[float]:
    """The frames since the last question (ms)."""
    found: list[float] = await page.evaluate("() => window.frames_.splice(0)")
    return found


def frames(times: Sequence[float]) -> str:
    """How many a second, and how long the longest were."""
    ordered = sorted(times)
    return (
        f"{1000 * len(ordered) / sum(ordered):.1f} frames/s, p99 {ordered[int(0.99 * (len(ordered) - 1))]:.1f} ms, "
        f"{sum(each > 34 for each in ordered)} of {len(ordered)} longer than two"
    )


async def heap(browser: Browser, stage: Stage, updates: int) -> None:
    """The heap after a tenth of the updates of one minute, and after all."""
    page, session = await opened(browser, stage)
    sizes = []
    sent = 0
    for until_here in (updates // 10, updates):
        while sent < until_here:
            await stage.send(*[update("BTCUSDT", sent + number) for number in range(BURST)])
            sent += BURST
            if sent % (20 * BURST) == 0:  # a page that is behind is waited for
                await until(page, "r.candles().at(-1).trades === a", sent - 1)
        await until(page, "r.candles().at(-1).trades === a", sent - 1)
        sizes.append(await held(session))
    grown(f"updates of a minute, of {updates}", sizes)
    await page.context.close()


async def growing(browser: Browser, stage: Stage, seconds: int) -> None:
    """The heap after a tenth of the seconds, each a candle more, and after all."""
    page, session = await opened(browser, stage, "?interval=1s")
    sizes = []
    begin, sent = now_ms() // 1000 * 1000 + 1_000, 0
    for until_here in (seconds // 10, seconds):
        while sent < until_here:
            await stage.send(*[second("BTCUSDT", begin + 1_000 * (sent + number)) for number in range(BURST)])
            sent += BURST
            if sent % (20 * BURST) == 0:
                await until(page, "r.candles().at(-1).open_time === a", begin + 1_000 * (sent - 1))
        await until(page, "r.candles().at(-1).open_time === a", begin + 1_000 * (sent - 1))
        sizes.append(await held(session))
    kept = await page.evaluate("() => rtchart.candles().length")
    grown(f"seconds, of {seconds}, of which {kept} candles are kept", sizes)
    await page.context.close()


async def held(session: CDPSession) -> tuple[float, int, int]:
    """Megabytes of the heap, nodes, and listeners, after a collection."""
    await session.send("HeapProfiler.enable")
    for _ in range(3):
        await session.send("HeapProfiler.collectGarbage")
    usage = await session.send("Runtime.getHeapUsage")
    counts = await session.send("Memory.getDOMCounters")
    return usage["usedSize"] / 1e6, counts["nodes"], counts["jsEventListeners"]


def grown(of: str, sizes: Sequence[tuple[float, int, int]]) -> None:
    """Print what it was after a tenth, and after all."""
    first, last = sizes
    print(
        f"heap after a tenth, and after all {of}: {first[0]:.1f} and {last[0]:.1f} MB; "
        f"nodes {first[1]} and {last[1]}, listeners {first[2]} and {last[2]}"
    )


async def waking(browser: Browser, stage: Stage) -> None:
    """From waking up to the right picture, over a connection that is dead: the machine slept, or the tab was only hidden."""
    for what, slept in (("a machine that slept", MINUTE), ("a tab that was hidden, its connection dead", 0)):
        times = []
        for _ in range(LOADS):
            at = now_ms() // MINUTE * MINUTE - 30 * MINUTE
            whole = market.candle("BTCUSDT", "1m", at, now_ms())
            stage.edit[at] = {**whole, "received": 31}
            page, _session = await opened(browser, stage)
            await page.wait_for_function("() => /\\d/.test(document.querySelector('#status-latency').textContent)")
            stage.forget()
            stage.edit[at] = {**whole, "revision": 2, "source": "repair"}
            took = """async ([at, slept]) => {
              const now = Date.now;
              Date.now = () => now() + slept;
              const began = performance.now();
              document.dispatchEvent(new Event("visibilitychange"));
              while (rtchart.candles().find(({ open_time }) => open_time === at).received < 60) {
                await new Promise(requestAnimationFrame);
                if (performance.now() - began > 30_000) throw new Error("what was repaired meanwhile did not come");
              }
              await new Promise(requestAnimationFrame); // in which it is painted
              return performance.now() - began;
            }"""
            times.append(await page.evaluate(took, [at, slept]))
            stage.edit.clear()
            await page.context.close()
        median, worst = statistics.median(times), max(times)
        print(f"{what}: awake → the right picture {median:.0f} ms median of {LOADS}, {worst:.0f} ms at worst (goal < 1 s)")


async def main(updates: int, symbols: int) -> None:
    """All of it, printed."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        async with serving(Stage()) as stage:
            await first_load(browser, stage)
            await waking(browser, stage)
        async with serving(Stage(), second=None) as stage:
            await per_update(browser, stage)
            await heap(browser, stage, updates)
            await growing(browser, stage, updates)
        names = [f"S{number:04d}USDT" for number in range(symbols - 1)]
        async with serving(Stage(symbols=["BTCUSDT", *names])) as stage:
            await scrolling(browser, stage, symbols)
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=100_000)
    parser.add_argument("--symbols", type=int, default=1_500)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.updates, chosen.symbols))
