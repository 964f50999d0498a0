from __future__ import annotations

import pytest

from gateway.journal.postgres.hosts import Host, hosts_of


@pytest.mark.parametrize(
    "url, hosts",
    [
        ("postgresql://u:p@db.example/gateway", [None]),
        ("postgresql:///gateway?host=/run/postgresql", [None]),
        ("postgresql://u:p@db-1:5433,db-2/gateway", [Host("db-1", 5433), Host("db-2", 5432)]),
        ("postgresql://[::1]:5433,[2001:db8::7]/gateway", [Host("::1", 5433), Host("2001:db8::7", 5432)]),
    ],
)
def test_several_hosts_are_told_apart_and_one_is_left_to_the_driver(url: str, hosts: list[Host | None]) -> None:
    assert hosts_of(url) == hosts


def test_a_host_is_written_as_people_write_it() -> None:
    assert [str(Host("db-1", 5433)), str(Host("::1", 5433))] == ["db-1:5433", "[::1]:5433"]
