"""A whole gateway with a listener for operators: it starts, reloads and stops with the others."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime import ConfigurationUnusable, Runtime
from gateway.runtime.listeners import ListenerTlsContexts
from gateway.runtime.rehearsal import rehearse
from gateway.settings import Settings
from gateway.wire.calls import WalletCall
from tests.integration.http.test_listening import trusting
from tests.integration.runtime.test_process import configuration, program
from tests.support.certificates import Authority
from tests.support.doors import Answered, Client, request
from tests.support.operators_door import MINE, QUERY, asking
from tests.support.runtimes import FarOperator, Running, operator_to, running, settings_for
from tests.support.waiting import until

SERVER: dict[str, Any] = {"host": "127.0.0.1", "port": 0}
INBOUND: dict[str, Any] = {"credentials": [{"username": "acme-user", "password": "acme-password"}]}


def settings(folder: Path, far: FarOperator, server: dict[str, Any] | None = SERVER, **inbound: Any) -> Settings:
    operators = {"acme": operator_to(far, inbound=INBOUND | inbound)}
    return settings_for(folder, operators, operators_server=server)


def port(gateway: Running) -> int:
    assert gateway.addresses.operators is not None
    return int(gateway.addresses.operators.rpartition(":")[2])


async def connected(gateway: Running, **options: Any) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port(gateway), **options))


async def query(gateway: Running, id: str = "1", credentials: str = MINE) -> Answered:
    client = await connected(gateway)
    try:
        return await client.asked(request(QUERY, asking(id), credentials))
    finally:
        await client.close()


async def state(gateway: Running) -> tuple[str, str | None]:
    told = json.loads((await query(gateway)).body)
    return told["state"], told.get("wants")


async def test_an_operator_sees_a_purchase_from_its_begin_to_its_end(tmp_path: Path, far: FarOperator) -> None:
    async with running(settings(tmp_path, far)) as gateway:
        seen = [await state(gateway)]
        for call in (WalletCall.WITHDRAW, WalletCall.CONFIRM_WITHDRAWAL):
            assert (await gateway.call(call)).status == 200
            seen.append(await state(gateway))
        assert seen == [("NOT_FOUND", None), ("PENDING", None), ("CONFIRMED", None)]


async def test_metrics_tell_its_connections_and_calls_apart(tmp_path: Path, far: FarOperator) -> None:
    async with running(settings(tmp_path, far, SERVER | {"max_connections": 7})) as gateway:
        client = await connected(gateway)
        assert (await client.asked(request(QUERY, asking("1"), MINE))).status == 200
        page = (await gateway.page("/metrics")).body.decode()
        await client.close()
        for line in (
            'mm_gateway_connections{listener="operators"} 1.0',
            'mm_gateway_connections_limit{listener="operators"} 7.0',
            'mm_gateway_refused_total{listener="operators",reason="credentials"} 0.0',
            'mm_gateway_inbound_call_seconds_count{call="queryWithdrawal",operator="acme",outcome="ok"} 1.0',
        ):
            assert line in page


async def test_without_the_setting_there_is_no_such_listener(tmp_path: Path, far: FarOperator) -> None:
    async with running(settings(tmp_path, far, None)) as gateway:
        assert gateway.addresses.operators is None
        assert b'connections{listener="operators"}' not in (await gateway.page("/metrics")).body


async def test_its_address_is_told_when_it_serves(tmp_path: Path, far: FarOperator) -> None:
    async with program(configuration(tmp_path, far, operators_server=SERVER)) as gateway:
        where = gateway.line.split(", operators on ")[1].split(", ")[0]
        gateway.process.terminate()
        assert await gateway.ended() == 0
    serving = next(line for line in map(json.loads, gateway.log.splitlines()) if line["event"] == "serving")
    assert serving["operators"] == where


async def test_an_address_in_use_is_told_and_nothing_is_left_open(tmp_path: Path, far: FarOperator) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        used = taken.getsockname()[1]
        with pytest.raises(ConfigurationUnusable, match=f"operators_server: cannot listen on 127.0.0.1:{used}"):
            await Runtime(settings(tmp_path, far, SERVER | {"port": used})).start()


async def test_a_reload_changes_credentials_limits_and_paths(tmp_path: Path, far: FarOperator) -> None:
    async with running(settings(tmp_path, far)) as gateway:
        client = await connected(gateway)
        assert (await client.asked(request(QUERY, asking("1"), MINE))).status == 200
        server = SERVER | {"paths": {"query_withdrawal": "/{name}/state"}, "max_body": 20}
        other = {"credentials": [{"username": "u", "password": "p"}]}
        await gateway.runtime.reload(settings(tmp_path, far, server, **other))
        assert (await client.asked(request("/acme/state", asking("1"), MINE))).status == 401
        told = json.loads((await client.asked(request("/acme/state", b'{"mmTransactionId":1}', "u:p"))).body)
        assert "operators_server.max_body" in told["errorDescription"]
        await client.close()


@pytest.mark.parametrize("server", [None, SERVER | {"host": "127.0.0.2"}])
async def test_what_only_a_restart_can_change_is_refused(
    tmp_path: Path, far: FarOperator, server: dict[str, Any] | None
) -> None:
    async with running(settings(tmp_path, far)) as gateway:
        with pytest.raises(ConfigurationUnusable, match=r"operators_server.*restart the gateway"):
            await gateway.runtime.reload(settings(tmp_path, far, server))
        assert (await query(gateway)).status == 200


async def test_a_reload_shows_another_certificate(tmp_path: Path, far: FarOperator) -> None:
    authority = Authority(tmp_path, "authority")
    file = authority.certificate("127.0.0.1")
    server = SERVER | {"tls": {"cert_file": str(file), "key_file": str(file)}}
    async with running(settings(tmp_path, far, server)) as gateway:
        assert str(gateway.addresses.operators).startswith("https://")
        shown = []
        for _ in range(2):
            client = await connected(gateway, ssl=trusting(authority))
            shown.append(client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
            await client.close()
            file.write_bytes(authority.certificate("127.0.0.1").read_bytes())
            await gateway.runtime.reload(settings(tmp_path, far, server))
        assert shown[0] != shown[1]
        assert b'certificate="operators_server"' in (await gateway.page("/metrics")).body


async def test_a_stop_finishes_what_is_under_way_and_refuses_the_rest(tmp_path: Path, far: FarOperator) -> None:
    async with running(settings(tmp_path, far)) as gateway:
        under_way, idle = await connected(gateway), await connected(gateway)
        assert (await idle.asked(request(QUERY, asking("1"), MINE))).status == 200
        sent = request(QUERY, asking("1"), MINE)
        await under_way.send(sent[:-1])
        await until(lambda: gateway.runtime._handlers.operators._running)
        stopping = asyncio.create_task(gateway.stop())
        await until(lambda: gateway.runtime._stopping)
        refused = await idle.asked(request(QUERY, asking("1"), MINE))
        assert (refused.status, refused.error_code) == (500, 122)
        with pytest.raises(ConnectionRefusedError):
            await connected(gateway)
        await under_way.send(sent[-1:])
        assert (await under_way.answer()).status == 200
        await stopping
        await idle.close()
        await under_way.close()


async def test_a_rehearsal_looks_at_its_files_and_hashes_too(tmp_path: Path, far: FarOperator) -> None:
    server = SERVER | {"tls": {"cert_file": "no.pem", "key_file": "no.pem"}}
    problems = await rehearse(settings(tmp_path, far, server, tokens=[{"token_hash": "no hash"}]))
    assert [problem.split(":")[0] for problem in problems] == ["operators_server.tls", "operators"]
    assert ListenerTlsContexts.read(settings(tmp_path, far)) == ListenerTlsContexts()
