r"""Web addresses (http and https), read so strictly that a browser cannot find another host in one than the gateway.

A lenient parser accepts what browsers repair, and they repair differently: `https:/\\evil.example`, a tab within the
host, `https://good.example@evil.example`. So only what RFC 3986 allows is read, within ASCII, and everything else is
refused. What is read is compared by its origin (RFC 6454): scheme, host and port.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

HIGHEST_PORT: Final = 65_535
LONGEST_HOST: Final = 253
"""Characters in the name of a host (RFC 1035, 2.3.4)."""

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(
    rf"(?P<scheme>[A-Za-z]+)://"
    rf"(?P<host>\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)"
    rf"(?::(?P<port>[1-9][0-9]{{0,4}}))?"
    rf"(?P<rest>(?:[/?#].*)?)"
)
_FOREIGN: Final = re.compile(r"[^!-~]")
_DISALLOWED: Final = re.compile(r'["<>\\^`{|}]|%(?![0-9A-Fa-f]{2})')
"""What no address contains as it is (RFC 3986, appendix A), and a percent sign that does not begin an escape."""
_ENCODED_CONTROL: Final = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
_NUMERIC: Final = re.compile(r"(?:[0-9]+|0[xX][0-9A-Fa-f]*)\Z")
_AUTHORITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<authority>[^/?#]*)")

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class WebAddress(NamedTuple):
    """An address in parts: scheme and host in lower case; `port` is always the one that is meant; `rest` is path, query
    and fragment as they are written."""

    scheme: str
    host: str
    port: int
    rest: str

    @property
    def origin(self) -> str:
        """``https://casino.example``, with the port where it is not the scheme's own."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def is_confidential(self) -> bool:
        """Whether nobody else on the network can read what is sent there: https, or this machine itself."""
        return self.scheme == "https" or _is_loopback(self.host)


def parse_web_address(text: str) -> WebAddress:
    """Reads an absolute address. Raises `ValueError`: what is wrong and what would be right, without the address."""
    if _FOREIGN.search(text):
        raise ValueError(
            "holds a space, a control character or a letter outside ASCII; percent-encode it, and write the name of an "
            "international host in its ASCII form (xn--…)"
        )
    if _DISALLOWED.search(text):
        raise ValueError('holds one of " < > \\ ^ ` { | } or a % without two hexadecimal digits; percent-encode it')
    if _ENCODED_CONTROL.search(text):
        raise ValueError("holds a percent-encoded control character; leave it out")
    authority = _AUTHORITY.match(text)
    if authority is None or not text.lower().startswith(("http://", "https://")):
        raise ValueError("is not an absolute http or https address; write it like https://casino.example/lobby")
    if "@" in authority["authority"]:
        raise ValueError("holds an @ before its path, as credentials do; remove what comes before the host")
    return _read(text)


def _read(text: str) -> WebAddress:
    match = _ADDRESS.fullmatch(text)
    host = None if match is None else _normal_host(match["host"])
    scheme = "" if match is None else match["scheme"].lower()
    port = DEFAULT_PORTS.get(scheme, 0) if match is None or not match["port"] else int(match["port"])
    if match is None or host is None or port > HIGHEST_PORT:
        raise ValueError("has a host or port that cannot be reached; write it like https://casino.example:8443/lobby")
    return WebAddress(scheme, host, port, match["rest"])


def _normal_host(host: str) -> str | None:
    """The one form of a host in which it is compared; None if it has none."""
    try:
        if host.startswith("["):
            return f"[{IPv6Address(host[1:-1]).compressed}]"
        # A browser takes `0x7f.1` and `2130706433` for 127.0.0.1: test_a_number_is_a_host_in_one_form_alone.
        if _NUMERIC.match(host.rpartition(".")[2]):
            return str(IPv4Address(host))
    except AddressValueError:
        return None
    return host.lower() if len(host) <= LONGEST_HOST else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
