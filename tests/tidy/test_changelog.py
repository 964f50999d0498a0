"""The changelog keeps to the form that it names: Keep a Changelog 1.1.0."""

from __future__ import annotations

import re
import tomllib
from collections import Counter

import pytest

from gateway.journal.migrations import migrations_of
from tests.tidy.tree import ROOT

SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
RELEASE = re.compile(r"(?P<version>\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}")


def changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def versions() -> dict[str, str]:
    """What the page says of each version, by its heading."""
    _, *parts = re.split(r"^## (.+)\n", changelog(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def test_what_is_unreleased_stands_first_and_each_release_has_its_date_newest_first() -> None:
    first, *released = versions()
    assert first == "Unreleased"
    assert [heading for heading in released if not RELEASE.fullmatch(heading)] == []
    numbers = [as_numbers(heading.partition(" ")[0]) for heading in released]
    assert numbers == sorted(set(numbers), reverse=True)


def test_the_program_is_not_older_than_its_newest_release() -> None:
    _, *released = versions()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert all(as_numbers(heading.partition(" ")[0]) <= as_numbers(version) for heading in released)


def test_a_version_has_the_sections_of_the_form_in_its_order() -> None:
    for heading, text in versions().items():
        sections = re.findall(r"^### (.+)$", text, re.MULTILINE)
        assert sections == [section for section in SECTIONS if section in sections], heading


def test_every_line_stands_in_a_section_once() -> None:
    for heading, text in versions().items():
        before, *_ = re.split(r"^### ", text, maxsplit=1, flags=re.MULTILINE)
        assert "\n- " not in f"\n{before}", heading
        entries = Counter(
            " ".join(entry.split()) for entry in re.findall(r"^- ((?:.+\n)(?:  .+\n)*)", text, re.MULTILINE)
        )
        assert [entry for entry, times in entries.items() if times > 1] == [], heading


def migration_lines() -> list[str]:
    """Every entry that begins with the word, on one line."""
    entries = re.findall(r"^- (\*\*Migration\*\*(?:.+\n)(?:  .+\n)*)", changelog(), re.MULTILINE)
    return [" ".join(entry.split()) for entry in entries]


@pytest.mark.parametrize("store", ["postgres", "sqlite"])
def test_every_migration_is_named_once_with_whether_it_needs_a_stop(store: str) -> None:
    for migration in migrations_of(f"gateway.journal.{store}"):
        (line,) = [line for line in migration_lines() if f"`{store}/{migration.name}`" in line]
        said = [words for words in ("needs a stop", "needs no stop") if words in line]
        assert said == ["needs no stop" if migration.expands else "needs a stop"], migration.name
