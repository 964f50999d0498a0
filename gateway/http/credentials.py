"""Checks HTTP Basic credentials (RFC 7617) in constant time: timing reveals neither user names nor passwords.

A keyed digest of the header is looked up in a table. Nobody outside knows the key, so nobody can choose a digest that
is close to a right one. A hashed password costs one Argon2 per process; then its digest is in the table. An unknown
user costs as many Argon2s as a known one (docs/decisions/051-credentials.md).
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
"""Argon2s that run at once, each in a thread; this also limits the memory that they take."""

WAITING_PER_SOURCE: Final = 8
WAITING: Final = 256
"""How many checks may wait for a thread, from one address and in all."""

CACHE_SIZE: Final = 4096
"""How many headers are remembered as right, and how many as wrong."""


class TooManyChecks(Exception):
    """Too many unknown credentials are being checked already; this one was not checked."""


class Grant(msgspec.Struct, frozen=True):
    """What credentials give access to.

    `operators` may be called by their own paths (`/operators/NAME/wallet/…`); `chosen` is the operator under the
    common path (`/wallet/…`), None if there is none.
    """

    operators: frozenset[str] = frozenset()
    chosen: str | None = None

    def operator(self, in_path: str | None) -> str | None:
        """The name of the operator that a call is for; None if these credentials give no access to it."""
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


class _HashedCredential(msgspec.Struct, frozen=True):
    secret_hash: str
    grant: Grant


NO_GRANT: Final = Grant()


class Credentials:
    """All operators' credentials, and the threads that check them until `retire` or `close`."""

    def __init__(self, holders: Iterable[OperatorCredentials]) -> None:
        """Raises `ValueError` for a `password_hash` that is not an Argon2 hash."""
        self._key = secrets.token_bytes(32)
        self._plain: dict[bytes, Grant] = {}
        self._by_username: dict[bytes, list[_HashedCredential]] = {}
        for holder in holders:
            for credential in holder.credentials:
                self._add(credential, holder.grant)
        self._argon2_count = max(map(len, self._by_username.values()), default=0)
        self._decoy = _decoy_hash(self._by_username)
        self._threads = ThreadPoolExecutor(CONCURRENT_CHECKS, thread_name_prefix="credentials")
        self._right: BoundedMap[bytes, Grant] = BoundedMap(CACHE_SIZE)
        self._wrong: BoundedMap[bytes, None] = BoundedMap(CACHE_SIZE)
        self._checks: dict[bytes, asyncio.Task[Grant]] = {}
        self._waiting: Counter[str] = Counter()

    def look_up(self, header: str | None) -> Grant | None:
        """The grant of an Authorization header, `NO_GRANT` if it is known to be wrong; None if it needs a `check`."""
        if header is None:
            return NO_GRANT
        digest = self._digest(header.encode("utf-8", "surrogateescape"))
        grant = self._plain.get(digest) or self._right.get(digest)
        return NO_GRANT if grant is None and digest in self._wrong else grant

    async def check(self, header: str, source: str) -> Grant:
        """The grant of a header for which `look_up` returned None; `NO_GRANT` if it is wrong.

        `source` is the client's address: one source delays others by at most `WAITING_PER_SOURCE` checks.
        Raises `TooManyChecks`.
        """
        pair = _parse_basic(header)
        if pair is None:
            return NO_GRANT
        # As this gateway would write it: clients may differ in the scheme's case and in spaces (RFC 9110 section 11.4).
        grant = self._plain.get(self._digest(_basic_header(*pair)))
        digest = self._digest(header.encode("utf-8", "surrogateescape"))
        if grant is not None or not self._by_username or digest in self._wrong:
            return grant or NO_GRANT
        check = self._checks.get(digest) or self._start_check(digest, pair, source)
        # Shielded: others wait for the same check, and its result is worth keeping.
        return await asyncio.shield(check)

    def retire(self) -> None:
        """Other credentials are in force: checks that have begun end as they would have."""
        self._threads.shutdown(wait=False)

    def close(self) -> None:
        """The process stops: checks that have begun are cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start_check(self, digest: bytes, pair: tuple[bytes, bytes], source: str) -> asyncio.Task[Grant]:
        if self._waiting[source] >= WAITING_PER_SOURCE or len(self._checks) >= WAITING:
            raise TooManyChecks
        self._waiting[source] += 1
        # Handed to a thread now, not in the task's first step: a reload may come between, and take no more work
        # (test_checks_that_have_begun_end_though_a_reload_replaces_the_credentials).
        verified = asyncio.get_running_loop().run_in_executor(self._threads, self._verify, *pair)
        check = self._checks[digest] = asyncio.create_task(self._run_check(digest, verified, source))
        return check

    async def _run_check(self, digest: bytes, verified: asyncio.Future[Grant], source: str) -> Grant:
        try:
            grant = await verified
        finally:
            del self._checks[digest]
            self._waiting[source] -= 1
            if not self._waiting[source]:
                del self._waiting[source]
        # Two maps, so that a flood of wrong credentials cannot push out right ones and make them cost an Argon2 again:
        # test_wrong_credentials_never_push_out_right_ones.
        if grant == NO_GRANT:
            self._wrong.put(digest, None)
        else:
            self._right.put(digest, grant)
        return grant

    def _verify(self, username: bytes, password: bytes) -> Grant:
        """Runs in a thread. Costs `_argon2_count` Argon2s for every user, known or unknown."""
        hashed = self._by_username.get(username, [])
        grant = NO_GRANT
        for candidate in hashed:
            if _matches(candidate.secret_hash, password):  # and goes on: leaving early would show in the time
                grant = grant.plus(candidate.grant)
        for _ in range(self._argon2_count - len(hashed)):
            _matches(self._decoy, password)
        return grant

    def _add(self, credential: CredentialSettings, grant: Grant) -> None:
        username = credential.username.encode()
        if credential.password is not None:
            digest = self._digest(_basic_header(username, credential.password.get_secret_value().encode()))
            self._plain[digest] = self._plain.get(digest, NO_GRANT).plus(grant)
        if credential.password_hash is not None:
            hashed = _HashedCredential(credential.password_hash.get_secret_value(), grant)
            extract_parameters(hashed.secret_hash)
            self._by_username.setdefault(username, []).append(hashed)

    def _digest(self, header: bytes) -> bytes:
        return blake2b(header, key=self._key, digest_size=32).digest()


def _parse_basic(header: str) -> tuple[bytes, bytes] | None:
    """User name and password of a Basic header (RFC 7617 section 2); None if it is not one."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (username, password) if colon else None


def _basic_header(username: bytes, password: bytes) -> bytes:
    return b"Basic " + base64.b64encode(username + b":" + password)


def _matches(secret_hash: str, password: bytes) -> bool:
    try:
        return PasswordHasher().verify(secret_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


def _decoy_hash(hashed: Mapping[bytes, list[_HashedCredential]]) -> str:
    """A hash that no password matches, with the configured parameters: unknown users take as long as known ones."""
    for candidates in hashed.values():
        parameters = extract_parameters(candidates[0].secret_hash)
        return PasswordHasher.from_parameters(parameters).hash(secrets.token_bytes(16))
    return ""
