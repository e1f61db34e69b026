"""The page without a browser: what its modules do in Node, and what its index says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts import page as verbs


def test_what_needs_no_browser_in_node() -> None:
    script = Path(verbs.__file__)
    done = subprocess.run([sys.executable, script, "test"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def modules() -> Iterator[Path]:
    return (verbs.PAGE / "js").rglob("*.js")


def test_every_module_and_every_sheet_is_in_what_is_built(built: None) -> None:
    elsewhere = {"protocol.js", "client.js"}  # types alone; and what the page itself does without
    wanted = {module.relative_to(verbs.PAGE).as_posix() for module in modules() if module.name not in elsewhere}
    wanted |= {sheet.relative_to(verbs.PAGE).as_posix() for sheet in (verbs.PAGE / "css").glob("*.css")} - {"css/main.css"}
    found = {source.removeprefix("../") for kind in ("js", "css") for source in mapped(kind)}
    assert wanted <= found
    assert {source.partition("node_modules/")[2].partition("/")[0] for source in found - wanted} == {
        "lightweight-charts",
        "fancy-canvas",
    }


def mapped(kind: str) -> list[str]:
    """The files that a built one is made of, from its folder."""
    found: list[str] = json.loads((verbs.BUILT / f"main.{kind}.map").read_text(encoding="utf-8"))["sources"]
    return found


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    html = (verbs.PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", html)
    assert all(link.startswith("__STATIC__/") for link in re.findall(r'<(?:link|script|img)[^>]*?(?:href|src)="([^"]+)"', html))


def test_the_chart_librarys_notice_and_link_are_on_the_page() -> None:
    html = " ".join((verbs.PAGE / "index.html").read_text(encoding="utf-8").split())
    text = re.sub(r"<[^>]+>", "", html)
    assert "TradingView Lightweight Charts™ Copyright (c) 2025 TradingView, Inc. https://www.tradingview.com/" in text
    assert '<a href="https://www.tradingview.com/"' in html


def test_modules_stay_small() -> None:
    # Texts are as long as they are: another language is one file.
    lengths = {module.name: len(module.read_text().splitlines()) for module in modules() if module.name != "texts.js"}
    assert {name: length for name, length in lengths.items() if length > 330} == {}
