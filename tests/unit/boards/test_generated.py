from __future__ import annotations

from boards.files import FOLDER, ROOT, generated


def test_what_is_committed_is_what_the_code_generates() -> None:
    differing = [str(path) for path, text in generated().items() if (ROOT / path).read_text(encoding="utf-8") != text]
    assert differing == [], "make boards"


def test_nothing_else_lies_in_the_folder() -> None:
    found = {path.relative_to(ROOT) for path in (ROOT / FOLDER).rglob("*") if path.is_file()}
    assert found == {path for path in generated() if path.is_relative_to(FOLDER)}


def test_another_address_of_the_runbooks_is_the_only_difference() -> None:
    elsewhere = generated("https://pages.example/runbooks")
    assert {
        path: text.replace("https://pages.example/runbooks", "/public/runbooks") for path, text in elsewhere.items()
    } == (generated())
