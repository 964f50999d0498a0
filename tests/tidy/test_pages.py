"""The pages: links lead somewhere, every page can be found, every make target is explained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.tree import ROOT, pages

LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")
HEADING = re.compile(r"^#+ +(?P<title>.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"^(?P<name>[a-z-]+):.*  ## ", re.MULTILINE)


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


def test_every_link_leads_somewhere() -> None:
    assert [f"{page} -> {to}" for page, to in links() if leads_nowhere(page, to)] == []


def test_every_make_target_is_explained_in_the_readme() -> None:
    targets = TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in targets if f"make {name}" not in readme] == []


def test_every_page_of_docs_can_be_found_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lost = [page for page, _ in pages() if page.parent == Path("docs") and str(page) not in readme]
    assert lost == []
