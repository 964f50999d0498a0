"""`mm-gateway status` before two gateways on one database: all well, and each of the ways in which it is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.records import Instance
from gateway.sandbox.faults import Fault
from gateway.wire.calls import WalletCall
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import call, configuration, journal_at, migrated, operator
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.runtimes import FarOperator
from tests.support.status import FINDABLE, ON_ODD_MACHINE, Status, status_of

PATIENCE_S = 60.0
WITHIN_S = 25.0
"""Far above the seconds that it takes, for a machine that does much else meanwhile."""


def content(url: str, far: FarOperator, **changes: Any) -> dict[str, Any]:
    breaker = {"failures": 2, "open_for": "60s"}
    usual = configuration(url, {"acme": operator(far, timeout="500ms", breaker=breaker)}, admin={"port": free_port()})
    return {**usual, **changes}


def made(folder: Path, name: str, config: dict[str, Any], **other: Any) -> GatewayProcess:
    (folder / name).mkdir()
    return GatewayProcess(config, folder / name, **other)


@pytest.fixture
async def two(tmp_path: Path, far: FarOperator, server: PostgresServer) -> AsyncIterator[list[GatewayProcess]]:
    """Gateways of one configuration, each with an admin listener of its own: only that differs."""
    gateways = [made(tmp_path, f"gateway-{number}", content(server.url, far)) for number in (1, 2)]
    await migrated(gateways[0])
    async with AsyncExitStack() as stack:
        for gateway in gateways:
            await stack.enter_async_context(gateway)
        yield gateways


async def until(gateway: GatewayProcess, code: str) -> Status:
    async with asyncio.timeout(PATIENCE_S):
        while code not in (found := await status_of(gateway)).codes:
            pass
    return found


async def test_both_gateways_are_known_with_what_they_run(two: list[GatewayProcess]) -> None:
    found = await status_of(two[0])
    rows = found.facts("instances")
    assert [row["alive"] for row in rows] == [True, True]
    assert {row["version"] for row in rows} == {found.content["version"]}
    assert found.facts("configuration")[0]["running_hash"] in {row["configuration"] for row in rows}
    assert found.facts("gateway")[0]["answers"] is True
    # Their admin ports differ, and nothing else is to be seen.
    assert (found.codes, found.exit_status) == ({"configurations_differ"}, 0)
    assert found.facts("clocks")[0]["this_machine_ahead_s"] == pytest.approx(0, abs=2)


async def test_a_gateway_that_was_stopped_is_not_missed_while_another_is_alive(two: list[GatewayProcess]) -> None:
    stopped, other = two
    await stopped.stop()
    async with asyncio.timeout(WITHIN_S):
        # Until the other one has taken over, which it looks for every few seconds.
        while "lease_ended" in (found := await status_of(stopped)).codes:
            pass
    assert (found.codes, found.exit_status) == ({"gateway_silent", "not_known"}, 0)
    await other.stop()
    alone = await status_of(stopped)
    assert ("no_instance_alive" in alone.codes, alone.exit_status) == (True, 1)
    assert alone.said == "mm-gateway: act on: instances\n"


@pytest.mark.parametrize("how", ["stop", "pause"])
async def test_without_the_database_the_rest_is_shown_within_seconds(
    how: str, two: list[GatewayProcess], server: PostgresServer
) -> None:
    if how == "stop":
        server.stop()
    else:
        await server.pause()
    begun = time.monotonic()
    found = await status_of(two[0])
    assert time.monotonic() - begun < WITHIN_S
    assert found.codes >= {"journal_unreachable", "gateway_not_ready", "not_known"}
    assert found.exit_status == 1
    assert found.facts("gateway")[0]["version"] == found.content["version"]
    assert "Traceback" not in found.said
    if how == "stop":
        server.start_again()


async def test_a_clock_that_is_ahead_of_the_database_is_found(
    tmp_path: Path, far: FarOperator, server: PostgresServer
) -> None:
    config = content(server.url, far)
    await migrated(made(tmp_path, "migrating", config))
    asking = made(tmp_path, "ahead", config, env=FINDABLE | {"AHEAD_S": "30"}, command=ON_ODD_MACHINE)
    found = await status_of(asking)
    assert found.finding("clock_off")["text"].startswith("this machine is 30")
    assert found.finding("clock_off")["runbook"] == "docs/runbooks/clock-off.md"
    assert found.facts("clocks")[0]["this_machine_ahead_s"] == pytest.approx(30, abs=2)


async def test_leases_that_have_ended_or_lie_too_far_ahead_are_found(
    tmp_path: Path, far: FarOperator, server: PostgresServer
) -> None:
    asking = made(tmp_path, "asking", content(server.url, far))
    await migrated(asking)
    dead = Instance(id="dead-1", started_at=1.0, lease_until=time.time() - 100, version="0.0.1")
    async with journal_at(server.url) as journal:
        await journal.renew_lease(dead)
        await journal.renew_lease(msgspec.structs.replace(dead, id="fast-1", lease_until=time.time() + 100))
    found = await status_of(asking)
    assert found.finding("lease_ended")["text"].startswith("dead-1 has not renewed its lease, which ended 10")
    assert found.finding("lease_ahead")["text"].startswith("fast-1 is at least 8")
    assert [row["alive"] for row in found.facts("instances")] == [False, True]


async def test_a_breaker_that_is_open_and_what_waits_behind_it_are_found(
    two: list[GatewayProcess], far: FarOperator
) -> None:
    assert (await call(two[0], WalletCall.WITHDRAW)).status == 200
    far.go_wrong(Fault.HANG_BEFORE)
    for number in range(3):
        await call(two[0], WalletCall.WITHDRAW, f"lost-{number}")
    found = await until(two[0], "breaker_not_closed")
    finding = found.finding("breaker_not_closed")
    assert finding["text"].startswith("acme: ")
    assert finding["commands"] == [
        "mm-gateway check --probe",
        "mm-gateway rollbacks --operator acme --since 2h --sum",
    ]
    assert found.exit_status == 1
    assert {row["state"] for row in found.facts("backlog")} >= {"held", "rolling_back"}
    failing = await until(two[0], "tries_fail")
    assert failing.finding("tries_fail")["text"].startswith("acme: ")
    assert [row for row in failing.facts("last errors") if row["what"].startswith("rolled back")]
    assert "MyPass" not in str(failing.content)


async def test_what_was_edited_and_not_reloaded_is_found_until_it_is_reloaded(
    two: list[GatewayProcess], server: PostgresServer, far: FarOperator
) -> None:
    gateway = two[0]
    port = int(gateway.admin_url.rpartition(":")[2])
    edited = content(server.url, far, admin={"port": port}, abandoned_after="5h")
    gateway.configure(edited)
    found = await status_of(gateway)
    assert found.finding("config_not_reloaded")["commands"] == ["mm-gateway check", "systemctl reload mm-gateway"]
    assert found.exit_status == 0
    await gateway.reload()
    assert "config_not_reloaded" not in (await until_beaten(gateway)).codes


async def until_beaten(gateway: GatewayProcess) -> Status:
    """Once the journal knows the configuration that the gateway runs now."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await status_of(gateway)
            running = found.facts("configuration")[0]["running_hash"]
            if running in {row["configuration"] for row in found.facts("instances")}:
                return found
