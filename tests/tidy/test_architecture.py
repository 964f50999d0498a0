"""The page on the architecture shows the code as it is: its drawings, its table, and every name in it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

import pytest

from tests.support.drawings import PAGE, PARTS, in_page
from tests.tidy.tree import ROOT, modules

METHOD = re.compile(r"\b(?P<owner>[A-Z][A-Za-z]+)\.(?P<name>[a-z_]+)\b")
FUNCTION = re.compile(r"\b(?P<owner>rules|states|replies|group_commit)\.(?P<name>[a-z_]+)\b")
FILE = re.compile(r"`(?P<path>(?:gateway|adapters|docs|tests|config|bench)/[\w/.-]+)`")


def names() -> dict[str, set[str]]:
    """What each class, and each module by its short name, has: methods, properties, functions."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path, source in modules("gateway", "adapters"):
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name] |= {inner.name for inner in ast.walk(node) if isinstance(inner, _FUNCTIONS)}
                found[node.name] |= {
                    inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute) and _is_own(inner)
                }
        found[path.stem] |= {node.name for node in tree.body if isinstance(node, _FUNCTIONS)}
    return found


def _is_own(attribute: ast.Attribute) -> bool:
    return isinstance(attribute.value, ast.Name) and attribute.value.id == "self"


_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("part", list(PARTS))
def test_the_page_shows_what_the_code_says(part: str) -> None:
    """``python -m tests.support.drawings`` writes it anew."""
    assert in_page(PAGE.read_text(encoding="utf-8"), part) == PARTS[part]()


def test_every_function_that_the_page_names_is_there() -> None:
    page, known = PAGE.read_text(encoding="utf-8"), names()
    named = {(match["owner"], match["name"]) for pattern in (METHOD, FUNCTION) for match in pattern.finditer(page)}
    assert len(named) > 30
    assert sorted((owner, name) for owner, name in named if name not in known[owner] and name not in {"py", "md"}) == []


def test_every_file_that_the_page_names_is_there() -> None:
    named = {match["path"] for match in FILE.finditer(PAGE.read_text(encoding="utf-8"))}
    assert len(named) > 20
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_no_drawing_holds_a_semicolon() -> None:
    """Mermaid ends a statement there, and the rest of the sentence breaks the drawing."""
    drawings = re.findall(r"```mermaid\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(drawings) > 5
    assert [drawing for drawing in drawings if ";" in drawing] == []
