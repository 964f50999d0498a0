from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway.origins import parse_web_address

WORDS = (
    "http https javascript data good.example evil.example xn--bcher-kva bücher 127.0.0.1 0x7f ::1 443 80 %2f %5c %00"
)
SIGNS = ":/\\@#?%[].-{}|&=+0aA \t\n\r\x00\u200b\uff0f\u3002"
PIECES = (*WORDS.split(), "//", *SIGNS)
ANY_ADDRESS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
LIKELY_ADDRESS = st.builds("https://{}{}".format, st.sampled_from(("good.example", "")), ANY_ADDRESS)


@pytest.mark.parametrize(
    "address, origin",
    [
        ("https://good.example", "https://good.example"),
        ("HTTPS://Good.Example/Lobby", "https://good.example"),
        ("https://good.example:443/", "https://good.example"),
        ("https://good.example:80/", "https://good.example:80"),
        ("http://good.example:80?x", "http://good.example"),
        ("https://good.example:8443#x", "https://good.example:8443"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example"),
        ("https://127.0.0.1:1/", "https://127.0.0.1:1"),
        ("https://[0:0:0:0:0:0:0:1]/", "https://[::1]"),
        ("https://good.example/%C3%BC?a=%26&url=https://evil.example/@x", "https://good.example"),
        ("https://good.example//evil.example", "https://good.example"),
    ],
)
def test_an_address_has_one_origin_however_it_is_written(address: str, origin: str) -> None:
    assert parse_web_address(address).origin == origin


@pytest.mark.parametrize(
    "address, why",
    [
        ("https://good.example@evil.example/", "holds an @ before its path"),
        ("https://good.example:x@evil.example/", "holds an @ before its path"),
        ("https://@evil.example/", "holds an @ before its path"),
        ("//evil.example/", "is not an absolute http or https address"),
        ("/lobby", "is not an absolute http or https address"),
        ("", "is not an absolute http or https address"),
        ("javascript:alert(1)", "is not an absolute http or https address"),
        ("javascript://good.example/%0aalert(1)", "holds a percent-encoded control character"),
        ("javascript://good.example/", "is not an absolute http or https address"),
        ("data:text/html,x", "is not an absolute http or https address"),
        ("https:good.example", "is not an absolute http or https address"),
        ("https:/good.example", "is not an absolute http or https address"),
        ("https:///evil.example", "has a host or port"),
        ("https:\\\\evil.example", "holds one of"),
        ("https://good.example\\@evil.example", "holds one of"),
        ("https://good.example/%zz", "holds one of"),
        ("https://good.example/%0d%0aSet-Cookie:x", "holds a percent-encoded control character"),
        ("https://good.example/%7F", "holds a percent-encoded control character"),
        ("https://go\tod.example/", "holds a space, a control character"),
        ("https://good.example/\n", "holds a space, a control character"),
        (" https://good.example/", "holds a space, a control character"),
        ("https://good.example/\x00", "holds a space, a control character"),
        ("https://bücher.example/", "holds a space, a control character or a letter outside ASCII"),
        ("https://good.example。evil.example/", "holds a space, a control character or a letter outside ASCII"),
        ("https://good%2eexample/", "has a host or port"),
        ("https://good.example./", "has a host or port"),
        ("https://good..example/", "has a host or port"),
        ("https://-good.example/", "has a host or port"),
        (f"https://{'a' * 64}.example/", "has a host or port"),
        (f"https://{'.'.join(['abcdefg'] * 40)}/", "has a host or port"),
        ("https://good.example:/", "has a host or port"),
        ("https://good.example:0/", "has a host or port"),
        ("https://good.example:65536/", "has a host or port"),
        ("https://good.example:0443/", "has a host or port"),
        ("https://[::1/", "has a host or port"),
        ("https://[::g]/", "has a host or port"),
        ("https://[.]/", "has a host or port"),
        ("https://[fe80::1%25eth0]/", "has a host or port"),
    ],
)
def test_what_browsers_would_repair_is_refused(address: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}"):
        parse_web_address(address)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "1.2.3.4.5", "a.0x"])
def test_a_number_is_a_host_in_one_form_alone(host: str) -> None:
    with pytest.raises(ValueError, match=r"^has a host or port"):
        parse_web_address(f"https://{host}/")


@pytest.mark.parametrize(
    "address, confidential",
    [
        ("https://good.example", True),
        ("http://good.example", False),
        ("http://localhost:8000", True),
        ("http://127.0.0.2", True),
        ("http://[::1]:1", True),
        ("http://localhost.evil.example", False),
        ("http://10.0.0.1", False),
    ],
)
def test_http_is_confidential_on_this_machine_alone(address: str, confidential: bool) -> None:
    assert parse_web_address(address).is_confidential is confidential


@given(ANY_ADDRESS | LIKELY_ADDRESS | st.text())
def test_other_readers_find_the_same_host_and_port_in_whatever_is_accepted(text: str) -> None:
    try:
        address = parse_web_address(text)
    except ValueError:
        return
    parts, other = urlsplit(text), URL(text, encoded=True)
    assert parts.username is parts.password is None
    host = (other.raw_host or "").lower()
    assert (address.scheme, address.host.strip("[]"), address.port) == (other.scheme, host, other.port)
    assert (parts.scheme, parts.hostname) == (other.scheme, host)
    assert parse_web_address(address.origin).origin == address.origin
