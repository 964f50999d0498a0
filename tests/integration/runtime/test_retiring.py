"""How an operator leaves a running gateway: none of its transfers is left with nobody to end it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.runtime import ConfigurationUnusable
from gateway.runtime.unfinished import UnfinishedWatch
from gateway.sandbox.ledger import HoldState
from gateway.settings import Settings
from gateway.wire.calls import WalletCall
from tests.support.runtimes import FarOperator, Running, operator_to, running, settings_for
from tests.support.waiting import until

RETIRING = 124


def both(folder: Path, far: FarOperator, **acme: Any) -> Settings:
    other = operator_to(far, credentials=[{"username": "u", "password": "p"}])
    return settings_for(folder, {"acme": operator_to(far, **acme), "other": other})


def without(folder: Path, far: FarOperator) -> Settings:
    return settings_for(folder, {"other": operator_to(far, credentials=[{"username": "u", "password": "p"}])})


def looked(gateway: Running) -> list[Any]:
    """What the watch logs now."""
    with capture_logs() as lines:
        gateway.runtime._unfinished.look()
    return lines


async def counted(gateway: Running) -> None:
    """Counts what is unfinished, as housekeeping does every few seconds."""
    for housekeeping in gateway.runtime._journals._housekeeping.values():
        await housekeeping.round()


async def test_a_reload_that_would_leave_transfers_behind_changes_nothing(tmp_path: Path, far: FarOperator) -> None:
    async with running(both(tmp_path, far)) as gateway:
        await gateway.call(WalletCall.WITHDRAW, "1")
        await gateway.call(WalletCall.WITHDRAW, "2")
        with pytest.raises(ConfigurationUnusable) as refused:
            await gateway.runtime.reload(without(tmp_path, far))
        (problem,) = refused.value.problems
        assert problem == (
            "operators.acme: unfinished transfers would be left behind (2 held): keep it with `retiring: true` until "
            "they have ended"
        )
        assert (await gateway.call(WalletCall.CONFIRM_WITHDRAWAL, "1")).status == 200


async def test_an_operator_retires_and_is_removed_once_nothing_is_unfinished(
    tmp_path: Path, far: FarOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UnfinishedWatch, "run", lambda _: until(lambda: False))  # the test looks itself
    async with running(both(tmp_path, far)) as gateway:
        await gateway.call(WalletCall.WITHDRAW, "1")
        await gateway.runtime.reload(both(tmp_path, far, retiring=True))
        assert b'mm_gateway_operator_retiring{operator="acme"} 1.0' in (await gateway.page("/metrics")).body
        assert (await gateway.call(WalletCall.WITHDRAW, "2")).error_code == RETIRING
        assert (await gateway.call(WalletCall.ROLLBACK_WITHDRAWAL, "2")).status == 200
        assert far.state_of("2") is None
        await counted(gateway)
        (begun,) = looked(gateway)
        assert (begun["event"], begun["unfinished"]) == ("operator retiring", "1 held")
        assert looked(gateway) == []
        assert (await gateway.call(WalletCall.CONFIRM_WITHDRAWAL, "1")).status == 200
        assert far.state_of("1") is HoldState.CONFIRMED
        await counted(gateway)
        (ended,) = looked(gateway)
        assert (ended["event"], ended["operator"]) == ("operator retiring: nothing of it is unfinished", "acme")
        await gateway.runtime.reload(without(tmp_path, far))
        assert (await gateway.call(WalletCall.CONFIRM_WITHDRAWAL, "1")).status == 401


async def test_a_start_without_an_operator_tells_what_of_it_nobody_ends(tmp_path: Path, far: FarOperator) -> None:
    async with running(both(tmp_path, far)) as gateway:
        await gateway.call(WalletCall.WITHDRAW, "1")
    with capture_logs() as lines:
        async with running(without(tmp_path, far)):
            await until(lambda: any("unfinished transfers" in line["event"] for line in lines))
    (told,) = [line for line in lines if "unfinished transfers" in line["event"]]
    assert (told["operator"], told["state"], told["transfers"], told["journal"]) == ("acme", "held", 1, "default")
