"""PostgreSQL's errors as the journal's: named for what the caller can do, and without any value that was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from gateway.journal.interface import JournalMisconfigured, JournalUnavailable


class Conflict(JournalUnavailable):
    """The server rolled the transaction back because of another one: sent again, it may succeed."""


class Unstorable(JournalUnavailable):
    """The server rejects one of the values, and will do so at every try; nothing was written."""


_UNUSABLE: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ClientConfigurationError,
)
_CONFLICTS: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_UNSTORABLE: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
_ANY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, EOFError)


@contextmanager
def translate_errors(doing: str) -> Iterator[None]:
    """Raises `JournalUnavailable` in place of what asyncpg and the network raise. `doing` is what failed, for the
    text."""
    try:
        yield
    except _CONFLICTS as error:
        raise Conflict(f"{doing} failed: {_message(error)}") from error
    except _UNSTORABLE as error:
        raise Unstorable(f"{doing} failed: the database rejects a value ({type(error).__name__})") from error
    except TimeoutError as error:
        raise JournalUnavailable(f"{doing} failed: no answer in time") from error
    except _ANY as error:
        raise JournalUnavailable(f"{doing} failed: {_message(error)}") from error


@contextmanager
def translate_connect_errors(doing: str = "connecting", remedy: str = "") -> Iterator[None]:
    """Raises `JournalMisconfigured` in place of errors that waiting does not repair, with the remedy, and
    `JournalUnavailable` for others."""
    with translate_errors(doing):
        try:
            yield
        except _UNUSABLE as error:
            raise JournalMisconfigured(f"{doing} failed: {_message(error)}{remedy}") from error


def _message(error: BaseException) -> str:
    """The first line of the server's message: further lines are details, which may quote a row."""
    return str(error).partition("\n")[0] or type(error).__name__
