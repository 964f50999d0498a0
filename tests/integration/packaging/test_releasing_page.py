"""The page on releases: its commands name what there is, and the modules that it calls public are enough to write an
adapter. What `make release` makes is looked at in tests/supply/test_release.py."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest

from gateway import operators
from tests.tidy.tree import ROOT

PAGE = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PUBLIC_MODULE = re.compile(r"^\| `(gateway\.[a-z_.]+)` \|", re.MULTILINE)


def commands() -> list[list[str]]:
    return [shlex.split(line) for block in SHELL.findall(PAGE) for line in block.splitlines()]


def is_a_target(words: list[str]) -> bool:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return bool(re.search(rf"^{words[1]}:", makefile, re.MULTILINE))


KNOWN: dict[str, Callable[[list[str]], bool]] = {
    "make": is_a_target,
    ".venv/bin/mm-gateway": lambda words: words[1:] == ["--version"],
    "docker": lambda words: words[1] == "build" and words[-1] == f"dist/mm_wallet_gateway-{words[3][-5:]}-image.tar.gz",
    "git": lambda words: words[1] in {"tag", "push"},
}
"""What can be said of a command that is not run here."""


@pytest.mark.parametrize("words", [pytest.param(words, id=" ".join(words)[:70]) for words in commands()])
def test_every_command_names_what_there_is(words: list[str]) -> None:
    assert KNOWN[words[0]](words)


def test_an_adapter_needs_nothing_that_the_page_does_not_call_public() -> None:
    adapters_page = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
    imported = set(re.findall(r"^from (gateway\.[a-z_.]+) import", adapters_page, re.MULTILINE))
    assert imported
    assert imported - set(PUBLIC_MODULE.findall(PAGE)) == set()


def test_every_name_of_the_operators_package_that_is_public_is_there() -> None:
    assert "gateway.operators" in PUBLIC_MODULE.findall(PAGE)
    assert [name for name in operators.__all__ if not hasattr(operators, name)] == []
