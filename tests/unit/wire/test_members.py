from __future__ import annotations

import json
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.members import MOST_MARKS, DuplicateMember, members, members_by_name, require_few_marks

TEXT = st.text(max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(TEXT, JSON, max_size=4), st.booleans())
def test_every_object_falls_into_the_members_that_a_parser_finds(content: dict[str, Any], ascii_only: bool) -> None:
    body = json.dumps(content, ensure_ascii=ascii_only, indent=1).encode("utf-8", "surrogatepass")
    found = [
        (name.decode("utf-8", "surrogatepass"), json.loads(value.decode("utf-8", "surrogatepass")))
        for name, value in members(body)
    ]
    assert json.dumps([(json.loads(name), value) for name, value in found]) == json.dumps([*map(list, content.items())])


@given(st.binary())
def test_anything_else_is_refused_or_taken_apart_but_never_fails_otherwise(body: bytes) -> None:
    try:
        found = members(body)
    except ValueError:
        return
    assert all(name.startswith(b'"') and name.endswith(b'"') for name, _ in found)


@pytest.mark.parametrize(
    "body, problem",
    [
        (b"", "not a complete JSON object"),
        (b"{", "not a complete JSON object"),
        (b"[1]", "not a complete JSON object"),
        (b'{"a": 1', "not a complete JSON object"),
        (b'{"a": ]}', "closes a bracket"),
        (b'{"a": [}', "opens a bracket that is not closed"),
        (b'{"a": "b}', "a string that is not closed"),
        (b"{1}", "a member without a name"),
        (b'{"a": 1,}', "a member without a name"),
        (b'{"a"}', "a member without a name"),
    ],
)
def test_what_is_no_object_is_refused_with_what_is_wrong(body: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        members(body)


def test_an_empty_object_has_no_members() -> None:
    assert members(b" { } ") == []


@pytest.mark.parametrize(
    "body", [b'{"a":"' + b'\\"' * 500_000, b'{"a":' + b"[" * 1_000_000 + b"}", b'{"' * 300_000 + b"}"]
)
def test_a_million_bytes_meant_to_be_slow_are_not(body: bytes) -> None:
    begun = process_time()
    with pytest.raises(ValueError, match="the body"):
        members(body + b"}")
    assert process_time() - begun < 2


def test_members_are_found_by_their_names_and_those_without_a_readable_one_left_out() -> None:
    body = b'{"a": 1, "b": "x", "\\ud800": 2, "\xff": 3, "\\u0061a": 4, "b": NaN}'
    assert members_by_name(body, {"a"}) == {"a": [b"1"], "b": [b'"x"', b"NaN"], "aa": [b"4"]}


def test_a_member_that_must_be_there_once_is_not_taken_twice() -> None:
    with pytest.raises(DuplicateMember) as caught:
        members_by_name(b'{"a": 1, "\\u0061": 2}', {"a"})
    assert caught.value.name == "a"


@pytest.mark.parametrize("junk", [b"[],", b'"",', b"0,"])
def test_what_has_more_parts_than_any_answer_is_told_apart_from_it(junk: bytes) -> None:
    with pytest.raises(ValueError, match="the body has more than 40000"):
        require_few_marks(b'{"a": [%s0]}' % (junk * (MOST_MARKS + 1)))
    require_few_marks(b'{"a": [%s0]}' % (junk * 6000))
