"""A request as bytes (RFC 9112, sections 3 and 5). What cannot be written safely is never sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import httptools
import msgspec

from gateway.operators.adapter import Headers
from gateway.operators.errors import Unsendable

_STATIC: Final = "User-Agent: mm-wallet-gateway\r\nAccept-Encoding: identity\r\n"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*")
_RESERVED: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
"""Headers on which the framing of a request and its response depends, or that the client writes itself."""


_MAPPINGS: Final = (dict, Mapping)
"""A dictionary first: nearly all are, and asking the abstract class is slow."""

_METHOD: Final = re.compile("[A-Z]+")
_UNREADABLE: Final = frozenset({"HEAD", "CONNECT"})
"""Methods whose responses are framed in another way (RFC 9112, 6.3)."""


class Origin(msgspec.Struct, frozen=True):
    """Where a connection leads. `host` is a name or an address, without brackets."""

    host: str
    port: int
    tls: bool


class Target(msgspec.Struct, frozen=True):
    """A URL, ready to be called: `head` is the request's start up to the headers that differ from call to call."""

    origin: Origin
    head: bytes


def target_of(method: str, url: str) -> Target:
    """A target. Raises `Unsendable` for what is not an absolute http(s) URL in ASCII, without a fragment. The path is
    sent exactly as given."""
    if _METHOD.fullmatch(method) is None or method in _UNREADABLE:
        raise Unsendable(f"{method!r} is not a method that an operator can be called with")
    try:
        parts = httptools.parse_url(url.encode("ascii"))
    except (UnicodeEncodeError, httptools.HttpParserInvalidURLError):
        raise Unsendable("the URL is not valid; it must be ASCII, without spaces, its host name in xn-- form") from None
    scheme = (parts.schema or b"").decode().lower()
    if scheme not in _DEFAULT_PORTS or not parts.host:
        raise Unsendable("the URL is not an absolute http or https URL")
    if parts.userinfo:
        raise Unsendable("the URL holds credentials; they belong in a header")
    # A fragment is never sent: an id with "#" that was put into a path as it is would become a shorter id, perhaps that
    # of another transfer.
    if "#" in url:
        raise Unsendable("the URL has a fragment; escape what is put into a path")
    origin = Origin(parts.host.decode().lower(), parts.port or _DEFAULT_PORTS[scheme], scheme == "https")
    path = (parts.path or b"/").decode() + (f"?{parts.query.decode()}" if parts.query else "")
    head = f"{method} {path} HTTP/1.1\r\nHost: {_host_header(origin)}\r\n{_STATIC}"
    return Target(origin, head.encode())


def request_of(head: bytes, headers: Headers, body: bytes | None) -> bytes:
    """The whole request. Raises `Unsendable` for a header that would break out of its line or change the framing."""
    pairs = headers.items() if isinstance(headers, _MAPPINGS) else headers
    lines = [_line(name, value) for name, value in pairs]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}\r\n")
    lines.append("\r\n")
    return head + "".join(lines).encode("latin-1") + (body or b"")


@lru_cache(maxsize=256)
def _line(name: str, value: str) -> str:
    line = f"{name}: {value}"
    # The first colon of a line ends its name: "Host: evil" as a name would be a Host header.
    if _HEADER.fullmatch(line) is None or ":" in name or name.lower() in _RESERVED:
        raise Unsendable("the adapter made a header that must not be sent")
    return line + "\r\n"


def _host_header(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == _DEFAULT_PORTS["https" if origin.tls else "http"] else f"{host}:{origin.port}"
