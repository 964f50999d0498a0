"""What a running gateway shows of itself."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.sandbox.faults import Fault
from gateway.wire.calls import WalletCall
from tests.support.runtimes import FarOperator, Running, operator_to, running, settings_for

Labels = dict[str, str]


async def scrape(gateway: Running) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    page = (await gateway.page("/metrics")).body.decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def value(gateway: Running, name: str, **labels: str) -> float | None:
    return (await scrape(gateway)).get((f"mm_gateway_{name}", frozenset(labels.items())))


async def until(gateway: Running, expected: float, name: str, **labels: str) -> None:
    async with asyncio.timeout(10):
        while await value(gateway, name, **labels) != expected:
            await asyncio.sleep(0.02)


async def test_a_gateway_shows_itself_before_the_first_call(tmp_path: Path, far: FarOperator) -> None:
    limits = {"concurrency": 7, "waiting": 9}
    acme = operator_to(far, limits=limits, objectives={"calls": 0.999, "latency": 0.3})
    async with running(settings_for(tmp_path, {"acme": acme})) as gateway:
        assert await value(gateway, "journal_failures_total", journal="default") == 0
        assert await value(gateway, "call_errors_total", operator="acme", error="other_player") == 0
        assert await value(gateway, "parked_total", operator="acme", decision="rollback") == 0
        assert await value(gateway, "operator_calls_limit", operator="acme") == 7
        assert await value(gateway, "operator_waiting_limit", operator="acme") == 9
        assert await value(gateway, "breaker_state", operator="acme", calls="holds", state="closed") == 1
        assert await value(gateway, "objective_ratio", operator="acme", objective="calls") == 0.999
        assert await value(gateway, "objective_ratio", operator="acme", objective="latency") == 0.99
        assert await value(gateway, "connections_limit", listener="wallet")
        assert await value(gateway, "connections", listener="admin") == 1
        assert await value(gateway, "config_reload_ok") == 1
        assert await value(gateway, "config_loaded_timestamp_seconds") == pytest.approx(time.time(), abs=60)
        assert await value(gateway, "journal_writes_limit", journal="default")
        await until(gateway, 0, "journal_rows", journal="default", table="transfers")


async def test_the_next_delivery_is_seen_coming_and_overdue(tmp_path: Path, far: FarOperator) -> None:
    acme = operator_to(far, delivery={"schedule": [0.0, 600.0], "jitter": 0.0})
    async with running(settings_for(tmp_path, {"acme": acme})) as gateway:
        due = await value(gateway, "delivery_due_seconds", operator="acme", recipient="operator")
        assert due is not None
        assert math.isnan(due)
        await gateway.call(WalletCall.WITHDRAW)
        far.go_wrong(Fault.CUT_AFTER, WalletCall.CONFIRM_WITHDRAWAL)
        await gateway.call(WalletCall.CONFIRM_WITHDRAWAL)
        # Until the loop looks again, the end of the last try's lease counts as due.
        about = pytest.approx(600, abs=30)
        async with asyncio.timeout(20):
            while await value(gateway, "delivery_due_seconds", operator="acme", recipient="operator") != about:
                await asyncio.sleep(0.05)


async def test_a_refused_call_is_counted_with_its_reason(tmp_path: Path, far: FarOperator) -> None:
    breaker = {"failures": 1, "open_for": 60.0}
    async with running(settings_for(tmp_path, {"acme": operator_to(far, breaker=breaker)})) as gateway:
        far.go_wrong(Fault.CUT_AFTER, WalletCall.GET_BALANCE)
        await gateway.call(WalletCall.GET_BALANCE)
        await gateway.call(WalletCall.GET_BALANCE)
        assert await value(gateway, "operator_refusals_total", operator="acme", calls="reads", reason="breaker") == 1
        assert await value(gateway, "operator_refusals_total", operator="acme", calls="holds", reason="breaker") == 0


async def test_what_is_refused_before_it_is_a_call_is_counted(tmp_path: Path, far: FarOperator) -> None:
    settings = settings_for(tmp_path, {"acme": operator_to(far)}, admin={"port": 0, "token": "s3cret-token"})
    async with running(settings) as gateway:
        metrics = gateway.runtime.metrics.registry
        await gateway.page("/metrics")
        assert metrics.get_sample_value("mm_gateway_refused_total", {"listener": "admin", "reason": "credentials"}) == 1
        labels = {"listener": "wallet", "reason": "credentials"}
        assert metrics.get_sample_value("mm_gateway_refused_total", labels) == 0
        await gateway.call(WalletCall.GET_BALANCE, credentials="JohnDoe:wrong")
        assert metrics.get_sample_value("mm_gateway_refused_total", labels) == 1


async def config_hash(tmp_path: Path, far: FarOperator, **changes: Any) -> str:
    async with running(settings_for(tmp_path, {"acme": operator_to(far, **changes)})) as gateway:
        (found,) = [dict(labels) for name, labels in await scrape(gateway) if name == "mm_gateway_config_info"]
        return found["hash"]


async def test_the_hash_of_the_configuration_tells_changes_and_no_secret(tmp_path: Path, far: FarOperator) -> None:
    plain = await config_hash(tmp_path, far)
    assert await config_hash(tmp_path, far, timeout=4.0) != plain
    other = [{"username": "game", "password": "another-password"}]
    assert await config_hash(tmp_path, far, credentials=other) == await config_hash(
        tmp_path, far, credentials=[{"username": "game", "password": "a-third-password"}]
    )
