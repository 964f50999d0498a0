"""Certificates and keys that connections to PostgreSQL are made with: those that are not there, before asyncpg says so.

Which are read when is asyncpg's rule (`_parse_connect_dsn_and_args`), which is nearly that of libpq.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.settings.files import unreadable
from gateway.settings.journals import JournalSettings
from gateway.settings.models import DEFAULT_JOURNAL, Settings
from gateway.settings.problems import Finding, KeyPath

_AUTHORITIES: Final = "sslrootcert"
_READ: Final[dict[str, tuple[str, ...]]] = {
    "allow": ("sslcert", "sslkey"),
    "prefer": ("sslcert", "sslkey"),
    "require": (_AUTHORITIES, "sslcert", "sslkey"),
    "verify-ca": (_AUTHORITIES, "sslcert", "sslkey"),
    "verify-full": (_AUTHORITIES, "sslcert", "sslkey"),
}
"""The parameters whose files are read, by `sslmode`; one that is not here reads none."""
_VERIFYING: Final = frozenset({"verify-ca", "verify-full"})
"""Modes that need authorities."""
_SYSTEMS_OWN: Final = "system"


def missing_database_files(settings: Settings) -> Iterator[Finding]:
    """Files that a journal's URL or the environment names, and that this user cannot read."""
    for key_path, journal in _databases(settings):
        for parameter in _READ.get(_mode(journal), ()):
            named_by, file = _named(journal, parameter)
            if file and (why := _unusable(parameter, file)) is not None:
                yield Finding(key_path, f"{named_by}: {why}")


def missing_default_authorities(settings: Settings) -> Iterator[Finding]:
    """Journals for which the authorities are looked for in the user's home, where this user has none. The gateway may
    be another user, or on another machine."""
    for key_path, journal in _databases(settings):
        if (mode := _mode(journal)) not in _VERIFYING or _named(journal, _AUTHORITIES)[1]:
            continue
        file = _default_authorities()
        why = "this user has none" if file is None else unreadable(file)
        if why is not None:
            text = (
                f"needs {_AUTHORITIES}: without it sslmode={mode} reads the authorities from the home of the gateway's "
                f"user, and {why}"
            )
            yield Finding(key_path, text)


def _databases(settings: Settings) -> Iterator[tuple[KeyPath, JournalSettings]]:
    """The journals in PostgreSQL, and where their URLs stand."""
    for name, journal in settings.every_journal.items():
        if journal.sqlite_path is None:
            yield ("journal", "url") if name == DEFAULT_JOURNAL else ("journals", name, "url"), journal


def _mode(journal: JournalSettings) -> str:
    # asyncpg takes `verify_full` as well.
    return (journal.sslmode or os.environ.get("PGSSLMODE", "prefer")).replace("_", "-")


def _named(journal: JournalSettings, parameter: str) -> tuple[str, str]:
    """What names the file of a parameter, the URL or a variable, and the file; empty if neither does."""
    if file := journal.parameter(parameter):
        return parameter, file
    variable = f"PG{parameter.upper()}"
    return variable, os.environ.get(variable, "")


def _unusable(parameter: str, file: str) -> str | None:
    """Why a file cannot be read; None if it can."""
    why = unreadable(Path(file))
    if why is not None and parameter == _AUTHORITIES and file == _SYSTEMS_OWN:
        # libpq has this word for the system's authorities; asyncpg looks for a file of that name.
        return f'"{file}" is not known here; name the file of the system\'s authorities (/etc/ssl/certs/…)'
    return why


def _default_authorities() -> Path | None:
    """Where asyncpg looks for them; None for a user without a home."""
    try:
        return Path.home() / ".postgresql" / "root.crt"
    except (RuntimeError, KeyError):
        return None
