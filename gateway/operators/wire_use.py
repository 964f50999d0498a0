"""Whether anything was written to an operator on behalf of one call, however many requests its adapter makes."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final


class WireUse:
    """Shared by everything that works on one call, tasks that its adapter starts included."""

    __slots__ = ("written",)

    def __init__(self) -> None:
        self.written = False


CURRENT_USE: Final[ContextVar[WireUse | None]] = ContextVar("current_use", default=None)


def note_write() -> None:
    """A request is about to be handed to a transport."""
    use = CURRENT_USE.get()
    if use is not None:
        use.written = True
