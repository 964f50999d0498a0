from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.text_escaping import escape, unescape

ANY_TEXT = st.text(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from("\x00\ufdd0d8af0"))


@given(ANY_TEXT)
def test_every_text_comes_back(text: str) -> None:
    assert unescape(escape(text)) == text


@given(ANY_TEXT)
def test_no_escaped_text_has_what_a_database_refuses(text: str) -> None:
    kept = escape(text)
    assert "\x00" not in kept
    assert kept.encode().decode() == kept


@given(ANY_TEXT, ANY_TEXT)
def test_different_texts_stay_different(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) is (one == other)


def test_a_plain_text_is_its_own_escaped_form() -> None:
    assert escape("Withdraw – failed") == "Withdraw – failed"
    assert unescape("Withdraw – failed") == "Withdraw – failed"
