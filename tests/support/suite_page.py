"""The tables of `docs/adapters/suite.md`, made from the suite itself.

``python -m tests.support.suite_page`` writes them into the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gateway.operators.registry import names
from gateway.sandbox.simulated import Simulated, simulated_operators
from gateway.testing.behaviours import BEHAVIOURS, Behaviour, Grade
from tests.support.operator_pages import filled

PAGE: Final = Path(__file__).parents[2] / "docs" / "adapters" / "suite.md"

TITLES: Final = {
    Grade.BRONZE: "Bronze: no money is lost",
    Grade.SILVER: "Silver: everything works",
    Grade.GOLD: "Gold: polished",
}


def behaviours() -> str:
    """One table for each grade."""
    return "\n".join(_table(grade) for grade in Grade)


def exemptions() -> str:
    """The exemptions of the adapters that ship, with their reasons."""
    rows = [
        f"| `{name}` | `{behaviour}` | {reason} |\n"
        for name in names()
        for behaviour, reason in sorted(_simulated(name).exemptions.items())
    ]
    return "| adapter | exempt from | because |\n|---|---|---|\n" + "".join(rows or ["| none | | |\n"])


def page() -> str:
    """The page as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    return filled(filled(text, "behaviours", behaviours()), "exemptions", exemptions())


def _simulated(name: str) -> type[Simulated]:
    found: type[Simulated] = simulated_operators()[name].load()
    return found


def _table(grade: Grade) -> str:
    rows = "".join(_row(each) for each in BEHAVIOURS.values() if each.grade is grade)
    return f"### {TITLES[grade]}\n\n| behaviour | what it proves, and why | can be exempt |\n|---|---|---|\n{rows}"


def _row(behaviour: Behaviour) -> str:
    about = " ".join(behaviour.about.split()).replace("|", "\\|")
    return f"| `{behaviour.name}` | {about} | {'yes' if behaviour.exemptible else 'no'} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
