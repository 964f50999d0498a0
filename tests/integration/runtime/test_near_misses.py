"""What is nearly right is told in words: signals that come early, files that have not changed, limits of the system."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import early_signals
from gateway.runtime.descriptors import descriptor_advice
from gateway.settings import Settings
from tests.support.commands import PROGRAM, operator

LIMITS = "Limit                     Soft Limit           Hard Limit           Units\nMax open files {} 1048576 files\n"


def content(folder: Path) -> dict[str, Any]:
    return {
        "server": {"host": "127.0.0.1", "port": 0},
        "admin": {"port": 0},
        "journal": {"url": f"sqlite:///{folder}/journal.db"},
        "operators": {"acme": operator("JohnDoe")},
    }


@asynccontextmanager
async def starting(file: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program with a hundred file descriptors, as soon as it is a process."""
    pipe = asyncio.subprocess.PIPE
    shell = f'ulimit -n 100; exec "{PROGRAM}" serve --config "{file}"'
    gateway = await asyncio.create_subprocess_exec("sh", "-c", shell, stdout=pipe, stderr=pipe)
    try:
        yield gateway
    finally:
        gateway.kill()
        await gateway.wait()


def catches_hangups(pid: int) -> bool:
    """Whether the process has a handler for SIGHUP, the first bit of the mask (proc_pid_status(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) & 1)


async def logged(gateway: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    assert gateway.stderr is not None
    async with asyncio.timeout(30):
        while line := await gateway.stderr.readline():
            found: dict[str, Any] = json.loads(line)
            if found["event"] == event:
                return found
    raise AssertionError(f"ended without {event}")


async def test_a_hangup_during_the_start_is_a_reload_and_limits_and_unchanged_files_are_told(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(content(tmp_path)))
    async with starting(file) as gateway:
        async with asyncio.timeout(30):
            while not catches_hangups(gateway.pid):
                await asyncio.sleep(0.001)
        gateway.send_signal(signal.SIGHUP)
        limits = await logged(gateway, "limits")
        assert "only 100 file descriptors are allowed" in limits["advice"]
        first = await logged(gateway, "reloaded")
        assert first["configuration"] == "as before"
        assert "mount its folder" in first["hint"]
        file.write_text(yaml.safe_dump(content(tmp_path) | {"abandoned_after": "2h"}))
        gateway.send_signal(signal.SIGHUP)
        second = await logged(gateway, "reloaded")
        assert second["configuration"] == "new"


def test_a_hangup_that_was_kept_is_asked_for_once() -> None:
    former = signal.getsignal(signal.SIGHUP)
    try:
        early_signals.keep()
        assert not early_signals.take()
        os.kill(os.getpid(), signal.SIGHUP)
        assert [early_signals.take(), early_signals.take()] == [True, False]
    finally:
        signal.signal(signal.SIGHUP, former)


@pytest.mark.parametrize("allowed, is_told", [(100, True), (10_255, True), (10_256, False)])
def test_a_limit_below_what_may_be_wanted_is_told(tmp_path: Path, allowed: int, is_told: bool) -> None:
    settings = Settings.model_validate({"operators": {"acme": operator("JohnDoe")}})
    limits = tmp_path / "limits"
    limits.write_text(LIMITS.format(allowed))
    assert bool(descriptor_advice(settings, limits)) is is_told
    assert descriptor_advice(settings, tmp_path / "none") is None
