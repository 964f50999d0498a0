"""Session tokens at rest: encrypted when a key is configured, and found by a digest, never by themselves.

A sealed value is one of
    00 | plain                                           no key was configured
    01 | key's id (4) | salt (16) | count (8) | AES-256-GCM ciphertext and tag

Each `Sealer` draws a salt, encrypts with a key derived from the configured one and that salt, and counts its nonces:
no nonce ever comes twice under one key, however many values are sealed and however often the process starts (random
nonces under one key would have to stop after 2^32 values, two weeks of a busy gateway).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PLAIN: Final = b"\x00"
_SEALED: Final = b"\x01"
_ID_BYTES: Final = 4
_SALT_BYTES: Final = 16
_COUNT_BYTES: Final = 8
_NONCE_PADDING: Final = bytes(12 - _COUNT_BYTES)
_KEY_END: Final = 1 + _ID_BYTES
_SALT_END: Final = _KEY_END + _SALT_BYTES
_COUNT_END: Final = _SALT_END + _COUNT_BYTES
_DIGEST_BYTES: Final = 16
_SALTS_KEPT: Final = 1024


class Unsealable(ValueError):
    """The value was sealed with a key that is not configured, or has been tampered with."""


class Sealer:
    """Seals with the first of `keys` (32 bytes each), opens with whichever of them sealed; without keys plainly.

    To change the key, put the new one first and keep the old one until what it sealed has been pruned.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = {_derived(key, b"id")[:_ID_BYTES]: key for key in keys}
        self._lookups = [_derived(key, b"lookup") for key in keys]
        self._cipher_of = lru_cache(_SALTS_KEPT)(self._derive_cipher)
        self._counts = count()
        if keys:
            salt = os.urandom(_SALT_BYTES)
            head = next(iter(self._keys)) + salt
            self._prefix = _SEALED + head
            self._cipher = self._cipher_of(head)

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """`plain` as it may stand in the journal; it opens in the same `context` only."""
        if not self._keys:
            return _PLAIN + plain
        number = next(self._counts).to_bytes(_COUNT_BYTES, "big")
        return self._prefix + number + self._cipher.encrypt(_NONCE_PADDING + number, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The inverse of `seal`. Raises `Unsealable`."""
        if sealed[:1] == _PLAIN:
            return sealed[1:]
        if sealed[:1] != _SEALED:
            raise Unsealable("a session is sealed in no form that is known here")
        cipher = self._cipher_of(sealed[1:_SALT_END])
        try:
            return cipher.decrypt(_NONCE_PADDING + sealed[_SALT_END:_COUNT_END], sealed[_COUNT_END:], context)
        except (InvalidTag, ValueError):
            raise Unsealable("a sealed session does not open: it was changed, or belongs to another operator") from None

    def digest(self, secret: bytes) -> bytes:
        """What a secret is written under: keyed if there is a key."""
        return _digest(secret, self._lookups[0] if self._lookups else b"")

    def digests(self, secret: bytes) -> list[bytes]:
        """All that a secret may have been written under, the likeliest first."""
        return [_digest(secret, lookup) for lookup in (*self._lookups, b"")]

    def _derive_cipher(self, head: bytes) -> AESGCM:
        key = self._keys.get(head[:_ID_BYTES])
        if key is None:
            raise Unsealable(f"a session is sealed with the key {head[:_ID_BYTES].hex()}, which is not configured")
        return AESGCM(_derived(key, b"seal" + head[_ID_BYTES:]))


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")


def _digest(secret: bytes, lookup: bytes) -> bytes:
    return hashlib.blake2b(secret, key=lookup, digest_size=_DIGEST_BYTES).digest()
