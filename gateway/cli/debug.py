"""What `--debug` adds to an unexpected error: where it came from.

Frames and source lines only, no values: an error's own message may quote what it was given, a password or a player's
token included, and what is printed here is meant to be sent to others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from traceback import format_tb
from typing import Final

OPTION: Final = "--debug"
VARIABLE: Final = "MM_GATEWAY_DEBUG"
END_OF_OPTIONS: Final = "--"


def without_debug(words: list[str]) -> tuple[list[str], bool]:
    """The command line without `--debug`, wherever it stands, and whether it is wanted."""
    end = words.index(END_OF_OPTIONS) if END_OF_OPTIONS in words else len(words)
    options = [word for word in words[:end] if word != OPTION]
    return [*options, *words[end:]], len(options) < end or os.environ.get(VARIABLE) == "1"


def traceback_of(error: BaseException) -> Iterator[str]:
    """The frames of an error, oldest first, after those of the errors that led to it."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from traceback_of(earlier)
        yield "which led to:\n"
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from traceback_of(each)
            yield "which is one of:\n"
    yield from format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}\n"
