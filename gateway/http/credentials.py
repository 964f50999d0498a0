"""Whose credentials are these? HTTP Basic over plain or hashed secrets, in a time that tells nothing.

Looking up costs the same whatever was sent: a keyed digest of the header is looked up in a table, and nobody outside
can aim at a digest. Hashed secrets cost one Argon2 per credential and process; after that the digest is known.
An unknown user costs as many Argon2s as a known one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Final

import msgspec
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError

from gateway.bounded import BoundedMap
from gateway.settings import CredentialSettings

CONCURRENT_CHECKS: Final = 2
WAITING_PER_SOURCE: Final = 8
WAITING: Final = 256
REMEMBERED: Final = 4096


class TooManyChecks(Exception):
    """So many unknown credentials are being checked that this one is not."""


class Grant(msgspec.Struct, frozen=True):
    """What credentials open: `operators` by their paths, and `chosen` under the common path (None: nothing)."""

    operators: frozenset[str] = frozenset()
    chosen: str | None = None

    def operator(self, in_path: str | None) -> str | None:
        """The operator that a call is for; None if these credentials do not open it."""
        if in_path is None:
            return self.chosen
        return in_path if in_path in self.operators else None

    def plus(self, other: Grant) -> Grant:
        return Grant(self.operators | other.operators, self.chosen or other.chosen)


class OperatorCredentials(msgspec.Struct, frozen=True):
    """An operator's credentials; `path_only` as in the settings."""

    operator: str
    path_only: bool
    credentials: tuple[CredentialSettings, ...]

    @property
    def grant(self) -> Grant:
        return Grant(frozenset({self.operator}), None if self.path_only else self.operator)


class _Hashed(msgspec.Struct, frozen=True):
    secret_hash: str
    grant: Grant


NO_GRANT: Final = Grant()


class Credentials:
    """All operators' credentials."""

    def __init__(self, holders: Iterable[OperatorCredentials]) -> None:
        """Raises `ValueError` for a hash that is none."""
        self._key = secrets.token_bytes(32)
        self._open: dict[bytes, Grant] = {}
        self._hashed: dict[bytes, list[_Hashed]] = {}
        for holder in holders:
            for credential in holder.credentials:
                self._add(credential, holder.grant)
        self._rounds = max(map(len, self._hashed.values()), default=0)
        self._decoy = _decoy_hash(self._hashed)
        self._threads = ThreadPoolExecutor(CONCURRENT_CHECKS, thread_name_prefix="credentials")
        self._verified: BoundedMap[bytes, Grant] = BoundedMap(REMEMBERED)
        self._wrong: BoundedMap[bytes, None] = BoundedMap(REMEMBERED)
        self._checks: dict[bytes, asyncio.Task[Grant]] = {}
        self._waiting: Counter[str] = Counter()

    def known(self, header: str | None) -> Grant | None:
        """What an Authorization header opens; None if that takes a `check`."""
        if header is None:
            return NO_GRANT
        digest = self._digest(header.encode("utf-8", "surrogateescape"))
        grant = self._open.get(digest) or self._verified.get(digest)
        return NO_GRANT if grant is None and digest in self._wrong else grant

    async def check(self, header: str, source: str) -> Grant:
        """What a header opens that is not yet known; `source` is where it comes from. Raises `TooManyChecks`.

        One source can keep others waiting for no more than a few checks.
        """
        pair = _pair(header)
        if pair is None:
            return NO_GRANT
        grant = self._open.get(self._digest(_header(*pair)))
        digest = self._digest(header.encode("utf-8", "surrogateescape"))
        if grant is not None or not self._hashed or digest in self._wrong:
            return grant or NO_GRANT
        check = self._checks.get(digest) or self._begin(digest, pair, source)
        return await asyncio.shield(check)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, digest: bytes, pair: tuple[bytes, bytes], source: str) -> asyncio.Task[Grant]:
        if self._waiting[source] >= WAITING_PER_SOURCE or len(self._checks) >= WAITING:
            raise TooManyChecks
        self._waiting[source] += 1
        check = self._checks[digest] = asyncio.create_task(self._checked(digest, pair, source))
        return check

    async def _checked(self, digest: bytes, pair: tuple[bytes, bytes], source: str) -> Grant:
        try:
            grant = await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, *pair)
        finally:
            del self._checks[digest]
            self._waiting[source] -= 1
            if not self._waiting[source]:
                del self._waiting[source]
        # Apart, so that a flood of wrong credentials cannot make right ones cost their Argon2 again.
        if grant == NO_GRANT:
            self._wrong.put(digest, None)
        else:
            self._verified.put(digest, grant)
        return grant

    def _verify(self, username: bytes, password: bytes) -> Grant:
        """Runs in a thread: takes `_rounds` Argon2s whoever asks."""
        hashed = self._hashed.get(username, [])
        grant = NO_GRANT
        for candidate in hashed:
            if _matches(candidate.secret_hash, password):
                grant = grant.plus(candidate.grant)
        for _ in range(self._rounds - len(hashed)):
            _matches(self._decoy, password)
        return grant

    def _add(self, credential: CredentialSettings, grant: Grant) -> None:
        username = credential.username.encode()
        if credential.password is not None:
            digest = self._digest(_header(username, credential.password.get_secret_value().encode()))
            self._open[digest] = self._open.get(digest, NO_GRANT).plus(grant)
        if credential.password_hash is not None:
            hashed = _Hashed(credential.password_hash.get_secret_value(), grant)
            extract_parameters(hashed.secret_hash)
            self._hashed.setdefault(username, []).append(hashed)

    def _digest(self, header: bytes) -> bytes:
        return blake2b(header, key=self._key, digest_size=32).digest()


def _pair(header: str) -> tuple[bytes, bytes] | None:
    """User name and password from a Basic header; None if it is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (username, password) if colon else None


def _header(username: bytes, password: bytes) -> bytes:
    return b"Basic " + base64.b64encode(username + b":" + password)


def _matches(secret_hash: str, password: bytes) -> bool:
    try:
        return PasswordHasher().verify(secret_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


def _decoy_hash(hashed: Mapping[bytes, list[_Hashed]]) -> str:
    """The hash of a secret nobody has, as dear to verify as the configured ones."""
    for candidates in hashed.values():
        parameters = extract_parameters(candidates[0].secret_hash)
        return PasswordHasher.from_parameters(parameters).hash(secrets.token_bytes(16))
    return ""
