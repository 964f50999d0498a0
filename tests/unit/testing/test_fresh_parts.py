"""What an adapter declares as fresh is left out of the comparison of two tries, and nothing else."""

from __future__ import annotations

import pytest

from gateway.sandbox.ledger import Seen
from gateway.testing.behaviours.fresh import fresh_values, masked


def seen(path: str = "/", body: bytes = b"", headers: dict[str, str] | None = None) -> Seen:
    return Seen(at=0, call="withdraw", id="a", path=path, body=body, method="POST", headers=headers or {})


@pytest.mark.parametrize(
    "part, first, second",
    [
        ("header X-Time", seen(headers={"x-time": "1", "b": "2"}), seen(headers={"x-time": "7", "b": "2"})),
        ("query nonce", seen("/a?nonce=1&id=2"), seen("/a?nonce=7&id=2")),
        ("query nonce", seen("/a?id=2&nonce=1"), seen("/a?id=2&nonce=7")),
        ("body time", seen(body=b'{"time": 1, "a":{"b":2}}'), seen(body=b'{"time": 77, "a":{"b":2}}')),
        ("body time", seen(body=b'{"time":"a\\"b","c":2}'), seen(body=b'{"time":"d","c":2}')),
        ("body time", seen(body=b"id=2&time=1"), seen(body=b"id=2&time=7")),
        ("body time", seen(body=b"<a><time>1</time><id>2</id></a>"), seen(body=b"<a><time>7</time><id>2</id></a>")),
        ("body time", seen(body=b'<a time="1" id="2"/>'), seen(body=b'<a time="7" id="2"/>')),
    ],
)
def test_a_fresh_part_is_masked(part: str, first: Seen, second: Seen) -> None:
    assert masked(first, {part}) == masked(second, {part})
    assert fresh_values(first, part) != fresh_values(second, part)
    assert masked(first, set()) != masked(second, set())


@pytest.mark.parametrize(
    "part, first, second",
    [
        ("header x-time", seen(headers={"x-timed": "1"}), seen(headers={"x-timed": "7"})),
        ("query nonce", seen("/a?my_nonce=1"), seen("/a?my_nonce=7")),
        ("query nonce", seen("/a?nonce=1&id=2"), seen("/a?nonce=1&id=3")),
        ("body time", seen(body=b'{"time":1,"id":2}'), seen(body=b'{"time":1,"id":3}')),
        ("body time", seen(body=b'{"lifetime":1}'), seen(body=b'{"lifetime":7}')),
        ("body time", seen(body=b"lifetime=1"), seen(body=b"lifetime=7")),
        ("body time", seen(body=b"<a><time>1</time><id>2</id></a>"), seen(body=b"<a><time>1</time><id>3</id></a>")),
    ],
)
def test_nothing_else_is_masked(part: str, first: Seen, second: Seen) -> None:
    assert masked(first, {part}) != masked(second, {part})
