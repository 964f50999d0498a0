"""What every test must have, and what none may: an assertion, and no waiting by the clock."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.tidy.tree import functions, modules

ASSERTING = ("raises", "warns", "fail")
"""Functions of pytest that are assertions."""

HELPERS = ("expect_", "test_")
"""How functions are named that assert for their caller: helpers, and the tests of the conformance suite."""

TARGET_CHECK = "check"
"""What a parser under a fuzzer must hold (tests/fuzz/target.py)."""

VIRTUAL = ("tests.support.virtual_time", "tests.support.world", "tests.simulation")
"""Whoever imports from there sleeps in virtual time, which costs none."""

SLOW_ON_PURPOSE = {
    "tests/soak": "load comes at a rate",
    "tests/load": "load comes at a rate",
    "tests/chaos": "faults come at a rate",
}
"""Where time itself is what a trial is about."""


def called(node: ast.Call) -> str:
    """The last part of the name that is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def asserts(test: ast.AST) -> bool:
    """Whether the body, and not merely a name in it, holds an assertion."""
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = called(node)
            if name in ASSERTING or name == TARGET_CHECK or name.startswith(HELPERS):
                return True
    return False


def sleeps(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of `sleep` for longer than a turn, but for those in a loop: that waits for a condition, or sends slowly."""
    in_loop = {inner for loop in ast.walk(tree) if isinstance(loop, ast.While | ast.For) for inner in ast.walk(loop)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or called(node) != "sleep" or node in in_loop or not node.args:
            continue
        seconds = node.args[0]
        if not (isinstance(seconds, ast.Constant) and seconds.value == 0):
            yield node


def is_virtual(tree: ast.AST) -> bool:
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return any(module.startswith(VIRTUAL) for module in imported)


def test_every_test_asserts_something() -> None:
    idle = [place for place, node in functions("tests") if node.name.startswith("test_") and not asserts(node)]
    assert idle == []


@pytest.mark.parametrize(
    "body",
    ["await client.verify_session('t')", "check_nothing = 1", "prove(1)", "'assert'", "operator.verify_and_check()"],
)
def test_a_name_that_sounds_like_a_check_is_none(body: str) -> None:
    assert not asserts(ast.parse(f"async def test_it():\n    {body}"))


def test_no_test_waits_by_the_clock() -> None:
    waiting = [
        f"{path}:{node.lineno}"
        for path, source in modules("tests")
        if path.name.startswith("test_") and not str(path).startswith(tuple(SLOW_ON_PURPOSE))
        for tree in [ast.parse(source)]
        if not is_virtual(tree)
        for node in sleeps(tree)
    ]
    assert waiting == []


@pytest.mark.parametrize("line", ["await asyncio.sleep(0.3)", "time.sleep(PAUSE_S)", "await sleep(2 * FLUSH_AFTER_S)"])
def test_waiting_by_the_clock_is_seen(line: str) -> None:
    assert list(sleeps(ast.parse(f"async def test_it():\n    {line}")))


@pytest.mark.parametrize("line", ["await asyncio.sleep(0)", "while not done():\n        await asyncio.sleep(0.01)"])
def test_yielding_and_polling_are_not_waiting_by_the_clock(line: str) -> None:
    assert not list(sleeps(ast.parse(f"async def test_it():\n    {line}")))
