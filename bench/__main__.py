"""``make bench``: every benchmark, one after the other, each in a process of its own. Names as arguments choose some."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "producer",
    "insert",
    "aggregate",
    "fanout",
    "latency",
    "join",
    "backfill",
    "metrics",
    "observed",
    "sizing",
    "memory",
    "page",
)


def main(names: list[str]) -> int:
    for name in names or BENCHMARKS:
        if name not in BENCHMARKS:
            print(f"unknown benchmark {name!r}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
            return 2
        print(f"== {name}", flush=True)
        if code := subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
