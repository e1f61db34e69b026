"""Where what `rtchart up` runs is reached, for the commands that a person runs beside it: a file for the shell.

The engines' ports are others at each start. ``. rtchart-data/environment`` sets the variables of all commands.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NAME = "environment"


@contextmanager
def told(folder: Path, settings: Mapping[str, str]) -> Iterator[Path]:
    """Have the settings (options without ``RTCHART_``) in the folder's file, for their owner alone, while the block runs."""
    file = folder / NAME
    lines = "".join(f"export RTCHART_{name}={shlex.quote(value)}\n" for name, value in settings.items())
    file.unlink(missing_ok=True)  # of a run that was killed
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(lines)
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)
