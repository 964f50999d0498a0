"""What one call costs, counted rather than timed: bytecodes that the interpreter executes for it.

Other load, the clock and caches do not change that number, and counting needs no other program. It does not show what C
code does within one bytecode; `make bench` measures that. `python -m bench.cost` prints, for each flow, the gateway's
count as a multiple of what an aiohttp pass-through of the same call takes in the same process, so that it means the
same on any version of the interpreter.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any, Final, TypeVar

import uvloop
from aiohttp import web

from bench.contestants.aiohttp_pass_through import server
from bench.contestants.gateway import configuration
from bench.load.flows import FLOWS, steps, transfer_id, verify_session
from bench.load.game import Caller
from bench.load.operator import Operator
from gateway.runtime.runtime import Runtime
from gateway.settings import read
from gateway.telemetry import logs

WARM_UP: Final = 20
FLOWS_PLAYED: Final = 60
TOKEN: Final = "bench-session-0000"

T = TypeVar("T")


class Meter:
    """Counts the bytecodes that threads execute, except threads that `uncounted` starts.

    Since Python 3.12 the first call of a function counts for less, because tracing is switched on during that call. So
    run the same work once before counts are compared.
    """

    def __init__(self) -> None:
        self._cells: list[list[int]] = []

    @property
    def count(self) -> int:
        return sum(cell[0] for cell in self._cells)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts in this thread, and in threads that start while the block runs."""
        former = sys.gettrace(), threading.gettrace()
        threading.settrace(self._in_new_thread)
        sys.settrace(self._tracer())
        try:
            yield
        finally:
            sys.settrace(former[0])
            threading.settrace(former[1])

    def _in_new_thread(self, frame: FrameType, event: str, arg: Any) -> Any:
        tracer = self._tracer()
        sys.settrace(tracer)
        return tracer(frame, event, arg)

    def _tracer(self) -> Any:
        cell = [0]  # one for each thread: additions to a shared number are lost when threads switch in between
        self._cells.append(cell)

        def in_frame(_frame: FrameType, event: str, _arg: Any) -> Any:
            if event == "opcode":
                cell[0] += 1
            return in_frame

        def on_call(frame: FrameType, _event: str, _arg: Any) -> Any:
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            return in_frame

        return on_call


async def uncounted(work: Callable[[], T]) -> T:
    """What `work` returns, done in a thread of its own that no meter counts."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        sys.settrace(None)
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            loop.call_soon_threadsafe(done.set_exception, error)
        else:
            loop.call_soon_threadsafe(done.set_result, result)

    threading.Thread(target=run, daemon=True).start()
    return await done


async def cost(meter: Meter, port: int, flow: str) -> float:
    """The median count of one flow, played one after the other."""
    return await uncounted(lambda: _measure_flow(meter, port, flow))


async def costs(home: Path) -> dict[str, float]:
    """The gateway's count of each flow as a multiple of the pass-through's."""
    operator = Operator(hangs=False)
    threading.Thread(target=_run_operator, args=(operator,), daemon=True).start()
    ours = dict.fromkeys(FLOWS, 0.0)
    meter = Meter()
    with meter.running():
        async with _gateway(home, operator.port) as port:
            for flow in FLOWS:
                ours[flow] = await cost(meter, port, flow)
        async with _pass_through(operator.port) as port:
            return {flow: ours[flow] / await cost(meter, port, flow) for flow in FLOWS}


def _run_operator(operator: Operator) -> None:
    sys.settrace(None)
    operator.run()


def _measure_flow(meter: Meter, port: int, flow: str) -> float:
    caller = Caller(port, steps(flow, "quantum", TOKEN))
    caller.once(verify_session("quantum", TOKEN))
    counts = []
    for number in range(WARM_UP + FLOWS_PLAYED):
        before = meter.count
        for step in caller.steps:
            answer = caller.once(step.request(transfer_id(f"{flow:.8}".ljust(8, "-"), number)))
            assert answer.startswith(b"HTTP/1.1 200"), answer
        counts.append(meter.count - before)
    caller.socket.close()
    return median(counts[WARM_UP:])


@asynccontextmanager
async def _gateway(home: Path, operator_port: int) -> AsyncIterator[int]:
    config = home / "gateway.yaml"
    text = configuration(port=0, admin_port=0, journal=f"sqlite:///{home}/journal.db", operator=operator_port)
    config.write_text(text, encoding="utf-8")
    loaded = read(config, os.environ)
    with (home / "log").open("w", encoding="utf-8") as log:
        logs.configure(loaded.settings.log.level, loaded.settings.log.format, loaded.secrets, log)
        runtime = Runtime(loaded.settings)
        wallet = (await runtime.start()).wallet
        try:
            yield int(wallet.rpartition(":")[2])
        finally:
            await runtime.stop()


@asynccontextmanager
async def _pass_through(operator_port: int) -> AsyncIterator[int]:
    runner = web.AppRunner(server.application(f"http://127.0.0.1:{operator_port}"), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def main() -> None:
    """Prints the multiples as JSON."""
    with tempfile.TemporaryDirectory() as home, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(costs(Path(home))), sys.stdout)


if __name__ == "__main__":
    main()
