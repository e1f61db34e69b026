"""The command line's options of PostgreSQL. A command gets ``database`` as one argument: a URL with the password in."""

from __future__ import annotations

from pathlib import Path

import click

from rtchart.process.options import collected, option, password_of

_WHAT = "PostgreSQL: postgresql://USER@HOST:PORT/NAME."

_database = option("--database", metavar="URL", required=True, help=_WHAT)
_database_if_given = option("--database", metavar="URL", help=_WHAT)
_password = option(
    "--database-password",
    metavar="TEXT",
    help="The user's password, if it is not in the URL. On the command line everybody on the machine can read it.",
)
_password_file = option(
    "--database-password-file", type=click.Path(path_type=Path), metavar="FILE", help="A file that holds the password."
)


def _url(database: str | None, database_password: str | None, database_password_file: Path | None) -> str | None:
    password = password_of(database_password, database_password_file, "--database-password")
    if database is None or password is None:
        return database
    from rtchart.store.database import with_password  # not before: who has no database may have no package for one

    return with_password(database, password)


database = collected("database", _url, _database, _password, _password_file)
if_given = collected("database", _url, _database_if_given, _password, _password_file)
"""… of a command that does what it can without one: it gets None then."""

role_passwords = option(
    "--role-passwords",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Let the services' database roles log in with these passwords: a file for each, named as the role.",
)
