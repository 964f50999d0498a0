from __future__ import annotations

from tests.support import suite_page


def test_the_page_lists_the_behaviours_and_exemptions_of_the_code() -> None:
    """``python -m tests.support.suite_page`` writes it anew."""
    assert suite_page.PAGE.read_text(encoding="utf-8") == suite_page.page()
