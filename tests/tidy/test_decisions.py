"""The decisions: each short, with a number of its own, in one form, and in the index under its theme."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.tree import ROOT, files

FOLDER = Path("docs/decisions")
INDEX = FOLDER / "README.md"
NAME = re.compile(r"(?P<number>\d{3})-[a-z0-9-]+\.md")
HEAD = re.compile(
    r"# (?P<number>\d{3}): (?P<title>[A-Z].*[^.])\n"
    r"\n"
    r"Date: (?P<date>\d{4}-\d{2}-\d{2})\n"
    r"Status: (?P<status>accepted|superseded by \d{3})\n"
    r"\n"
)
THEME = re.compile(r"^## (?P<tens>\d\d)0s: ", re.MULTILINE)
ROW = re.compile(r"^\| \[(\d{3})\]\((\S+)\) \| (.+) \| (\S+) \| (.+) \|$", re.MULTILINE)
LINES = 23  # twenty of text, and three for date and status with the empty line after them


def decisions() -> list[Path]:
    return [path for path in files() if path.parent == FOLDER and path.suffix == ".md" and path != INDEX]


def text_of(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def heads() -> Iterator[tuple[Path, re.Match[str]]]:
    for path in decisions():
        if head := HEAD.match(text_of(path)):
            yield path, head


def rows_by_theme() -> dict[str, list[tuple[str, ...]]]:
    """The rows of the index, under the first two digits that the heading above them names."""
    _, *parts = THEME.split(text_of(INDEX))
    return {tens: ROW.findall(rows) for tens, rows in zip(parts[::2], parts[1::2], strict=True)}


def test_every_decision_has_a_number_of_its_own() -> None:
    names = [path.name for path in decisions()]
    assert [name for name in names if not NAME.fullmatch(name)] == []
    assert [number for number, times in Counter(name[:3] for name in names).items() if times > 1] == []


def test_every_decision_fits_on_a_card() -> None:
    assert [str(path) for path in decisions() if len(text_of(path).splitlines()) > LINES] == []


def test_every_decision_begins_with_number_title_date_and_status() -> None:
    well = [path for path, head in heads() if head["number"] == path.name[:3]]
    assert sorted(set(decisions()) - set(well)) == []


def test_the_form_that_is_shown_to_contributors_is_the_one_that_is_held() -> None:
    (shown,) = re.findall(r"^```text\n(# \d{3}: .*?)```$", text_of(Path("CONTRIBUTING.md")), re.MULTILINE | re.DOTALL)
    assert HEAD.fullmatch(f"{shown}\n")


def test_a_decision_is_superseded_by_one_that_there_is() -> None:
    numbers = {path.name[:3] for path in decisions()}
    superseded = {path.name: head["status"][-3:] for path, head in heads() if head["status"] != "accepted"}
    assert [name for name, by in superseded.items() if by not in numbers or by == name[:3]] == []


def test_every_decision_stands_in_the_index_under_its_theme_as_its_own_page_has_it() -> None:
    of_pages: dict[str, list[tuple[str, ...]]] = {}
    for path, head in heads():
        row = (head["number"], path.name, head["title"], head["date"], head["status"])
        of_pages.setdefault(path.name[:2], []).append(row)
    assert rows_by_theme() == {tens: sorted(rows) for tens, rows in sorted(of_pages.items())}
