from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operators import Declined, Unclear
from gateway.toolbox import build_xml, parse_xml, text_at

PLAIN = st.text(st.characters(min_codepoint=0x20, exclude_categories=("Cs", "Cc", "Cn")), max_size=20).map(str.strip)

BOMB = b'<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;&c;&c;&c;</a>'
FILE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
AWAY = b'<!DOCTYPE a SYSTEM "http://wallet.example/a.dtd"><a>1&b;0</a>'
BARE = b"<!DOCTYPE a><a>1</a>"


def test_a_request_is_written_in_the_order_of_its_members() -> None:
    members = {"username": "J & <S>", "password": None, "bets": ["1", "2"], "inner": {"é": "x"}}
    assert build_xml("authenticate", members).decode() == (
        '<?xml version="1.0" encoding="utf-8"?>'
        "<authenticate><username>J &amp; &lt;S&gt;</username><password></password>"
        "<bets>1</bets><bets>2</bets><inner><é>x</é></inner></authenticate>"
    )


def test_any_mapping_and_any_sequence_is_written() -> None:
    members = MappingProxyType({"a": MappingProxyType({"b": ("1", MappingProxyType({"c": "2"}))})})
    assert build_xml("r", members).endswith(b"<r><a><b>1</b><b><c>2</c></b></a></r>")


@pytest.mark.parametrize("text", ["\x00", "\x1b", "\r", "\ud800", "\uffff"])
def test_what_xml_cannot_carry_is_declined_before_it_is_sent(text: str) -> None:
    with pytest.raises(Declined, match="nothing was sent"):
        build_xml("a", {"b": [{"c": f"x{text}"}]})


@given(st.dictionaries(st.sampled_from("abc"), PLAIN))
def test_what_is_written_is_read_as_the_same_texts(members: dict[str, str]) -> None:
    tree = parse_xml(build_xml("r", members))
    assert {name: text_at(tree, "r", name) for name in members} == members


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_a_text_never_becomes_an_element(text: str) -> None:
    try:
        body = build_xml("r", {"a": text, "b": "1"})
    except Declined:
        return
    assert parse_xml(body)["r"].keys() == {"a", "b"}


@pytest.mark.parametrize("body", [BOMB, FILE, AWAY, BARE])
def test_a_document_type_declaration_is_unclear(body: bytes) -> None:
    with pytest.raises(Unclear, match="XML"):
        parse_xml(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"<a>",
        b"<a/><b/>",
        b"<a>&b;</a>",
        b"<a>\xff</a>",
        b"<a>\x00</a>",
        b"{}",
        b'<?xml version="1.0" encoding="bogus"?><a/>',
        b'<?xml version="1.0" encoding="idna"?><a/>',
    ],
)
def test_what_is_not_well_formed_is_unclear(body: bytes) -> None:
    with pytest.raises(Unclear, match="XML"):
        parse_xml(body)


@given(st.binary(max_size=60), st.sampled_from([b"%b", b"<a>%b</a>", b'<?xml version="1.0"?><a %b></a>', b"<!%b><a/>"]))
def test_any_bytes_are_read_or_unclear(odd: bytes, around: bytes) -> None:
    try:
        tree = parse_xml(around.replace(b"%b", odd))
    except Unclear:
        return
    assert len(tree) == 1


@pytest.mark.parametrize(
    "body, read",
    [
        (b"<a>1</a>", "1"),
        (b" \n<a>\n 1 \n</a> ", "1"),
        (b"\xef\xbb\xbf<a>1</a>", "1"),
        (b'<?xml version="1.0" encoding="iso-8859-1"?><a>\xe9</a>', "é"),
        (b"<a><![CDATA[<1>]]></a>", "<1>"),
        (b"<a>1<!-- -->0</a>", "10"),
        (b'<a currency="EUR">1</a>', "1"),
        (b"<a/>", ""),
        (b"<a></a>", ""),
        (b"<a>1<b/>0</a>", None),
        (b"<b>1</b>", None),
    ],
)
def test_a_text_is_read_only_if_it_is_one_text(body: bytes, read: str | None) -> None:
    assert text_at(parse_xml(body), "a") == read


@pytest.mark.parametrize(
    "body", [b"<r><a>1</a><a>1</a></r>", b"<r><a><b>1</b></a></r>", b"<r><b>1</b></r>", b"<r/>", b"<r>1</r>"]
)
def test_an_element_that_stands_there_twice_or_not_at_all_has_no_text(body: bytes) -> None:
    assert text_at(parse_xml(body), "r", "a") is None


def test_an_element_under_a_repeated_one_has_no_text() -> None:
    tree: dict[str, Any] = parse_xml(b"<r><a><b>1</b></a><a><b>2</b></a></r>")
    assert text_at(tree, "r", "a", "b") is None


def test_a_large_or_deep_answer_is_read_without_recursion() -> None:
    assert parse_xml(b"<a>" * 20_000 + b"</a>" * 20_000).keys() == {"a"}
    assert len(parse_xml(b"<r>" + b"<a>1</a>" * 20_000 + b"</r>")["r"]["a"]) == 20_000


def test_an_answer_of_nothing_but_tags_is_not_taken_apart() -> None:
    for tags in (b"<b/>" * 100_000, b"<b>" * 50_000 + b"</b>" * 50_000):
        with pytest.raises(Unclear, match="more than 50000 tags"):
            parse_xml(b"<a>%s</a>" % tags)
