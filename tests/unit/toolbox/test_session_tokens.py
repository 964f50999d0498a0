from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.operators import Declined, Kind, Session, Unclear
from gateway.toolbox import TokenParts, TokenTemplate, known_player, session_currency, session_player

PARTS = st.text(min_size=1, max_size=20).filter(lambda text: ":" not in text)


@pytest.mark.parametrize(
    "template, token, parts",
    [
        ("{player}:{session}", "p1:0fab", {"player": "p1", "session": "0fab"}),
        ("{player}", "p1:0fab", {"player": "p1:0fab"}),
        ("{{{player}}}{{{session}}}", "{p1}{0fab}", {"player": "p1", "session": "0fab"}),
        ("{player}]^\\{session}", "p1]^\\0fab", {"player": "p1", "session": "0fab"}),
        (
            "v1.{session}.{player}--{currency}/{language}",
            "v1.s.p1--EUR/en",
            {"session": "s", "player": "p1", "currency": "EUR", "language": "en"},
        ),
    ],
)
def test_a_token_is_taken_apart_as_agreed(template: str, token: str, parts: dict[str, str]) -> None:
    assert TokenParts.read(template, token) == parts


@given(PARTS, PARTS)
def test_every_token_that_fits_is_read_in_one_way(player: str, session: str) -> None:
    assert TokenParts.read("{player}:{session}", f"{player}:{session}") == {"player": player, "session": session}


@pytest.mark.parametrize("token", ["", ":", "p1", "p1:", ":0fab", "p1:0fab:x", "p1;0fab"])
def test_a_token_of_another_form_is_no_session(token: str) -> None:
    with pytest.raises(Declined, match="form") as no:
        TokenParts.read("{player}:{session}", token)
    assert no.value.kind is Kind.SESSION
    assert not token or token not in no.value.text.split()


@pytest.mark.parametrize(
    "template",
    [
        "",
        "player",
        "{session}",
        "{player}{session}",
        "{player}:{player}",
        "{player}:{name}",
        "{player",
        "{player}:{0}",
        "{player:session}",
        "{player!r}:{session}",
        "{player.session}",
        "{}",
    ],
)
def test_a_template_that_cannot_be_read_in_one_way_is_refused(template: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(TokenTemplate).validate_python(template)


def test_a_template_is_kept_as_it_is_written() -> None:
    assert TypeAdapter(TokenTemplate).validate_python("{player}:{session}") == "{player}:{session}"


def test_a_request_that_must_name_its_player_is_not_made_without_one() -> None:
    assert known_player(Session(operator="acme", token="t", player_id="p1")) == "p1"
    with pytest.raises(Unclear, match="nothing was sent"):
        known_player(Session(operator="acme", token="t"))


def test_a_player_that_is_known_need_not_be_in_the_token() -> None:
    template = "{player}:{session}"
    assert session_player(template, Session(operator="acme", token="p1:0fab")) == "p1"
    assert session_player(template, Session(operator="acme", token="0fab", player_id="p2")) == "p2"
    with pytest.raises(Declined) as no:
        session_player(template, Session(operator="acme", token="0fab"))
    assert no.value.kind is Kind.SESSION


@pytest.mark.parametrize(
    "template, token, currency",
    [
        ("{player}:{currency}", "p1:usd", "XAG"),
        ("{player}:{currency}", "p1:SEK", "SEK"),
        ("{player}:{session}", "p1:USD", "EUR"),
    ],
)
def test_a_session_has_the_currency_of_its_token_or_the_usual_one(template: str, token: str, currency: str) -> None:
    session = Session(operator="acme", token=token)
    assert session_currency(template, session, {"XAG": "USD"}, "EUR") == currency
