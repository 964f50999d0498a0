"""Whether the night woke whom it should, and nobody besides."""

from __future__ import annotations

from collections.abc import Iterator

from tests.night.pager import Message, describe
from tests.night.play import Night, Played
from tests.night.script import ACTS, Act


def complaints(night: Night) -> list[str]:
    """What was not as the script says; empty if all was."""
    return [complaint for act, played in zip(ACTS, night.acts, strict=True) for complaint in _of(act, played)]


def _of(act: Act, played: Played) -> Iterator[str]:
    pages = [message for message in played.messages if message.receiver == "page"]
    expected = [message for message in pages if message.group == act.page]
    if act.page and len(expected) != 1:
        yield f"{act.what}: {len(expected)} pages for {describe(act.page)} instead of one"
    for message in pages:
        if message not in expected:
            yield f"{act.what}: a page that nobody needs: {describe(message.group)}: {_names(message)}"
        elif not message.alerts <= act.alerts:
            yield f"{act.what}: the page names {_names(message)}"
    if act.ticket and not any(act.ticket in message.alerts for message in played.messages):
        yield f"{act.what}: no ticket {act.ticket}"


def _names(message: Message) -> str:
    return ", ".join(sorted(message.alerts))
