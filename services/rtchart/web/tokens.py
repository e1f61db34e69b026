"""Bearer tokens (RFC 6750): where some are given, API and socket are for those who have one of them."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from pathlib import Path

from rtchart.core.errors import UserError
from rtchart.process.options import password_of

SHORTEST = 16
"""Characters of a token; fewer can be guessed."""

SUBPROTOCOL = "rtchart"
"""What the server agrees to speak; a browser wants it to agree to something that was offered."""

_OFFER = "bearer."
# What may stand both in a header's token and in a subprotocol's name.
_FORM = re.compile(rf"[A-Za-z0-9._~-]{{{SHORTEST},256}}")


class Tokens:
    """Those that are good; without any, everybody is let in. Kept as digests, so that no text of it shows one."""

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        self._digests = tuple(_digest(token) for token in tokens)

    def __bool__(self) -> bool:
        return bool(self._digests)

    def allow(self, token: str | None) -> bool:
        """Whether who shows this is let in. It takes as long whichever token it is, and however much of one is right."""
        shown = _digest(token or "")
        return not self._digests or any([hmac.compare_digest(shown, digest) for digest in self._digests])


def given(token: str | None, token_file: Path | None) -> Tokens:
    """Of ``--token`` or ``--token-file``, one a line: a new one is good while the old one still is. Raises `UserError`."""
    text = password_of(token, token_file, "--token")
    if text is None:
        # An empty variable counts as not given elsewhere; here that would be an open door where somebody meant a closed one.
        if empty := [name for name in ("RTCHART_TOKEN", "RTCHART_TOKEN_FILE") if os.environ.get(name) == ""]:
            raise UserError(f"{empty[0]} is there and empty; put a token in, or leave it out to let everybody in")
        return Tokens()
    where = "--token" if token_file is None else f"the file that --token-file names, {token_file},"
    tokens = [line.strip() for line in text.splitlines() if line.strip()]
    if not tokens:
        raise UserError(f"{where} holds no token; put one there, or leave the option out to let everybody in")
    for number, each in enumerate(tokens, 1):
        if not _FORM.fullmatch(each):
            raise UserError(
                f"token {number} of {where} is none that can be sent; make one of {SHORTEST} to 256 letters, digits and -._~, "
                "such as `openssl rand -hex 32` prints"
            )
    return Tokens(tokens)


def of_header(authorization: str | None) -> str | None:
    """The token in a header ``Authorization: Bearer TOKEN``."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def of_subprotocols(offered: Iterable[str]) -> str | None:
    """The token among a socket's subprotocols, ``bearer.TOKEN``: a page can set no header, and addresses end in logs."""
    return next((offer.removeprefix(_OFFER) for offer in offered if offer.startswith(_OFFER)), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
