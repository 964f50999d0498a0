"""A gateway whose configuration puts an operator into a journal that it has left: it does not start, nor reload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import JournalUnavailable
from gateway.records import MovedOperator
from gateway.runtime import ConfigurationUnusable
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from gateway.transfers.housekeeping import Housekeeping
from tests.support.runtimes import FarOperator, operator_to, running, settings_for

LEFT = MovedOperator(operator="acme", journal="own", at=1_767_225_600.0)


async def mark(url: str, *marks: MovedOperator) -> None:
    journal = await open_journal("default", JournalSettings(url=url), Metrics(), SystemClock(), beside=True)
    await journal.mark(marks, None)
    await journal.close()


def settings(folder: Path, *names: str, far: FarOperator, **changes: Any) -> Any:
    credentials = {name: [{"username": name, "password": "MyPass"}] for name in names}
    return settings_for(folder, {name: operator_to(far, credentials=credentials[name], **changes) for name in names})


async def test_a_start_is_refused_with_where_it_has_gone_and_what_to_do(tmp_path: Path, far: FarOperator) -> None:
    whole = settings(tmp_path, "acme", "beta", far=far)
    async with running(whole):
        await mark(whole.journal.url, LEFT)
    with pytest.raises(ConfigurationUnusable) as refused:
        async with running(whole):
            pass
    (problem,) = refused.value.problems
    assert problem == (
        "operators.acme.journal: the transfers of acme are not in the journal default any more: they moved to own at "
        "2026-01-01T00:00:00.000000Z; write journal: own, or copy them back first (mm-gateway journal copy --operator "
        "acme --from own --to default)"
    )
    async with running(settings(tmp_path, "beta", far=far)) as gateway:
        assert gateway.runtime.settings.operators.keys() == {"beta"}


async def test_a_start_is_refused_while_a_copy_into_its_journal_has_not_finished(
    tmp_path: Path, far: FarOperator
) -> None:
    whole = settings(tmp_path, "acme", far=far)
    async with running(whole):
        await mark(whole.journal.url, MovedOperator(operator="acme", journal="old", at=LEFT.at, arriving=True))
    with pytest.raises(ConfigurationUnusable, match="the copy of acme from the journal old into default has not"):
        async with running(whole):
            pass


async def test_a_reload_does_not_bring_it_in(tmp_path: Path, far: FarOperator, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = settings(tmp_path, "beta", far=far), settings(tmp_path, "acme", "beta", far=far)
    async with running(before) as gateway:
        await mark(before.journal.url, LEFT)
        with pytest.raises(ConfigurationUnusable, match=r"operators\.acme\.journal: the transfers of acme are not in"):
            await gateway.runtime.reload(after)
        assert gateway.runtime.settings == before

        async def away() -> list[MovedOperator]:
            raise JournalUnavailable("no answer in time")

        monkeypatch.setattr(gateway.runtime._journals.open["default"], "moved_operators", away)
        with pytest.raises(ConfigurationUnusable, match="whether a new one has left its journal is not known"):
            await gateway.runtime.reload(after)
        await gateway.runtime.reload(before)  # needs no journal


async def test_a_gateway_that_starts_while_its_operator_moves_refuses(
    tmp_path: Path, far: FarOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = settings(tmp_path, "acme", far=far)
    begin = Housekeeping.begin

    async def begin_and_move(self: Housekeeping) -> None:
        journal = self._journal
        await journal.mark([LEFT], None)  # type: ignore[attr-defined] # as a command does, that has seen no lease
        await begin(self)

    monkeypatch.setattr(Housekeeping, "begin", begin_and_move)
    with pytest.raises(ConfigurationUnusable, match="the transfers of acme are not in the journal default any more"):
        async with running(whole):
            pass


async def test_a_start_finishes_a_move_that_was_made(tmp_path: Path, far: FarOperator) -> None:
    own = f"sqlite:///{tmp_path}/own.db"
    journals = {"own": {"url": own}}
    first = settings_for(tmp_path, {"acme": operator_to(far)}, journals=journals)
    async with running(first):
        await mark(first.journal.url, LEFT)
        await mark(own, MovedOperator(operator="acme", journal="default", at=LEFT.at, arriving=True))
    async with running(settings_for(tmp_path, {"acme": operator_to(far, journal="own")}, journals=journals)) as gateway:
        journal: CopyableJournal = gateway.runtime._journals.open["own"]  # type: ignore[assignment] # not traced here
        assert await journal.moved_operators() == []
