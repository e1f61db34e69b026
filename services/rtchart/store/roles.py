"""The services' login roles, and their passwords."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from rtchart.core.errors import UserError
from rtchart.process.logs import fields
from rtchart.store.database import Connection

log = logging.getLogger(__name__)

ROLES = ("rtchart_inserter", "rtchart_aggregator", "rtchart_web")
"""A login role per service, with the least it needs; migrations grant to them."""

_ITERATIONS = 4096
"""As PostgreSQL's own ``scram_iterations``."""


async def make_roles(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Make the roles that are missing; those with a password may log in with it, and with no other."""
    for role in ROLES:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            try:
                await connection.execute(f"CREATE ROLE {role} LOGIN")
            except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                log.info("the role was made by somebody else just now", extra=fields(role=role))
        if role in passwords:
            await connection.execute(f"ALTER ROLE {role} LOGIN PASSWORD '{scram_verifier(passwords[role])}'")


def read_passwords(folder: Path) -> dict[str, str]:
    """The passwords of roles, each in a file named as the role; other files are not looked at. Raises `UserError`."""
    found = {}
    for role in ROLES:
        try:
            text = (folder / role).read_text(encoding="utf-8").rstrip("\r\n")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise UserError(f"cannot read the password of {role} in {folder} ({why}); mend the file") from None
        if not text or not text.isascii() or not text.isprintable():
            raise UserError(
                f"the password of {role} in {folder} is empty, or has other characters than ASCII's; choose another"
            )
        found[role] = text
    if not found:
        raise UserError(f"--role-passwords {folder} holds no file named as a role ({', '.join(ROLES)}); correct the path")
    return found


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores of a password (RFC 5803), made here so that its log of statements never holds the password."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ITERATIONS, *encoded)
