"""Digests and keyed digests of what is sent, and the usual ways to put parameters in order for one.

What is signed are the exact bytes that go out, so an adapter builds them once. Which digest, which order and which
parameters: that is the contract's. What is made here for a call is taken out of the texts of that call: an operator
may repeat a signature, or a digest that serves as a password.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Literal

from gateway.operators.http_client.wire_use import note_secret

Algorithm = Literal["md5", "sha1", "sha256", "sha512"]
"""A digest by its name: ``md5``, ``sha1``, ``sha256`` or ``sha512``."""


def md5_hex(message: bytes) -> str:
    """MD5 (RFC 1321) in lower case hex: ``900150983cd24fb0d6963f7d28e17f72`` for ``abc``."""
    return note_secret(hashlib.md5(message).hexdigest())  # noqa: S324 - the contract's choice


def sha1_hex(message: bytes) -> str:
    """SHA-1 (FIPS 180-4) in lower case hex."""
    return note_secret(hashlib.sha1(message).hexdigest())  # noqa: S324 - the contract's choice


def sha256_hex(message: bytes) -> str:
    """SHA-256 (FIPS 180-4) in lower case hex."""
    return note_secret(hashlib.sha256(message).hexdigest())


def hmac_hex(key: str, message: bytes, algorithm: Algorithm) -> str:
    """HMAC (RFC 2104) of the message in lower case hex. The key is used as its UTF-8 bytes."""
    return note_secret(hmac.digest(key.encode(), message, algorithm).hex())


def hmac_base64(key: str, message: bytes, algorithm: Algorithm) -> str:
    """HMAC (RFC 2104) of the message in base64 with padding (RFC 4648, 4). The key is used as its UTF-8 bytes."""
    return note_secret(b64encode(hmac.digest(key.encode(), message, algorithm)).decode("ascii"))


def sorted_pairs(params: Mapping[str, str]) -> str:
    """``a=1&b=2``: pairs in the byte order of their names, nothing escaped."""
    # The order of code points is the order of the UTF-8 bytes.
    return "&".join(f"{name}={params[name]}" for name in sorted(params))


def sorted_values(params: Mapping[str, str]) -> str:
    """``12`` for ``{"b": "2", "a": "1"}``: the values alone, in the byte order of their names."""
    return listed_values(params, sorted(params))


def listed_values(params: Mapping[str, str], names: Iterable[str]) -> str:
    """The values of these names, in this order, joined by nothing. Raises `KeyError` for a name that is missing."""
    return "".join(params[name] for name in names)
