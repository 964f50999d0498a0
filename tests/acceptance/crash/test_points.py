"""The list of crash points is the one in the code: nothing is listed that is not there, or there and not listed."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from gateway.crashpoints import ENVIRONMENT, POINTS, crash_point
from tests.tidy.tree import modules

CALLS = {"crash_point", "crash_point_once_written"}
COME_BY = """
import asyncio
from gateway.crashpoints import crash_point, crash_point_once_written

async def main():
    print("alive", flush=True)
    for _ in range({times}):
        {call}("hold.durable")
        await asyncio.sleep(0)
    print("survived", flush=True)

asyncio.run(main())
"""


def named_in_the_code() -> Counter[str]:
    found: Counter[str] = Counter()
    for _, source in modules("gateway"):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
                name = node.args[0]
                assert isinstance(name, ast.Constant), ast.unparse(node)
                found[str(name.value)] += 1
    found.pop("name", None)
    return found


def come_by(call: str, times: int, crash_at: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        [sys.executable, "-c", COME_BY.format(call=call, times=times)],
        env={**os.environ, ENVIRONMENT: crash_at},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_every_point_stands_in_the_code_once_and_in_the_list() -> None:
    named = named_in_the_code()
    assert set(named) == POINTS
    assert [name for name, times in named.items() if times > 1] == []


@pytest.mark.parametrize("call", sorted(CALLS))
def test_the_process_dies_the_nth_time_and_says_where(call: str) -> None:
    assert come_by(call, 3, "hold.durable:3") == (
        -signal.SIGKILL,
        "alive\n",
        "killed at crash point hold.durable\n",
    )


@pytest.mark.parametrize("call", sorted(CALLS))
def test_it_lives_while_it_has_come_by_too_seldom_or_elsewhere(call: str) -> None:
    assert come_by(call, 2, "hold.durable:3") == (0, "alive\nsurvived\n", "")
    assert come_by(call, 2, "hold.recorded") == (0, "alive\nsurvived\n", "")


def test_an_unarmed_process_passes_every_point() -> None:
    for point in POINTS:
        crash_point(point)
    assert ENVIRONMENT not in os.environ
