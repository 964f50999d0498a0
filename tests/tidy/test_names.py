"""One word for one thing: docs/glossary.md says which, and which words are no longer used."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.tree import ROOT, modules, texts

GLOSSARY = Path("docs/glossary.md")
MOST_ENTRIES = 30
INVERTED = re.compile(r"(?<!there )\b(is|are|was|were) no\b(?! longer| more\b| later\b)", re.IGNORECASE)
"""«is no number» reads as its opposite at first; «is not a number» does not."""


def rows(section: str) -> list[str]:
    """The first column of the tables in this part of the glossary."""
    return [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")][1:]


def parts() -> tuple[list[str], list[str]]:
    words, retired = (ROOT / GLOSSARY).read_text(encoding="utf-8").split("## Retired words")
    return rows(words), [word for row in rows(retired) for word in row.split(", ")]


def prose() -> Iterator[tuple[Path, str]]:
    """Every text that readers of the project see, but for the history of its decisions."""
    for path, text in texts():
        shown = path.parts[0] in {"gateway", "adapters", "bench", "docs", "config"} and path.parts[1] != "decisions"
        if shown and path != GLOSSARY and path.suffix in {".py", ".md", ".sql", ".yaml"}:
            yield path, text


def offenders(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in prose()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_glossary_is_short_and_says_each_word_once() -> None:
    words, retired = parts()
    assert len(words) <= MOST_ENTRIES
    assert len({*words, *retired}) == len(words) + len(retired)


def test_no_class_name_stands_twice_in_the_gateway() -> None:
    found = defaultdict(list)
    for path, source in modules("gateway"):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path))
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_no_retired_word_is_used() -> None:
    _, retired = parts()
    words = "|".join(map(re.escape, retired))
    assert offenders(re.compile(rf"(?<![a-zA-Z])(?<!single[_-])_?({words})s?(?![a-zA-Z])", re.IGNORECASE)) == []


def test_what_is_not_so_is_said_plainly() -> None:
    assert offenders(INVERTED) == []
