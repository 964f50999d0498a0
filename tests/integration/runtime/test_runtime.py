from __future__ import annotations

import asyncio
import gc
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.http.listener import Listener
from gateway.journal import open_journal
from gateway.journal.interface import JournalError, JournalUnavailable
from gateway.records import State
from gateway.runtime import ConfigurationUnusable, Runtime
from gateway.runtime.runtime import Prepared
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import WalletCall
from tests.support.doors import request
from tests.support.journals import a_transfer, key_of, put
from tests.support.ports import free_port
from tests.support.runtimes import FarOperator, message, operator_to, running, settings_for


async def test_a_purchase_goes_from_the_game_to_the_operator_and_back(tmp_path: Path, far: FarOperator) -> None:
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        answered = [
            await gateway.call(call)
            for call in (WalletCall.VERIFY_SESSION, WalletCall.WITHDRAW, WalletCall.CONFIRM_WITHDRAWAL)
        ]
        assert [each.status for each in answered] == [200, 200, 200]
        assert answered[-1].body == b'{"mmTransactionId":"1","balance":{"amount":990,"currencyCode":"XAG"}}'
        assert far.state_of("1") is HoldState.CONFIRMED
        assert far.ledger.violations() == []


async def test_a_withdraw_that_failed_is_rolled_back_without_the_game_asking(tmp_path: Path, far: FarOperator) -> None:
    far.go_wrong(Fault.CUT_AFTER, WalletCall.WITHDRAW)
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        assert (await gateway.call(WalletCall.WITHDRAW)).error_code == 121
        await far.until_seen(WalletCall.ROLLBACK_WITHDRAWAL)
        assert far.seen(WalletCall.WITHDRAW) == 1
        assert far.state_of("1") is HoldState.UNDONE


async def test_settings_that_nobody_checked_do_not_make_a_journal_forget_too_early(
    tmp_path: Path, far: FarOperator
) -> None:
    now, url = time.time(), f"sqlite:///{tmp_path / 'journal.db'}"
    journal = await open_journal("default", JournalSettings(url=url), Metrics(), SystemClock())
    for id_, days in (("old", 3), ("young", 1)):
        await put(journal, a_transfer(id_, state=State.CONFIRMED, changed_at=now - days * 86400))
    await journal.close()
    async with running(
        settings_for(tmp_path, {"acme": operator_to(far)}, journal={"url": url, "keep": 1.0})
    ) as gateway:
        journal = await open_journal("default", JournalSettings(url=url), Metrics(), SystemClock(), beside=True)
        async with asyncio.timeout(10):
            while await journal.find(key_of("old")) is not None:
                await asyncio.sleep(0.02)
        assert await journal.find(key_of("young")) is not None
        assert (await gateway.page("/healthz")).status == 200
        await journal.close()


async def test_health_readiness_and_metrics_are_told(tmp_path: Path, far: FarOperator) -> None:
    settings = settings_for(tmp_path, {"acme": operator_to(far)}, admin={"port": 0, "token": "s3cret"})
    async with running(settings) as gateway:
        await gateway.call(WalletCall.GET_BALANCE)
        pages = [await gateway.page("/healthz"), await gateway.page("/readyz")]
        assert [page.status for page in pages] == [200, 200]
        assert (await gateway.page("/metrics")).status == 401
        metrics = await gateway.page("/metrics", Authorization="Bearer s3cret")
        assert b'mm_gateway_call_seconds_count{call="getBalance",operator="acme",outcome="ok"} 1.0' in metrics.body
        assert b'mm_gateway_breaker_state{calls="holds",operator="acme",state="closed"} 1.0' in metrics.body


async def test_a_journal_that_cannot_be_written_is_not_ready(
    tmp_path: Path, far: FarOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full() -> None:
        raise JournalUnavailable("the disk is full")

    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        monkeypatch.setattr(gateway.runtime._journals.open["default"], "check_writable", full)
        ready = await gateway.page("/readyz")
        assert (ready.status, json.loads(ready.body)["problems"]) == (503, ["journal default: the disk is full"])
        assert (await gateway.page("/healthz")).status == 200


async def test_a_journal_that_does_not_answer_is_not_ready(
    tmp_path: Path, far: FarOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        monkeypatch.setattr("gateway.runtime.open_journals.CHECK_TIMEOUT_S", 0.05)
        monkeypatch.setattr(gateway.runtime._journals.open["default"], "check_writable", asyncio.Event().wait)
        ready = await gateway.page("/readyz")
        assert json.loads(ready.body)["problems"] == ["journal default: no answer within 0.05 s"]


async def test_an_address_in_use_is_told_and_nothing_is_left_open(tmp_path: Path, far: FarOperator) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for section in ("server", "admin"):
            other = {section: {"host": "127.0.0.1", "port": port}}
            with pytest.raises(
                ConfigurationUnusable,
                match=f"^{section}: cannot listen on 127.0.0.1:{port}: Address already in use; another program",
            ):
                await Runtime(settings_for(tmp_path, {"acme": operator_to(far)}, **other)).start()
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        assert (await gateway.page("/readyz")).status == 200


async def test_a_journal_that_cannot_be_opened_is_told_and_nothing_is_left_open(
    tmp_path: Path, far: FarOperator
) -> None:
    other = {"second": {"url": f"sqlite:///{tmp_path / 'missing' / 'journal.db'}"}}
    with pytest.raises(JournalError):
        await Runtime(settings_for(tmp_path, {"acme": operator_to(far)}, journals=other)).start()
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        assert (await gateway.page("/readyz")).status == 200


@pytest.mark.parametrize(
    "wrong, problem",
    [
        ({"adapter": "nonesuch"}, r"operators\.acme: there is no adapter 'nonesuch'"),
        ({"settings": {"base_url": "s3cret"}}, r"^operators\.acme: its settings do not fit its adapter$"),
        ({"tls": {"ca_file": "/nonexistent/ca.pem"}}, r"^operators\.acme: "),
        (
            {"credentials": [{"username": "u", "password_hash": "s3cret"}]},
            r"a password_hash or token_hash is not an Argon2 hash",
        ),
    ],
    ids=["adapter", "settings", "tls", "hash"],
)
async def test_an_operator_that_cannot_be_built_is_told_without_secrets(
    tmp_path: Path, far: FarOperator, wrong: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigurationUnusable, match=problem) as caught:
        await Runtime(settings_for(tmp_path, {"acme": operator_to(far, **wrong)})).start()
    assert "s3cret" not in str(caught.value)


async def test_a_listener_s_files_that_do_not_serve_are_told(tmp_path: Path, far: FarOperator) -> None:
    tls = {"cert_file": "/nonexistent/cert.pem", "key_file": "/nonexistent/key.pem"}
    settings = settings_for(tmp_path, {"acme": operator_to(far)}, admin={"port": 0, "tls": tls})
    with pytest.raises(ConfigurationUnusable, match=r"^admin\.tls: the TLS files cannot be loaded: "):
        await Runtime(settings).start()


async def test_a_stop_finishes_what_is_under_way_and_refuses_the_rest(tmp_path: Path, far: FarOperator) -> None:
    far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=0.3)
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        old, new = await gateway.connect(), await gateway.connect()
        await old.send(request("/wallet/withdraw", message(WalletCall.WITHDRAW)))
        await far.until_seen(WalletCall.WITHDRAW)
        stopping = asyncio.ensure_future(gateway.stop())
        await asyncio.sleep(0)
        refused = await new.asked(request("/wallet/withdraw", message(WalletCall.WITHDRAW, "2")))
        assert (refused.status, refused.error_code, refused.headers["connection"]) == (500, 122, "close")
        ready = await gateway.page("/readyz")
        assert (ready.status, json.loads(ready.body)["problems"]) == (503, ["the gateway is stopping"])
        with pytest.raises(ConnectionRefusedError):
            await gateway.connect()
        assert (await old.answer()).status == 200
        await stopping
        assert far.seen(WalletCall.WITHDRAW) == 1
        await old.close()
        await new.close()


async def test_a_gateway_that_has_stopped_has_lost_no_task_of_its_connections(tmp_path: Path, far: FarOperator) -> None:
    far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=0.3)
    lost: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    before = asyncio.all_tasks()
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        idle, half, gone, answered = [await gateway.connect() for _ in range(4)]
        await half.send(request("/wallet/withdraw", message(WalletCall.WITHDRAW, "half"))[:-5])
        await gone.send(request("/wallet/withdraw", message(WalletCall.WITHDRAW, "gone")))
        await far.until_seen(WalletCall.WITHDRAW)
        await gone.close()
        await half.close()
        await answered.asked(request("/wallet/getBalance", message(WalletCall.GET_BALANCE)))
        gc.collect()
    await idle.close()
    await answered.close()
    async with asyncio.timeout(5):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.01)
    gc.collect()
    assert lost == []


async def test_what_a_stop_leaves_unfinished_the_next_start_brings_to_its_end(tmp_path: Path, far: FarOperator) -> None:
    far.go_wrong(Fault.ERROR_BEFORE, WalletCall.CONFIRM_WITHDRAWAL)
    settings = settings_for(tmp_path, {"acme": operator_to(far)})
    async with running(settings) as gateway:
        await gateway.call(WalletCall.WITHDRAW)
        assert (await gateway.call(WalletCall.CONFIRM_WITHDRAWAL)).error_code == 120
    assert far.state_of("1") is HoldState.HELD
    far.behave()
    tried = far.seen(WalletCall.CONFIRM_WITHDRAWAL)
    async with running(settings):
        await far.until_seen(WalletCall.CONFIRM_WITHDRAWAL, tried + 1)
    assert far.state_of("1") is HoldState.CONFIRMED


async def test_a_stop_does_not_wait_for_ever(tmp_path: Path, far: FarOperator) -> None:
    far.go_wrong(Fault.HANG_AFTER, WalletCall.WITHDRAW)
    settings = settings_for(
        tmp_path,
        {"acme": operator_to(far, timeout=30.0)},
        server={"host": "127.0.0.1", "port": 0, "stop_timeout": 0.1, "request_timeout": 60.0},
    )
    async with running(settings) as gateway:
        client = await gateway.connect()
        await client.send(request("/wallet/withdraw", message(WalletCall.WITHDRAW)))
        await far.until_seen(WalletCall.WITHDRAW)
        async with asyncio.timeout(5):
            await gateway.stop()
        assert (await client.answer()).error_code == 121
        assert await client.rest() == b""
        await client.close()
    far.behave()
    async with running(settings):
        await far.until_seen(WalletCall.ROLLBACK_WITHDRAWAL)
    assert far.state_of("1") is HoldState.UNDONE


async def test_two_listeners_at_one_address_are_refused_at_the_start(tmp_path: Path, far: FarOperator) -> None:
    same = {"host": "localhost", "port": free_port()}
    settings = settings_for(tmp_path, {"acme": operator_to(far)}, server=same, admin=same | {"host": "0.0.0.0"})
    with pytest.raises(ConfigurationUnusable, match=r"^admin\.port: listens where `server` does"):
        await Runtime(settings).start()


async def test_who_listens_second_says_so(tmp_path: Path, far: FarOperator, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Listener.bind("127.0.0.1", 0)
    settings = settings_for(
        tmp_path, {"acme": operator_to(far)}, server={"host": "127.0.0.1", "port": first.port}, admin={"port": 0}
    )
    runtime = Runtime(settings)
    apply = runtime._apply

    async def after_the_other(prepared: Prepared) -> None:
        first._socket.listen()
        await apply(prepared)

    monkeypatch.setattr(runtime, "_apply", after_the_other)
    with pytest.raises(ConfigurationUnusable, match=r"^wallet: cannot listen: Address already in use; another program"):
        await runtime.start()
    first._socket.close()
