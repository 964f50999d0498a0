"""What is left of a body that is cut while it arrives is read as the whole body would be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reasons import TEXT_LIMIT, limit_text
from gateway.wire.cutting import INFORMS, NEEDED, PIECE, BodyCutter
from gateway.wire.errors import WalletError
from gateway.wire.requests import INFORMS as INFORMING
from gateway.wire.requests import ConfirmRequest, HoldRequest, QueryRequest, RollbackRequest, SessionRequest, read

LARGEST = 256 * 1024
"""Bytes that are left of a body, whatever its size."""

TEXT = st.text(max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXT | st.sampled_from([*NEEDED, *INFORMS]), JSON, max_size=6)


def cut(body: bytes, piece: int = PIECE) -> bytes:
    cutter = BodyCutter()
    for start in range(0, len(body), piece):
        cutter.feed(body[start : start + piece])
    return cutter.finish()


def read_rollback(body: bytes) -> Any:
    try:
        request = read(RollbackRequest, body)
    except WalletError:
        return None
    return request.token, request.id, limit_text(request.reason)


@given(OBJECTS, st.booleans(), st.integers(1, 9))
def test_what_is_needed_and_what_informs_is_kept_of_any_object(
    content: dict[str, Any], ascii_only: bool, piece: int
) -> None:
    body = json.dumps(content, ensure_ascii=ascii_only, indent=1).encode()
    expected = {name: value for name, value in content.items() if name in NEEDED or name in INFORMS}
    assert json.loads(cut(body, piece)) == expected


@given(
    st.sampled_from(["a", "ü", "\U0001f600", '"', "\\", "\n", "\x00", "]}", "a\U0001f600\\u12"]),
    st.integers(TEXT_LIMIT // 4 - 3, TEXT_LIMIT * 3),
    st.integers(0, 13),
    st.booleans(),
)
def test_of_a_reason_of_any_letters_as_much_is_left_as_is_kept(
    letters: str, times: int, before: int, ascii_only: bool
) -> None:
    content = {"token": "t", "rollbackReason": "x" * before + letters * times, "mmTransactionId": "1"}
    body = json.dumps(content, ensure_ascii=ascii_only).encode()
    assert read_rollback(cut(body)) == read_rollback(body)
    assert len(cut(body)) < LARGEST


@given(st.binary(max_size=40), st.integers(1, 9))
def test_what_is_no_object_is_refused_and_all_else_read_as_it_was(value: bytes, piece: int) -> None:
    body = b'{"token": "t", "rollbackReason": %s, "mmTransactionId": "1"}' % value
    whole = read_rollback(body)
    try:
        assert read_rollback(cut(body, piece)) == whole
    except ValueError:
        assert whole is None


HEAD, TAIL = b'{"token": "t", "rollbackReason": ', b', "mmTransactionId": "1"}'
HOSTILE = {
    "letters": b'"' + b"x" * 1_000_000 + b'"',
    "open brackets": b"[" * 500_000 + b"]" * 500_000,
    "pairs of brackets": b"[" + b"[]," * 300_000 + b"[]]",
    "texts": b"[" + b'"",' * 300_000 + b'""]',
    "digits": b"9" * 1_000_000,
    "half a pair, long": b'"' + b"x" * 5_000 + rb"\ud83d" + b"x" * 100_000 + b'"',
    "half a pair at the cut": b'"' + rb"\ud83d\ude00" * 4097 + rb"\ud83d" + b"x" * 100_000 + b'"',
    "no escape": b'"' + b"x" * 100 + rb"\uZZZZ" + b"x" * 100_000 + b'"',
    "no UTF-8": b'"' + b"\xff" * 100_000 + b'"',
    "a text and more": b'"a"' + b"[]" * 50_000,
    "spaces": b" " * 200_000 + b'"sold out"',
    "members": b"1" + b',"a":[]' * 100_000,
    "long names": b"1" + b',"' + b"a" * 100_000 + b'":2',
    "reasons": b"1" + b',"rollbackReason":"%s"' % (b"y" * 60_000) * 10,
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_rollback_is_never_refused_for_its_reason_and_holds_little(value: bytes) -> None:
    left = cut(HEAD + value + TAIL)
    assert len(left) < LARGEST
    token, id, reason = read_rollback(left)
    assert (token, id) == ("t", "1")
    assert reason


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_held_while_it_arrives_and_each_piece_s_work_are_bounded(value: bytes) -> None:
    cutter, body = BodyCutter(), HEAD + value + TAIL
    for start in range(0, len(body), PIECE):
        before = cutter.steps
        cutter.feed(body[start : start + PIECE])
        assert cutter.steps - before <= 5 * PIECE
        assert len(cutter._part) < LARGEST


def test_spaces_between_members_are_none() -> None:
    spaces = b" \n" * 50_000
    body = spaces.join([b"", b"{", b'"token"', b":", b'"t"', b",", b'"mmTransactionId"', b":", b'"1"', b"}", b""])
    assert read_rollback(cut(body)) == ("t", "1", "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[1]",
        b'{"a": 1',
        b'{"a": ]}',
        b'{"a": [}',
        b'{"a": "b}',
        b"{1}",
        b'{"a": 1,}',
        b'{"a"}',
        b"{} 1",
        b"{}{}",
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "b\\',
        b"{" + b" " * 100_000 + b"1}",
    ],
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    for piece in (2, PIECE):
        with pytest.raises(ValueError, match=r"body|mark"):
            cut(body, piece)


def test_an_empty_object_stays_one() -> None:
    assert cut(b" { } ") == b"{}"


@pytest.mark.parametrize("again", [1, 2, 3])
def test_what_is_needed_twice_is_still_there_twice(again: int) -> None:
    body = b'{"token": "t"%s, "mmTransactionId": "1"}' % (b', "token": "u"' * again)
    with pytest.raises(WalletError, match="token is there twice"):
        read(RollbackRequest, cut(body))


def test_the_last_reason_counts_and_a_name_may_be_escaped() -> None:
    body = rb'{"tok\u0065n": "t", "rollbackReason": 1, "mmTransactionId": "1", "rollback\u0052eason": "2", "\ud800": 3}'
    assert read_rollback(cut(body)) == ("t", "1", "2")


@pytest.mark.parametrize("value", [b'"%s"' % (b"a" * 100_000), b"[%s]" % (b"0," * 50_000), b"9" * 100_000])
@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed_and_too_long_stays_too_long(name: str, value: bytes) -> None:
    members = {b"token": b'"t"', b"mmTransactionId": b'"1"', b"amount": b'{"amount": 1, "currencyCode": "XAG"}'}
    assert read(HoldRequest, cut(_written(members))).token == "t"
    with pytest.raises(WalletError):
        read(HoldRequest, cut(_written(members | {name.encode(): value})))


def _written(members: dict[bytes, bytes]) -> bytes:
    return b"{%s}" % b",".join(b'"%s":%s' % each for each in members.items())


def test_all_that_calls_are_read_from_is_kept() -> None:
    models = (SessionRequest, HoldRequest, ConfirmRequest, RollbackRequest, QueryRequest)
    fields = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert fields == NEEDED.keys() | INFORMS.keys()
    assert INFORMS.keys() == INFORMING.keys()


@pytest.mark.parametrize("marks", [b"[" * 4, b"[{},{}", b"]" * 4, b"}, 1]]", b"[" * 4 + b"]"], ids=bytes.decode)
def test_a_bracket_costs_no_step_of_its_own_where_it_cannot_end_a_member(marks: bytes) -> None:
    cutter = BodyCutter()
    cutter.feed(b'{"rollbackReason": ' + b"[" * PIECE)
    before = cutter.steps
    cutter.feed(marks * (PIECE // len(marks) // 2))
    assert cutter.steps - before < PIECE / 10


def test_a_deep_reason_ends_where_it_ends() -> None:
    deep = b"[" * 3 * PIECE + b'"]"' + b"]" * 3 * PIECE
    body = b'{"rollbackReason": ' + deep + b', "token": "t", "mmTransactionId": "1"}'
    for piece in (1, 7, PIECE):
        assert read_rollback(cut(body, piece)) == ("t", "1", limit_text(deep.decode()))


@pytest.mark.parametrize("value", ['"t" x', '"t"x"y"', '"t" ["u"]', '"t" : "u"'])
@pytest.mark.parametrize("name", ["token", "mmTransactionId"])
def test_what_is_needed_and_is_no_text_is_not_made_one(name: str, value: str) -> None:
    needed = {"token": '"t"', "mmTransactionId": '"1"', "rollbackReason": '"why"'} | {name: value}
    body = b"{%s}" % b", ".join(f'"{each}": {written}'.encode() for each, written in needed.items())
    assert read_rollback(body) is None
    assert read_rollback(cut(body)) is None


@pytest.mark.parametrize("reason", ['"t" x', '"t"x"y"', '"t" ["u"]'])
def test_a_reason_that_is_no_text_is_kept_as_it_is_of_a_short_body(reason: str) -> None:
    body = b'{"token": "t", "mmTransactionId": "1", "rollbackReason": %s}' % reason.encode()
    assert read_rollback(cut(body)) == read_rollback(body) == ("t", "1", reason)
