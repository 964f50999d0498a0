"""What a reload cannot change, since money that is under way depends on it, or a socket is open."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.settings import JournalSettings, Settings

_REMEDY = "restart the gateway to change it"


def find_unreloadable(old: Settings, new: Settings) -> list[str]:
    """The changes from `old` to `new` that only a restart can make, as problems; empty if a reload will do."""
    return [f"{place}: cannot be changed by a reload; {_REMEDY}" for place in _places(old, new)]


def _places(old: Settings, new: Settings) -> Iterator[str]:
    for place, was, will in (
        ("server.host", old.server.host, new.server.host),
        ("server.port", old.server.port, new.server.port),
        ("server.request_timeout", old.server.request_timeout, new.server.request_timeout),
        ("admin.host", old.admin.host, new.admin.host),
        ("admin.port", old.admin.port, new.admin.port),
    ):
        if was != will:
            yield place
    for name in sorted(old.every_journal.keys() | new.every_journal.keys()):
        if not _same_store(old.every_journal.get(name), new.every_journal.get(name)):
            yield f"journal {name}"
    for name in sorted(old.operators.keys() & new.operators.keys()):
        if old.operators[name].journal != new.operators[name].journal:
            yield f"operators.{name}.journal"


def _same_store(old: JournalSettings | None, new: JournalSettings | None) -> bool:
    """Whether both are one journal, but for how long it keeps what is finished."""
    return old is not None and new is not None and old == new.model_copy(update={"keep": old.keep})
