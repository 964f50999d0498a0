from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from gateway.operators.texts import TEXT_LIMIT, fit_text, secrets_of


@given(st.text(max_size=2 * TEXT_LIMIT))
def test_any_text_becomes_one_bounded_line_that_can_be_written(text: str) -> None:
    fit = fit_text(text)
    assert len(fit) <= TEXT_LIMIT
    assert fit.encode().decode() == fit
    assert fit.splitlines() in ([], [fit])
    assert all(character.isprintable() or character > "\x9f" for character in fit)


def test_an_ordinary_text_stays_as_it_is() -> None:
    assert fit_text("Guthaben zu niedrig (Fehler 7)") == "Guthaben zu niedrig (Fehler 7)"


@given(st.text(max_size=300), st.text(max_size=300), st.text(alphabet="abc123", min_size=6, max_size=40))
def test_a_secret_never_comes_out(before: str, after: str, secret: str) -> None:
    assert secret not in fit_text(before + secret + after, [secret])


def test_a_secret_in_a_secret_leaves_nothing_of_either() -> None:
    assert fit_text("said abcdef-ghijkl", ["abcdef", "abcdef-ghijkl"]) == "said [hidden]"


def test_what_is_too_short_to_be_a_secret_blots_out_no_words() -> None:
    assert fit_text("an error", ["a", ""]) == "an error"


def test_secrets_are_found_however_deep() -> None:
    class Key(BaseModel):
        pem: SecretStr

    class Settings(BaseModel):
        user: str = "u"
        password: SecretStr = SecretStr("one")
        key: Key = Key(pem=SecretStr("two"))
        more: dict[str, list[SecretStr]] = {"x": [SecretStr("three")]}

    assert list(secrets_of(Settings())) == ["one", "two", "three"]
