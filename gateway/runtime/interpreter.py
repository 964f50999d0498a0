"""How the interpreter of a gateway's process is set up: its event loop, its garbage collection, its threads."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

COLLECT_AFTER: Final = 20_000
"""How many new objects start a collection of the youngest generation (Python's default: 700)."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The factory of uvloop's event loop where that is installed; None for Python's own."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def tune_collector() -> None:
    """Freezes start-up objects and makes collections rarer."""
    # Start-up objects live as long as the process, so they need not be searched again. A call leaves no cycles, and
    # with the default threshold the search for them costs a tenth of a call.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


@contextmanager
def short_turns() -> Iterator[None]:
    """Lets a thread that reads the configuration keep the event loop waiting for a tenth of the usual 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
