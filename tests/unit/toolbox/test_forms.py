from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operators import Declined
from gateway.toolbox import encode_form, hmac_hex, path_part, php_query, query_of
from tests.support.vectors import SLOTEGRATOR_KEY, SLOTEGRATOR_SIGNATURES

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
PAIRS = st.lists(st.tuples(TEXTS, TEXTS))


def test_a_form_keeps_its_order_and_writes_a_space_as_a_plus() -> None:
    assert encode_form([("b", "1 2"), ("a", "é&~*")]) == b"b=1+2&a=%C3%A9%26~%2A"
    assert encode_form([("b", "~")], escape_tilde=True) == b"b=%7E"


def test_a_query_writes_a_space_as_percent_20() -> None:
    assert query_of([("b", "1 2"), ("a", "é&+/~")]) == "b=1%202&a=%C3%A9%26%2B%2F~"


@given(PAIRS, st.booleans())
def test_every_parameter_comes_out_as_it_went_in(pairs: list[tuple[str, str]], escape_tilde: bool) -> None:
    form = encode_form(pairs, escape_tilde=escape_tilde).decode("ascii")
    assert parse_qsl(form, keep_blank_values=True) == pairs
    assert parse_qsl(query_of(pairs), keep_blank_values=True) == pairs


@pytest.mark.parametrize("params, query, signature", SLOTEGRATOR_SIGNATURES)
def test_php_sorts_the_outermost_names_alone(params: dict[str, Any], query: str, signature: str) -> None:
    assert php_query(params) == query
    assert hmac_hex(SLOTEGRATOR_KEY, query.encode(), "sha1") == signature


@pytest.mark.parametrize(
    "params, query",
    [
        ({"b": "x y~", "a": 1, "X-Sign": "s"}, "X-Sign=s&a=1&b=x+y%7E"),
        ({"a": [True, False, None, "t"]}, "a%5B0%5D=1&a%5B1%5D=0&a%5B3%5D=t"),
        ({"a": {"z": "1", "b": {"c": "2"}}}, "a%5Bz%5D=1&a%5Bb%5D%5Bc%5D=2"),
        ({"a": [], "b": None}, ""),
    ],
)
def test_php_writes_nested_names_in_brackets(params: dict[str, object], query: str) -> None:
    assert php_query(params) == query


@pytest.mark.parametrize("value", [1.5, Decimal(1), b"x", bytearray(b"x"), object()])
def test_php_is_given_nothing_whose_text_is_not_certain(value: object) -> None:
    with pytest.raises(TypeError):
        php_query({"a": [value]})


@pytest.mark.parametrize("text, segment", [("a/b", "a%2Fb"), ("...", "..."), ("?#é %", "%3F%23%C3%A9%20%25")])
def test_a_segment_of_a_path_stays_one_segment(text: str, segment: str) -> None:
    assert path_part(text) == segment


@given(TEXTS.filter(lambda text: text not in {"", ".", ".."}))
def test_a_segment_never_changes_the_rest_of_a_url(text: str) -> None:
    path = urlsplit(f"https://wallet.example/bet/{path_part(text)}/x").path
    assert [unquote(part) for part in path.split("/")] == ["", "bet", text, "x"]


def test_an_empty_segment_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        path_part("")


@pytest.mark.parametrize("text", [".", ".."])
def test_a_segment_that_would_name_another_path_however_it_is_escaped_is_declined_unsent(text: str) -> None:
    with pytest.raises(Declined, match="nothing was sent"):
        path_part(text)
