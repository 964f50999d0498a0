"""What a reload cannot change: open sockets, journals, and what transfers in progress depend on."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.settings import JournalSettings, OperatorsServerSettings, Settings

_REMEDY = "restart the gateway to change it"


def find_unreloadable(old: Settings, new: Settings) -> list[str]:
    """The changes from `old` to `new` that need a restart, one problem each; empty if a reload is enough."""
    return [f"{key}: cannot be changed by a reload; {_REMEDY}" for key in _changed_keys(old, new)]


def _changed_keys(old: Settings, new: Settings) -> Iterator[str]:
    for key, before, after in (
        ("workers", old.workers, new.workers),
        ("server.host", old.server.host, new.server.host),
        ("server.port", old.server.port, new.server.port),
        # Also the wait limit of every transfer in progress (`Context.wait_limit_s`).
        ("server.request_timeout", old.server.request_timeout, new.server.request_timeout),
        ("admin.host", old.admin.host, new.admin.host),
        ("admin.port", old.admin.port, new.admin.port),
        # Parts are made for tracing or without it, once: docs/decisions/067-tracing-is-woven-in-at-the-start.md.
        ("tracing", old.tracing, new.tracing),
        *_operators_server(old.operators_server, new.operators_server),
    ):
        if before != after:
            yield key
    for name in sorted(old.every_journal.keys() | new.every_journal.keys()):
        if not _same_store(old.every_journal.get(name), new.every_journal.get(name)):
            yield f"journal {name}"
    for name in sorted(old.operators.keys() & new.operators.keys()):
        # Its unfinished transfers would stay behind in the old journal, where nobody would deliver them.
        if old.operators[name].journal != new.operators[name].journal:
            yield f"operators.{name}.journal"


def _operators_server(
    old: OperatorsServerSettings | None, new: OperatorsServerSettings | None
) -> Iterator[tuple[str, object, object]]:
    if old is None or new is None:
        yield "operators_server", old, new
    else:
        yield "operators_server.host", old.host, new.host
        yield "operators_server.port", old.port, new.port


def _same_store(old: JournalSettings | None, new: JournalSettings | None) -> bool:
    """Whether both describe the same journal; `keep` alone may change."""
    return old is not None and new is not None and old == new.model_copy(update={"keep": old.keep})
