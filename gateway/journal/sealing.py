"""Session tokens at rest: encrypted when a key is configured, and found by a digest of the token.

A sealed value is one of
    00 | plain                                           no key was configured
    01 | key id (4) | salt (16) | count (8) | AES-256-GCM ciphertext and tag

AES-GCM must never use a nonce twice under one key, and random nonces are safe for 2^32 values only (NIST SP 800-38D,
section 8.3): ten days of a busy gateway. So each `Sealer` draws a random salt, encrypts with a key derived from the
configured one and that salt, and counts its nonces (docs/decisions/013-sessions-at-rest.md).
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
_CIPHERS_KEPT: Final = 1024  # one for each start of a gateway whose sessions are still read


class Unsealable(ValueError):
    """The value was sealed with a key that is not configured, for another context, or has been changed."""


class Sealer:
    """Seals with the first of `keys` (32 bytes each), and opens what any of them has sealed. Without keys it encrypts
    nothing, and marks the value as plain. With keys it opens plain values only where `opens_plain`: else whoever can
    write to the journal, and has no key, could give a transfer another session.

    To change the key, put the new one first, and keep the old one until what it has sealed is pruned.
    """

    def __init__(self, keys: Sequence[bytes] = (), *, opens_plain: bool = False) -> None:
        self._opens_plain = opens_plain or not keys
        self._keys = {_derive(key, b"id")[:_ID_BYTES]: key for key in keys}
        self._digest_keys = [_derive(key, b"lookup") for key in keys]
        if self._opens_plain:
            self._digest_keys.append(b"")
        self._cipher_of = lru_cache(_CIPHERS_KEPT)(self._derive_cipher)
        self._counts = count()
        if keys:
            # A new salt at every start, and so a new derived key: the count may begin at 0 again.
            key_id_and_salt = next(iter(self._keys)) + os.urandom(_SALT_BYTES)
            self._prefix = _SEALED + key_id_and_salt
            self._cipher = self._cipher_of(key_id_and_salt)

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """`plain` in the form that may be written to the journal. It opens only with the same `context`, which is
        authenticated and not stored: a value that is copied to another operator's row does not open there."""
        if not self._keys:
            return _PLAIN + plain
        nonce_count = next(self._counts).to_bytes(_COUNT_BYTES, "big")
        return self._prefix + nonce_count + self._cipher.encrypt(_NONCE_PADDING + nonce_count, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The inverse of `seal`. Raises `Unsealable`."""
        if sealed[:1] == _PLAIN:
            if not self._opens_plain:
                raise Unsealable("a session is not encrypted, although there is a key")
            return sealed[1:]
        if sealed[:1] != _SEALED:
            raise Unsealable("a session is sealed in a form that this version does not know")
        cipher = self._cipher_of(sealed[1:_SALT_END])
        try:
            return cipher.decrypt(_NONCE_PADDING + sealed[_SALT_END:_COUNT_END], sealed[_COUNT_END:], context)
        except (InvalidTag, ValueError):
            raise Unsealable("a sealed session does not open: it was changed, or belongs to another operator") from None

    def digest(self, secret: bytes) -> bytes:
        """What a secret is written and found under: 16 bytes of BLAKE2b (RFC 7693), keyed if there is a key."""
        # Keyed, since with a digest that needs no key whoever has the journal could try tokens.
        return _digest(secret, self._digest_keys[0])

    def digests(self, secret: bytes) -> list[bytes]:
        """All that a secret may have been written under, the likeliest first: one for each key, and the unkeyed one
        where plain values open."""
        return [_digest(secret, digest_key) for digest_key in self._digest_keys]

    def _derive_cipher(self, key_id_and_salt: bytes) -> AESGCM:
        key_id, salt = key_id_and_salt[:_ID_BYTES], key_id_and_salt[_ID_BYTES:]
        key = self._keys.get(key_id)
        if key is None:
            raise Unsealable(f"a session is sealed with the key {key_id.hex()}, which is not configured")
        return AESGCM(_derive(key, b"seal" + salt))


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")


def _digest(secret: bytes, digest_key: bytes) -> bytes:
    return hashlib.blake2b(secret, key=digest_key, digest_size=_DIGEST_BYTES).digest()
