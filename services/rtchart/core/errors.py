"""The one kind of error that is meant for the person at the terminal."""

from __future__ import annotations

import msgspec


class UserError(Exception):
    """Something the user can mend: a port in use, a database that refuses, a folder not writable.

    Its text is one sentence that says what happened, where, and what to do. It ends a command with exit code 1 and no
    traceback; every other exception is a defect of ours and shows its traceback.
    """


class Unavailable(UserError):
    """Something that may come by itself: a broker or a database that is still starting, a schema that is not there yet.

    A service that was told to (``--wait``) tries again instead of ending.
    """


UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises of bytes that it cannot read, thousands of brackets that open among them."""
