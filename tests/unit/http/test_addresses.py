from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from gateway.http.addresses import AllowList, Proxies, parse_address


@pytest.mark.parametrize(
    "text, meant",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:80", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_is_read_in_every_form_that_sockets_and_proxies_write(text: str, meant: str) -> None:
    assert parse_address(text) == ip_address(meant)


@pytest.mark.parametrize(
    "text",
    ["", "unknown", "_hidden", "localhost", "192.0.2", "192.0.2.7.1", "192.0.2.7:", "192.0.2.256", "[]", "[1.2.3", "1"],
)
def test_anything_else_is_no_address(text: str) -> None:
    assert parse_address(text) is None


def test_an_empty_list_allows_everybody_and_any_other_only_its_own() -> None:
    anybody = AllowList([])
    some = AllowList([ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")])
    inside, outside = ["192.0.2.7", "2001:db8::1"], ["203.0.113.9", "2001:db9::1", "unknown"]
    assert all(anybody.allows(parse_address(text)) for text in inside + outside)
    assert all(some.allows(parse_address(text)) for text in inside)
    assert not any(some.allows(parse_address(text)) for text in outside)


@pytest.mark.parametrize(
    "peer, forwarded, client",
    [
        ("203.0.113.9", ["192.0.2.7"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6", "192.0.2.7", "10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["unknown, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7, unknown"], None),
        ("10.0.0.1", ["192.0.2.7, "], None),
        ("10.0.0.1", [""], None),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], client: str | None
) -> None:
    found = Proxies([ip_network("10.0.0.0/8")]).client(parse_address(peer), forwarded)
    assert found == (None if client is None else parse_address(client))


def test_without_trusted_proxies_nobody_is_believed() -> None:
    none = Proxies([])
    assert not none
    assert none.client(parse_address("10.0.0.1"), ["192.0.2.7"]) == parse_address("10.0.0.1")
