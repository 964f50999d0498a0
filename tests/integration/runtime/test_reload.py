from __future__ import annotations

import asyncio
import ssl
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime import ConfigurationUnusable, runtime
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.support.certificates import Authority
from tests.support.doors import request
from tests.support.runtimes import FarOperator, far_operator, message, operator_to, running, settings_for
from tests.support.waiting import until


async def test_calls_under_way_finish_by_the_old_configuration_and_new_ones_go_by_the_new(
    tmp_path: Path, far: FarOperator
) -> None:
    far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=0.3)
    async with far_operator() as other, running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        client = await gateway.connect()
        await client.send(request("/wallet/withdraw", message(WalletCall.WITHDRAW, "old")))
        await far.until_seen(WalletCall.WITHDRAW)
        former = gateway.runtime._operators.operators["acme"]
        await gateway.runtime.reload(settings_for(tmp_path, {"acme": operator_to(other)}))
        assert (await gateway.call(WalletCall.WITHDRAW, "new")).status == 200
        assert (other.state_of("new"), far.state_of("new")) == (HoldState.HELD, None)
        assert (await client.answer()).status == 200
        assert (other.state_of("old"), far.state_of("old")) == (None, HoldState.HELD)
        async with asyncio.timeout(5):
            while gateway.runtime._operators.closing:
                await asyncio.sleep(0.01)
        assert former.bulkhead.read()[:2] == (0, 0)
        assert (
            await client.asked(request("/wallet/confirmWithdrawal", message(WalletCall.CONFIRM_WITHDRAWAL, "new")))
        ).status == 200
        await client.close()


async def test_a_reload_connects_anew_also_to_an_operator_that_is_configured_as_before(
    tmp_path: Path, far: FarOperator
) -> None:
    settings = settings_for(tmp_path, {"acme": operator_to(far, connections={"idle": 60.0, "max_age": 3600.0})})
    async with running(settings) as gateway:
        assert (await gateway.call(WalletCall.WITHDRAW, "1")).status == 200
        operator = gateway.runtime._operators.operators["acme"]
        (before,) = operator._client._pool._open
        await gateway.runtime.reload(settings)
        assert (await gateway.call(WalletCall.WITHDRAW, "2")).status == 200
        assert gateway.runtime._operators.operators["acme"] is operator
        (after,) = operator._client._pool._open
        assert after is not before


async def test_a_call_whose_body_is_still_arriving_keeps_its_operator(tmp_path: Path, far: FarOperator) -> None:
    async with far_operator() as other, running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        client = await gateway.connect()
        sent = request("/wallet/withdraw", message(WalletCall.WITHDRAW, "slow"))
        await client.send(sent[:-10])
        await until(lambda: gateway.runtime._handlers.wallet._running)
        await gateway.runtime.reload(settings_for(tmp_path, {"acme": operator_to(other)}))
        (closing,) = gateway.runtime._operators.closing
        await client.send(sent[-10:])
        assert (await client.answer()).status == 200
        assert (other.state_of("slow"), far.state_of("slow")) == (None, HoldState.HELD)
        async with asyncio.timeout(5):
            await closing
        await client.close()


async def test_an_operator_whose_settings_stay_the_same_stays_the_same(tmp_path: Path, far: FarOperator) -> None:
    async with far_operator() as other, running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        former = gateway.runtime._operators.operators["acme"]
        newcomer = operator_to(other, credentials=[{"username": "u", "password": "p"}])
        await gateway.runtime.reload(settings_for(tmp_path, {"acme": operator_to(far), "new": newcomer}))
        assert gateway.runtime._operators.operators["acme"] is former
        assert (await gateway.call(WalletCall.WITHDRAW, credentials="u:p")).status == 200
        assert other.state_of("1") is HoldState.HELD


async def test_an_operator_that_is_gone_is_let_in_no_more_and_delivered_to_again_once_it_is_back(
    tmp_path: Path, far: FarOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: object) -> list[str]:
        return []

    # As if its transfer had begun after the reload counted what is unfinished.
    monkeypatch.setattr(runtime, "find_left_behind", none)
    far.go_wrong(Fault.ERROR_BEFORE, WalletCall.CONFIRM_WITHDRAWAL)
    async with far_operator() as other:
        both = {
            "acme": operator_to(far),
            "other": operator_to(other, credentials=[{"username": "u", "password": "p"}]),
        }
        async with running(settings_for(tmp_path, both)) as gateway:
            await gateway.call(WalletCall.WITHDRAW)
            assert (await gateway.call(WalletCall.CONFIRM_WITHDRAWAL)).error_code == 120
            await gateway.runtime.reload(settings_for(tmp_path, {"other": both["other"]}))
            assert (await gateway.call(WalletCall.CONFIRM_WITHDRAWAL)).status == 401
            assert b'operator_calls_in_use{operator="acme"}' not in (await gateway.page("/metrics")).body
            far.behave()
            await gateway.runtime.reload(settings_for(tmp_path, both))
            async with asyncio.timeout(10):
                while far.state_of("1") is not HoldState.CONFIRMED:
                    await asyncio.sleep(0.01)


async def test_limits_lists_tokens_and_categories_change(tmp_path: Path, far: FarOperator) -> None:
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        client = await gateway.connect()
        await gateway.runtime.reload(
            settings_for(
                tmp_path,
                {"acme": operator_to(far)},
                server={"host": "127.0.0.1", "port": 0, "max_body": 300},
                admin={"port": 0, "token": "s3cret"},
                rollback_reasons={"categories": [{"name": "failed", "match": "FAILED"}]},
            )
        )
        long = message(WalletCall.WITHDRAW, txDescription="x" * 500)
        assert (await client.asked(request("/wallet/withdraw", long))).status == 400
        await client.close()
        await gateway.call(WalletCall.ROLLBACK_WITHDRAWAL, rollbackReason="it failed")
        assert (await gateway.page("/metrics")).status == 401
        metrics = (await gateway.page("/metrics", Authorization="Bearer s3cret")).body
        assert b'rollback_reasons_total{category="failed",operator="acme",source="game"} 1.0' in metrics
        await gateway.runtime.reload(settings_for(tmp_path, {"acme": operator_to(far, allow_ips=["192.0.2.7"])}))
        stranger = await gateway.connect()
        assert await stranger.rest() == b""
        await stranger.close()


async def test_what_only_a_restart_can_change_is_refused_whole_and_nothing_changes(
    tmp_path: Path, far: FarOperator
) -> None:
    before = settings_for(
        tmp_path, {"acme": operator_to(far)}, journals={"second": {"url": "sqlite:///" + str(tmp_path / "2.db")}}
    )
    async with running(before) as gateway:
        after = settings_for(
            tmp_path,
            {"acme": operator_to(far, journal="second", credentials=[{"username": "u", "password": "p"}])},
            server={"host": "127.0.0.2", "port": 1, "request_timeout": 1.0},
            admin={"host": "127.0.0.2", "port": 1},
            journal={"url": "sqlite:///elsewhere.db"},
            journals={"third": {"url": "sqlite:///elsewhere-too.db"}},
        )
        with pytest.raises(ConfigurationUnusable) as caught:
            await gateway.runtime.reload(after)
        assert [problem.partition(":")[0] for problem in caught.value.problems] == [
            "server.host",
            "server.port",
            "server.request_timeout",
            "admin.host",
            "admin.port",
            "journal default",
            "journal second",
            "journal third",
            "operators.acme.journal",
        ]
        assert (await gateway.call(WalletCall.WITHDRAW)).status == 200
        assert (await gateway.call(WalletCall.WITHDRAW, credentials="u:p")).status == 401


@pytest.mark.parametrize(
    "wrong",
    [{"adapter": "nonesuch"}, {"credentials": [{"username": "u", "password_hash": "none"}]}],
    ids=["operator", "credentials"],
)
async def test_a_configuration_that_cannot_be_put_in_force_changes_nothing(
    tmp_path: Path, far: FarOperator, wrong: dict[str, Any]
) -> None:
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        former = gateway.runtime._operators.operators["acme"]
        after = {"new": operator_to(far), "acme": operator_to(far, **wrong)}
        with pytest.raises(ConfigurationUnusable):
            await gateway.runtime.reload(settings_for(tmp_path, after))
        assert gateway.runtime._operators.operators == {"acme": former}
        assert (await gateway.call(WalletCall.WITHDRAW)).status == 200


async def test_a_reload_takes_up_a_new_certificate_and_refuses_a_broken_one(tmp_path: Path, far: FarOperator) -> None:
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    shown = tmp_path / "shown.pem"
    shown.write_bytes(first.certificate("127.0.0.1").read_bytes())
    tls = {"cert_file": shown, "key_file": shown}
    settings = settings_for(tmp_path, {"acme": operator_to(far)}, server={"host": "127.0.0.1", "port": 0, "tls": tls})

    async def trusts(authority: Authority) -> bool:
        context = ssl.create_default_context(cafile=str(authority.file))
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.wallet_port, ssl=context)
        except ssl.SSLError:
            return False
        writer.transport.abort()
        return True

    async with running(settings) as gateway:
        assert [await trusts(first), await trusts(second)] == [True, False]
        shown.write_text("broken")
        with pytest.raises(ConfigurationUnusable, match=r"^server\.tls: "):
            await gateway.runtime.reload(settings)
        assert [await trusts(first), await trusts(second)] == [True, False]
        shown.write_bytes(second.certificate("127.0.0.1").read_bytes())
        await gateway.runtime.reload(settings)
        assert [await trusts(first), await trusts(second)] == [False, True]


async def test_thirty_reloads_under_load_fail_no_call(tmp_path: Path, far: FarOperator) -> None:
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        done = asyncio.Event()
        statuses: set[int] = set()

        async def play(player: int) -> None:
            client = await gateway.connect()
            for turn in count():
                for call in (WalletCall.WITHDRAW, WalletCall.CONFIRM_WITHDRAWAL):
                    penny = message(call, f"{player}-{turn}", amount={"amount": "0.01", "currencyCode": "XAG"})
                    answered = await client.asked(request(f"/wallet/{call}", penny))
                    statuses.add(answered.status)
                if done.is_set():
                    break
            await client.close()

        players = [asyncio.ensure_future(play(player)) for player in range(4)]
        for i in range(30):
            await gateway.runtime.reload(
                settings_for(
                    tmp_path,
                    {"acme": operator_to(far, timeout=2.0 + i / 1000)},
                    server={"host": "127.0.0.1", "port": 0, "max_body": 65536 + i},
                )
            )
        done.set()
        await asyncio.gather(*players)
        assert statuses == {200}
        assert far.ledger.violations() == []
