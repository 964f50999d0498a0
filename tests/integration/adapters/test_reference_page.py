from __future__ import annotations

from tests.support import adapter_reference


def test_the_page_says_what_the_code_says() -> None:
    assert adapter_reference.PAGE.read_text(encoding="utf-8") == adapter_reference.reference()


def test_every_public_name_is_described() -> None:
    assert adapter_reference.undocumented() == []
