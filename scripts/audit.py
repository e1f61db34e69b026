"""Ask the registries whether a flaw is known in what is locked: ``python scripts/audit.py``.

Python's packages are asked for by pip-audit, which uv fetches for this alone, and the page's by ``npm audit``. Ends with 1 when
one has a known flaw, and says which and where it is mended. A registry that does not answer is no clean bill: it is said, and
with REQUIRE_AUDIT=1 it is a failure too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import page

ROOT = page.ROOT
LOCKS = ("dev", "build", "reload")
"""What the others are made of: all services' versions are those of ``dev``."""


class Unanswered(Exception):
    """A registry did not say whether it knows a flaw; the text says why."""


def python(lock: str) -> Iterator[str]:
    """The known flaws in a lock of ``requirements/``. Raises `Unanswered`."""
    uv = Path(sys.executable).parent / "uv"
    options = ("--format", "json", "--progress-spinner", "off", "--disable-pip", "--require-hashes")
    file = ROOT / "requirements" / f"{lock}.txt"
    answer = _run(str(uv), "tool", "run", "--quiet", "--from", "pip-audit", "pip-audit", *options, "--requirement", str(file))
    packages = answer.get("dependencies")
    if not packages:
        raise Unanswered(answer["why"])
    for each in packages:
        for flaw in each.get("vulns", ()):
            mended = ", ".join(flaw["fix_versions"]) or "no version yet"
            yield f"{each['name']} {each['version']}: {flaw['id']}, mended in {mended}"
    if skipped := [each["skip_reason"] for each in packages if "skip_reason" in each]:
        raise Unanswered(f"{len(skipped)} of {len(packages)} packages: {skipped[0]}")


def javascript() -> Iterator[str]:
    """The known flaws in package-lock.json. Raises `Unanswered`."""
    try:
        npm = page.node()[1]
    except page.Missing as error:
        raise Unanswered(str(error)) from None
    answer = _run(*map(str, npm), "audit", "--json", "--package-lock-only")
    if "vulnerabilities" not in answer:
        raise Unanswered(answer.get("message") or answer["why"])
    for name, flaw in answer["vulnerabilities"].items():
        yield f"{name} {flaw['range']}: {flaw['severity']}, mended by `npm update {name}`: {flaw['fixAvailable']}"


def _run(*command: str) -> dict[str, Any]:
    """The JSON that the command prints; without any, ``why``: the last line of what it says instead."""
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})
    said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        found = {}
    return {"why": said, **found}


def main() -> int:
    flaws = unanswered = 0
    asked = [(f"requirements/{lock}.txt", python(lock)) for lock in LOCKS]
    for what, found in (*asked, ("package-lock.json", javascript())):
        listed: list[str] = []
        try:
            for flaw in found:
                listed.append(flaw)
            print(f"{what}: {len(listed) or 'no'} known flaw{'' if len(listed) == 1 else 's'}")
        except Unanswered as error:
            unanswered += 1
            print(f"{what}: NOT AUDITED, the registry does not answer ({error})")
        for flaw in listed:
            print(f"  {flaw}")
        flaws += len(listed)
    return 1 if flaws or (unanswered and os.environ.get("REQUIRE_AUDIT")) else 0


if __name__ == "__main__":
    raise SystemExit(main())
