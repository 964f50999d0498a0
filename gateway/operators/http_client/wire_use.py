"""What went over the wire on behalf of one call to an operator, however many requests its adapter makes."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Unsent


class WireUse:
    """Shared by all that works on one call, tasks that its adapter starts included.

    `written`: a request was handed to a transport. `answer`: the whole response to the last request, None until it is
    there. `over`: the call has ended; nothing may be written for it any more, so that "nothing was written" stays true.
    `secrets`: what it sent that no text may show, beside the secrets of the settings and the session.
    """

    __slots__ = ("answer", "over", "secrets", "written")

    def __init__(self) -> None:
        self.written = False
        self.over = False
        self.secrets: tuple[str, ...] = ()
        self.answer: HttpResponse | None = None


CURRENT_USE: Final[ContextVar[WireUse | None]] = ContextVar("current_use", default=None)


def note_write() -> None:
    """A request is about to be handed to a transport. Raises `Unsent` if its call has ended meanwhile."""
    use = CURRENT_USE.get()
    if use is None:
        return
    if use.over:
        raise Unsent("the call that this request belongs to has ended")
    use.written = True
    use.answer = None


def note_answer(answer: HttpResponse) -> None:
    """A whole answer has come."""
    use = CURRENT_USE.get()
    if use is not None:
        use.answer = answer


def note_secret(text: str) -> str:
    """Returns the text. The call sends it, and the operator may repeat it in its answer: an access token, say."""
    use = CURRENT_USE.get()
    if use is not None:
        use.secrets += (text,)
    return text
