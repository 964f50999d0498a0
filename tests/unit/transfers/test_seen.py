from __future__ import annotations

from gateway.journal.records import Direction, Key
from gateway.transfers.seen import Seen
from tests.support.transfers import SESSION


def key(id: str) -> Key:
    return Key("acme", Direction.WITHDRAW, id)


def test_the_latest_keys_are_remembered_and_the_oldest_forgotten() -> None:
    seen = Seen(capacity=2)
    for id in ("1", "2", "3"):
        seen.add(key(id), SESSION)
    assert [key(id) in seen for id in ("1", "2", "3", "4")] == [False, True, True, False]
    assert [seen.session(key(id)) for id in ("1", "2")] == [None, SESSION]
