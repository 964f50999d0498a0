"""Every claim of the threat model names the test that holds it, and there is such a test."""

from __future__ import annotations

import ast
import re

from tests.tidy.tree import ROOT

PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
TEST = re.compile(r"`(test_\w+)`")
NO_CLAIMS = {"Assets", "Actors", "Exposed directly, or behind a proxy", "Assumptions", "Accepted risks"}
"""Sections that say what is assumed, advised or left, not what holds."""


def sections() -> dict[str, str]:
    _, *parts = SECTION.split(PAGE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rows(section: str) -> list[list[str]]:
    """The cells of each row of its tables, the head first, without the line under it."""
    lines = [line for line in section.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_claim_names_the_test_that_holds_it() -> None:
    unheld = []
    for title, section in sections().items():
        if title in NO_CLAIMS:
            continue
        head, *claims = rows(section)
        assert head[-1] == "held by", title
        unheld += [claim[0] for claim in claims if not TEST.search(claim[-1])]
    assert unheld == []


def test_every_test_that_is_named_exists() -> None:
    there = {
        node.name
        for file in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert set(TEST.findall(PAGE)) - there == set()


def test_every_section_that_makes_no_claim_is_there() -> None:
    assert sections().keys() >= NO_CLAIMS
