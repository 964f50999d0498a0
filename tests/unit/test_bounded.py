from __future__ import annotations

from gateway.bounded import BoundedMap


def test_the_latest_entries_are_remembered_and_the_first_forgotten() -> None:
    entries: BoundedMap[str, int] = BoundedMap(2)
    for number, key in enumerate("abc"):
        entries.put(key, number)
    assert entries == {"b": 1, "c": 2}


def test_an_entry_that_is_put_in_again_is_renewed_in_its_place() -> None:
    entries: BoundedMap[str, int] = BoundedMap(2)
    for number, key in enumerate("abac"):
        entries.put(key, number)
    assert entries == {"b": 1, "c": 3}
