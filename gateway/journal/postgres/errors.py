"""PostgreSQL's errors in the journal's words: what the caller can do about them, and no value that was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from gateway.journal.interface import JournalMisconfigured, JournalUnavailable


class Conflict(JournalUnavailable):
    """The server undid all of it because of somebody else's transaction: the same again may well succeed."""


class Unstorable(JournalUnavailable):
    """The server will not take one of the values, now or ever; nothing was written."""


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
def named_errors(doing: str) -> Iterator[None]:
    """Turns what asyncpg and the network raise into `JournalUnavailable`."""
    try:
        yield
    except _CONFLICTS as error:
        raise Conflict(f"{doing} failed: {_said(error)}") from error
    except _UNSTORABLE as error:
        raise Unstorable(f"{doing} failed: the value cannot be stored ({type(error).__name__})") from error
    except TimeoutError as error:
        raise JournalUnavailable(f"{doing} failed: no answer in time") from error
    except _ANY as error:
        raise JournalUnavailable(f"{doing} failed: {_said(error)}") from error


@contextmanager
def named_refusals() -> Iterator[None]:
    """Turns what waiting does not mend into `JournalMisconfigured`, the rest into `JournalUnavailable`."""
    with named_errors("connecting"):
        try:
            yield
        except _UNUSABLE as error:
            raise JournalMisconfigured(f"connecting failed: {_said(error)}") from error


def _said(error: BaseException) -> str:
    """The server's message without its details, which may quote a row."""
    return str(error).partition("\n")[0] or type(error).__name__
