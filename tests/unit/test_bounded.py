from __future__ import annotations

from gateway.bounded import BoundedMap, WeighedMap


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


def test_what_is_remembered_is_bounded_by_its_weight_too() -> None:
    entries: WeighedMap[str, str] = WeighedMap(5, len)
    for key, value in (("a", "1"), ("b", "22"), ("a", "11"), ("c", "333"), ("d", "1")):
        entries.put(key, value)
        assert entries.weight == sum(map(len, entries.values())) <= 5
    assert entries == {"c": "333", "d": "1"}
