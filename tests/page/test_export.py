"""What a chart has in sight as a file, in Chromium."""

from __future__ import annotations

import csv
import re
import struct
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import Download, Page

from rtchart.process.clock import now_ms
from tests.page.browser import opened, until
from tests.page.stage import Stage

pytestmark = pytest.mark.browser

DECIMALS = (
    "open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume",
)  # fmt: skip


async def exported(page: Page, kind: str) -> tuple[Download, Path]:
    """The file that a click on the button brings."""
    async with page.expect_download() as coming:
        await page.click(f"#export-{kind}")
    download = await coming.value
    return download, Path(await download.path())


async def test_the_candles_in_sight_are_the_rows_of_a_table(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?symbol=BTCUSDT&interval=1h&indicators=sma:20,macd:12:26:9")
    await page.evaluate("() => rtchart.scroll(-200)")
    await until(page, "r.inSight().length > 20 && r.inSight().at(-1).closed")
    download, path = await exported(page, "csv")
    wanted = await page.evaluate("() => rtchart.inSight()")

    raw = path.read_bytes().decode()
    assert raw.endswith("\r\n") and raw.count("\r\n") == len(wanted) + 1
    rows = list(csv.DictReader(raw.splitlines()))
    for row, candle in zip(rows, wanted, strict=True):
        assert (row["exchange"], row["symbol"], row["interval"]) == ("binance", "BTCUSDT", "1h")
        assert int(row["open_time"]) == candle["open_time"]
        assert datetime.fromisoformat(row["time"]).timestamp() * 1000 == candle["open_time"]
        assert {name: row[name] for name in DECIMALS} == {name: candle[name] for name in DECIMALS}
        for name in ("trades", "received", "expected", "revision"):
            assert int(row[name]) == candle[name]
        assert (row["source"], row["closed"]) == ("stream", "true")
    # The lines of the indicators, as they are drawn.
    lines = await page.evaluate("() => rtchart.indicators()")
    names = list(rows[0])[19:]
    assert (
        names[0] == "SMA 20" and len(names) == len(lines) == 4 and all(name.startswith("MACD 12 26 9 ") for name in names[1:])
    )
    drawn = {point["time"] * 1000: point.get("value") for point in lines[0]["data"]}
    assert [float(row["SMA 20"]) for row in rows] == [drawn[candle["open_time"]] for candle in wanted]

    first, last = (datetime.fromisoformat(rows[at]["time"]).strftime("%Y%m%dT%H%M") for at in (0, -1))
    assert download.suggested_filename == f"BTCUSDT-1h-{first}-{last}.csv"


async def test_the_forming_candle_is_in_the_table(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    _, path = await exported(page, "csv")
    *_, last = csv.DictReader(path.read_text().splitlines())
    assert last["closed"] == "false" and last["revision"] == "0"
    assert abs(int(last["open_time"]) - now_ms()) < 180_000


async def test_the_chart_is_a_picture_that_says_what_it_shows(stage: Stage, page: Page) -> None:
    await page.add_init_script(
        """{
          window.written = [];
          const original = CanvasRenderingContext2D.prototype.fillText;
          CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
            window.written.push(text);
            return original.call(this, text, ...rest);
          };
        }"""
    )
    await opened(page, stage, "?symbol=ETHUSDT&interval=5m")
    download, path = await exported(page, "png")
    assert re.fullmatch(r"ETHUSDT-5m-\d{8}T\d{4}-\d{8}T\d{4}\.png", download.suggested_filename)
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    box = await page.locator("#chart").bounding_box()
    assert box is not None
    assert abs(width - box["width"]) < 3 and abs(height - box["height"] - 82) < 3

    written = await page.evaluate("() => window.written")
    assert "ETHUSDT 5m" in written
    assert any(re.match(r"Binance · \d{4}-\d\d-\d\d \d\d:\d\d – .+ UTC$", text) for text in written)
    assert any("TradingView Lightweight Charts" in text for text in written)
    # Something is drawn in the middle, on the chart's own ground.
    colours = await page.evaluate(
        """async (data) => {
          const picture = await createImageBitmap(new Blob([Uint8Array.from(data)], { type: "image/png" }));
          const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d", { willReadFrequently: true });
          context.drawImage(picture, 0, 0);
          const rows = [[0, 56], [56, picture.height - 82], [picture.height - 25, 25]];
          return rows.map(([top, height]) => {
            const pixels = new Uint32Array(context.getImageData(0, top, picture.width, height).data.buffer);
            return [new Set(pixels).size, pixels.every((pixel) => pixel >>> 24 === 255)];
          });
        }""",
        list(data),
    )
    assert all(count > 5 and opaque for count, opaque in colours)
