"""The pages: links lead somewhere, every page can be found, every make target is explained.

The same for docstrings and comments: the pages and tests that they name exist, so that a reason can be followed.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.tree import ROOT, files, functions, modules, pages

LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")
HEADING = re.compile(r"^#+ +(?P<title>.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"^(?P<name>[a-z-]+):.*  ## ", re.MULTILINE)
DOCUMENTED = ("gateway", "adapters", "bench", "boards")
PATH_NAMED = re.compile(r"\b(?:docs|tests)/[\w./-]*\w")
TEST_NAMED = re.compile(r"\btest_\w+\b(?!\.py)")


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    titles = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def leads_nowhere(page: Path, to: str) -> bool:
    """Whether a link of a page names a file or heading that is not there; the web's own are left alone."""
    if re.match(r"[a-z]+:", to):
        return False
    name, _, anchor = to.partition("#")
    target = (ROOT / page.parent / name).resolve() if name else ROOT / page
    return not target.exists() or bool(anchor and anchor not in anchors(target))


def links() -> Iterator[tuple[Path, str]]:
    for page, text in pages():
        for match in LINK.finditer(FENCE.sub("", text)):
            yield page, match["to"]


def prose(source: str) -> Iterator[str]:
    """Every docstring and every comment of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def named(pattern: re.Pattern[str]) -> Iterator[tuple[Path, str]]:
    for path, source in modules(*DOCUMENTED):
        for text in prose(source):
            for name in pattern.findall(text):
                yield path, name


def test_every_link_leads_somewhere() -> None:
    assert [f"{page} -> {to}" for page, to in links() if leads_nowhere(page, to)] == []


def test_every_page_and_every_file_of_the_tests_that_code_names_is_there() -> None:
    assert [f"{path} -> {name}" for path, name in named(PATH_NAMED) if not (ROOT / name).exists()] == []


def test_every_test_that_code_names_is_there() -> None:
    tests = {node.name for _, node in functions("tests")} | {path.stem for path in files() if path.suffix == ".py"}
    assert [f"{path} -> {name}" for path, name in named(TEST_NAMED) if name not in tests] == []


def test_every_make_target_is_explained_in_the_readme() -> None:
    targets = TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in targets if f"make {name}" not in readme] == []


def test_every_page_of_docs_can_be_found_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lost = [page for page, _ in pages() if page.parent == Path("docs") and str(page) not in readme]
    assert lost == []


def test_every_page_about_deploying_can_be_found_from_its_first() -> None:
    first = (ROOT / "docs" / "deploy" / "README.md").read_text(encoding="utf-8")
    beside = [page.name for page, _ in pages() if page.parent == Path("docs/deploy") and page.name != "README.md"]
    assert beside
    assert [name for name in beside if f"]({name})" not in first] == []
