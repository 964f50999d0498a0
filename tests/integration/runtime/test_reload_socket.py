"""`mm-gateway reload` beside a real gateway: it waits, and its exit status says what came of it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime.reload_socket import NotReloadable, ask_for_reload
from tests.support.commands import PROGRAM, Ran, run
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import operator
from tests.support.runtimes import FarOperator, far_operator

STRANGER = 4711


@pytest.fixture
async def far() -> AsyncIterator[FarOperator]:
    async with far_operator() as far:
        yield far


@pytest.fixture
async def gateway(tmp_path: Path, far: FarOperator) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(content(far), tmp_path) as gateway:
        yield gateway


def content(far: FarOperator, **changes: Any) -> dict[str, Any]:
    return {"operators": {"acme": operator(far)}, "log": {"format": "json"}, **changes}


async def reload_command(gateway: GatewayProcess, *, environ: dict[str, str] | None = None) -> Ran:
    words = () if environ else ("--pid", str(gateway.pid))
    return await asyncio.to_thread(run, "reload", *words, environ=environ or {})


async def test_it_returns_once_the_new_configuration_is_in_force(gateway: GatewayProcess, far: FarOperator) -> None:
    gateway.configure(content(far, server={"max_body": "32KiB"}))
    ran = await reload_command(gateway)
    assert (ran.status, ran.out, ran.err) == (0, "reloaded\n", "")
    assert [entry["configuration"] for entry in gateway.logged("reloaded")] == ["new"]


async def test_it_says_why_a_reload_is_refused(gateway: GatewayProcess, far: FarOperator) -> None:
    gateway.configure(content(far, sever={}))
    ran = await reload_command(gateway)
    assert ran.status == 1
    assert "reload refused: nothing has changed" in ran.err
    assert "sever" in ran.err
    gateway.configure(content(far, server={"port": 1}))
    ran = await reload_command(gateway)
    assert ran.status == 1
    assert "server.port: cannot be changed by a reload" in ran.err
    assert gateway.logged("reloaded") == []


async def test_systemd_names_the_process_in_the_environment(gateway: GatewayProcess) -> None:
    assert (await reload_command(gateway, environ={"MAINPID": str(gateway.pid)})).status == 0


async def test_a_secret_that_is_in_no_form_that_is_wanted_is_not_repeated(
    gateway: GatewayProcess, far: FarOperator, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hunter2-hunter2-hunter2\n")
    gateway.configure(content(far, server={"max_body": f"${{file:{tmp_path / 'secret'}}}"}))
    ran = await reload_command(gateway)
    assert ran.status == 1
    assert "server.max_body" in ran.err
    assert "hunter2" not in ran.err


async def test_what_is_asked_during_a_reload_is_answered_by_the_next(gateway: GatewayProcess, far: FarOperator) -> None:
    """The one that runs may have read the file before it was changed."""
    answers = [asyncio.to_thread(ask_for_reload, gateway.pid) for _ in range(8)]
    assert await asyncio.gather(*answers) == [[]] * 8
    first = asyncio.create_task(asyncio.to_thread(ask_for_reload, gateway.pid))
    gateway.configure(content(far, sever={}))
    assert await asyncio.to_thread(ask_for_reload, gateway.pid) != []
    await first


async def test_where_no_gateway_is_it_says_so(gateway: GatewayProcess) -> None:
    await gateway.stop()
    ran = await reload_command(gateway)
    assert ran.status == 1
    assert f"no gateway that can be asked for a reload runs here as process {gateway.pid}" in ran.err
    assert (await asyncio.to_thread(run, "reload")).status == 2


async def test_another_user_is_not_answered(gateway: GatewayProcess, not_tried: Callable[[str], None]) -> None:
    if os.geteuid() != 0:
        not_tried("asking for a reload as another user: the tests are not root's")
        return
    ask = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0mm-gateway/reload/{gateway.pid}'); "
    asked = await asyncio.create_subprocess_exec(
        "setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups",
        "/usr/bin/env", "python3", "-c", f"{ask}print(s.recv(99))", stdout=asyncio.subprocess.PIPE, cwd="/",
    )  # fmt: skip
    said, _ = await asked.communicate()
    assert said == b"b''\n"
    assert gateway.logged("reloaded") == []


def test_whoever_takes_a_gateways_name_is_not_believed() -> None:
    with socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind("\0mm-gateway/reload/1")
        squatter.listen()
        with pytest.raises(NotReloadable, match="another process answers"):
            ask_for_reload(1)


async def test_a_gateway_whose_name_is_taken_serves_and_reloads_by_signal(tmp_path: Path, far: FarOperator) -> None:
    taken = "import socket, os, sys; s = socket.socket(socket.AF_UNIX); s.bind(f'\\0mm-gateway/reload/{os.getpid()}'); "
    run_it = "s.set_inheritable(True); os.execv(sys.argv[1], sys.argv[1:])"
    gateway = GatewayProcess(content(far), tmp_path)
    gateway.program = ("python3", "-c", taken + run_it, str(PROGRAM))
    async with gateway:
        assert [entry["level"] for entry in gateway.logged("reloads by signal alone")] == ["warning"]
        await gateway.reload()
