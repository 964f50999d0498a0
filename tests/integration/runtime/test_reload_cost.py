"""A reload with a thousand operators stops no call for longer than a blink, and many signals cause few reloads."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.settings import Settings
from tests.support.gateway_process import GatewayProcess
from tests.support.runtimes import running, settings_for

OPERATORS = 1000
LONGEST_TURN = 8
"""Of the loop's own thread, in processor time, as a multiple of what `reference_s` takes on the same processor."""


def reference_s() -> float:
    """The processor time of a plain loop."""
    begun, total = time.thread_time(), 0
    for number in range(200_000):
        total += number
    return time.thread_time() - begun


def an_operator(number: int, **settings: Any) -> dict[str, Any]:
    return {
        "adapter": "quantum",
        "settings": {"base_url": "http://127.0.0.1:9/", "username": "u", "password": "password"},
        "credentials": [{"username": f"user-{number}", "password": f"password-{number}"}],
    } | settings


def a_thousand(folder: Path, **settings: Any) -> Settings:
    return settings_for(folder, {f"op{number}": an_operator(number, **settings) for number in range(OPERATORS)})


class Turns:
    """Measures the processor time of the loop's longest turn."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._last = time.thread_time()
        self._handle = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        now = time.thread_time()
        self.longest_s = max(self.longest_s, now - self._last)
        self._last = now
        self._handle = self._loop.call_soon(self._turn)

    def stop(self) -> None:
        self._handle.cancel()


@contextmanager
def without_collections() -> Iterator[None]:
    """A process of its own makes them rare (`process._tune_collector`); here they would search all of pytest."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_no_turn_of_the_loop_is_long_while_a_thousand_operators_are_reloaded(tmp_path: Path) -> None:
    same, changed = a_thousand(tmp_path), a_thousand(tmp_path, timeout=7.0)
    fewer = settings_for(tmp_path, {"op1": an_operator(1)})
    async with running(same) as gateway:
        for settings in (same, changed, fewer, same):
            with without_collections():
                turns = Turns()
                await gateway.runtime.reload(settings)
                turns.stop()
            assert turns.longest_s < LONGEST_TURN * reference_s()


async def test_thirty_signals_are_two_reloads_and_the_last_one_is_obeyed(tmp_path: Path) -> None:
    config = {"operators": {"acme": an_operator(1)}}
    async with GatewayProcess(config, tmp_path) as gateway:
        for _ in range(29):
            gateway.send_signal(signal.SIGHUP)
        gateway.configure({"operators": {"acme": an_operator(1), "beta": an_operator(2)}})
        gateway.send_signal(signal.SIGHUP)
        async with asyncio.timeout(20):
            while 'operator="beta"' not in await gateway.metrics() or not gateway.logged("reloaded"):
                pass
        assert 1 <= len(gateway.logged("reloaded")) <= 3
