"""The page about the tests has every folder of tests and every shared helper, and none that is gone."""

from __future__ import annotations

import re
from pathlib import Path

from tests.tidy.tree import ROOT, files

PAGE = Path("tests/README.md")
FOLDER = re.compile(r"^\| \[`(\w+)`\]\(\1\) \|", re.MULTILINE)
HELPER = re.compile(r"^\| \[`(\w+)`\]\(support/\1\.py\) \|", re.MULTILINE)


def page() -> str:
    return (ROOT / PAGE).read_text(encoding="utf-8")


def test_every_folder_of_tests_stands_in_the_page_once() -> None:
    folders = {path.parts[1] for path in files() if path.parts[0] == "tests" and len(path.parts) > 2}
    assert sorted(FOLDER.findall(page())) == sorted(folders)


def test_every_helper_stands_in_the_page_once() -> None:
    helpers = {
        path.stem
        for path in files()
        if path.parent == Path("tests/support") and path.suffix == ".py" and not path.name.startswith("test_")
    }
    assert sorted(HELPER.findall(page())) == sorted(helpers)
