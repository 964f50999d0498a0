"""Checks HTTP Basic credentials (RFC 7617) and bearer tokens (RFC 6750) in constant time: timing reveals neither user
names nor secrets.

A keyed digest of the header is looked up in a table. Nobody outside knows the key, so nobody can choose a digest that
is close to a right one. A hashed password costs one Argon2 per process, also when the configuration is read again;
then its digest is in the table. An unknown user costs as many Argon2s as a known one
(docs/decisions/051-credentials.md). Who waits for an Argon2, and how long, `check_queue.py` says.

Each credential counts within a `scope`: "" where it chooses the operator by itself, else the operator's name, as the
path says it. An operator that does not exist is a scope without credentials, and costs as many Argon2s as any other.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial, reduce
from hashlib import blake2b
from typing import Final

import msgspec
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import error_to_str
from pydantic import SecretStr

from gateway.bounded import BoundedMap
from gateway.http.check_queue import CheckQueue, TooManyChecks
from gateway.settings import CredentialSettings, TokenSettings

CACHE_SIZE: Final = 4096
"""How many headers are remembered as right, and how many as wrong."""

_NO_MEANS: Final = frozenset(map(error_to_str, (-22, -33)))
"""What Argon2 says where the system gives it no memory (ARGON2_MEMORY_ALLOCATION_ERROR) or no thread
(ARGON2_THREAD_FAIL). Then a password was not checked, so it is not wrong."""

_KEY: Final = secrets.token_bytes(32)
"""Of all digests of this process: one that was right before a reload is found after it."""


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
    """An operator's credentials; `path_only` as in the settings. They count within `scope`."""

    operator: str
    path_only: bool
    credentials: tuple[CredentialSettings, ...]
    tokens: tuple[TokenSettings, ...] = ()
    scope: str = ""

    @property
    def grant(self) -> Grant:
        return Grant(frozenset({self.operator}), None if self.path_only else self.operator)


class _HashedCredential(msgspec.Struct, frozen=True):
    secret_hash: str
    grant: Grant


class Given(msgspec.Struct, frozen=True):
    """Credentials of a request. `username` is None for a bearer token, which is then the `secret`."""

    scope: str
    username: bytes | None
    secret: bytes

    @property
    def who(self) -> _Who:
        return self.scope, self.username

    @property
    def header(self) -> bytes:
        """The header as this gateway would write it."""
        if self.username is None:
            return b"Bearer " + self.secret
        return b"Basic " + base64.b64encode(self.username + b":" + self.secret)


_Who = tuple[str, bytes | None]
"""Whose secret is checked: a scope, and a user name in it, None for its bearer tokens."""


class _Proof(msgspec.Struct, frozen=True):
    """What a header was checked against, and which of these hashes are its secret's."""

    who: _Who
    checked: frozenset[str]
    matching: frozenset[str]


NO_GRANT: Final = Grant()


class Credentials:
    """All operators' credentials of one configuration. Those of the next one `take_over` what was found out."""

    def __init__(self, holders: Iterable[OperatorCredentials]) -> None:
        """Raises `ValueError` for a hash that is not an Argon2 hash."""
        self._plain: dict[bytes, Grant] = {}
        self._hashed: dict[_Who, list[_HashedCredential]] = {}
        self._takes_tokens = False
        for holder in holders:
            for credential in holder.credentials:
                username = credential.username.encode()
                self._add(holder, username, credential.password, credential.password_hash)
            for one in holder.tokens:
                self._takes_tokens = True
                self._add(holder, None, one.token, one.token_hash)
        self._argon2_count = max(map(len, self._hashed.values()), default=0)
        self._decoy = _decoy_hash(self._hashed)
        self._right: BoundedMap[bytes, Grant] = BoundedMap(CACHE_SIZE)
        self._proofs: BoundedMap[bytes, _Proof] = BoundedMap(CACHE_SIZE)
        self._wrong: BoundedMap[bytes, None] = BoundedMap(CACHE_SIZE)
        self._queue = CheckQueue()
        self._successor: Credentials | None = None

    def look_up(self, header: str | None, scope: str = "") -> Grant | None:
        """The grant of an Authorization header, `NO_GRANT` if it is known to be wrong; None if it needs a `check`."""
        if header is None:
            return NO_GRANT
        digest = digest_of(header, scope)
        grant = self._plain.get(digest) or self._right.get(digest)
        return NO_GRANT if grant is None and digest in self._wrong else grant

    async def check(
        self, header: str, source: str, scope: str = "", is_wanted: Callable[[], bool] = lambda: True
    ) -> Grant:
        """The grant of a header for which `look_up` returned None; `NO_GRANT` if it is wrong.

        `source` is the client's address. `is_wanted` says, once the check has waited, whether the client is still
        there. Raises `TooManyChecks`.
        """
        digest = digest_of(header, scope)
        given = _parse(header, scope)
        if given is None or (given.username is None and not self._takes_tokens):
            return self._keep_wrong(digest)
        # As this gateway would write it: clients may differ in the scheme's case and in spaces (RFC 9110 section 11.4).
        grant = self._plain.get(_digest(given.header, scope)) or self._right.get(digest)
        if grant is None and self._hashed and digest not in self._wrong:
            proof = await self._queue.result(digest, source, partial(self._verify, given), is_wanted)
            grant = self.keep_proof(digest, proof)
            if grant is None:
                self._queue.note_wrong(source)
        if grant is None:
            return self._keep_wrong(digest)
        self._queue.note_right(digest, source)
        return grant

    def take_over(self, former: Credentials) -> None:
        """These credentials replace the `former` ones: hashes that are still the same are not checked again, and
        checks that wait or run end as they would have."""
        self._queue = former._queue
        former._successor = self
        for digest, proof in former._proofs.items():
            self.keep_proof(digest, proof)

    def close(self) -> None:
        """The process stops: checks that have begun are cancelled."""
        self._queue.close()

    def keep_proof(self, digest: bytes, proof: _Proof) -> Grant | None:
        """The grant that this proves; None if it proves none, or not all that a new check would."""
        # A check that ends after a reload has its result here, where later calls look for it.
        if self._successor is not None:
            self._successor.keep_proof(digest, proof)
        hashed = self._hashed.get(proof.who, ())
        proved = [one.grant for one in hashed if one.secret_hash in proof.matching]
        if not proved:
            return None
        grant = reduce(Grant.plus, proved)
        unchecked = [one.grant for one in hashed if one.secret_hash not in proof.checked]
        if reduce(Grant.plus, unchecked, grant) != grant:
            return None
        self._right.put(digest, grant)
        self._proofs.put(digest, proof)
        return grant

    def _keep_wrong(self, digest: bytes) -> Grant:
        # A map of their own, so that a flood of wrong credentials cannot push out right ones and make them cost an
        # Argon2 again: test_wrong_credentials_never_push_out_right_ones.
        self._wrong.put(digest, None)
        return NO_GRANT

    def _verify(self, given: Given) -> _Proof:
        """Runs in a thread. Costs `_argon2_count` Argon2s for every user and scope, known or unknown."""
        hashed = [one.secret_hash for one in self._hashed.get(given.who, ())]
        # All of them: leaving early would show in the time.
        matching = [each for each in hashed if _matches(each, given.secret)]
        for _ in range(self._argon2_count - len(hashed)):
            _matches(self._decoy, given.secret)
        return _Proof(given.who, frozenset(hashed), frozenset(matching))

    def _add(
        self, holder: OperatorCredentials, username: bytes | None, plain: SecretStr | None, hashed: SecretStr | None
    ) -> None:
        grant, scope = holder.grant, holder.scope
        if plain is not None:
            digest = _digest(Given(scope, username, plain.get_secret_value().encode()).header, scope)
            self._plain[digest] = self._plain.get(digest, NO_GRANT).plus(grant)
        if hashed is not None:
            credential = _HashedCredential(hashed.get_secret_value(), grant)
            extract_parameters(credential.secret_hash)
            self._hashed.setdefault((scope, username), []).append(credential)


def digest_of(header: str, scope: str = "") -> bytes:
    """What an Authorization header is known by. It differs in each process."""
    return _digest(header.encode("utf-8", "surrogateescape"), scope)


def _digest(header: bytes, scope: str) -> bytes:
    if scope:  # a header holds no line break, and neither does a name
        header = scope.encode("utf-8", "surrogateescape") + b"\n" + header
    return blake2b(header, key=_KEY, digest_size=32).digest()


def _parse(header: str, scope: str) -> Given | None:
    """What a header holds; None if it is neither Basic (RFC 7617 section 2) nor Bearer (RFC 6750 section 2.1)."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        token = rest.strip().encode("utf-8", "surrogateescape")
        return Given(scope, None, token) if token else None
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(rest.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return Given(scope, username, password) if colon else None


def _matches(secret_hash: str, password: bytes) -> bool:
    try:
        return PasswordHasher().verify(secret_hash, password)
    except InvalidHashError:
        return False
    except VerificationError as error:
        if str(error) in _NO_MEANS:
            raise TooManyChecks from error
        return False


def _decoy_hash(hashed: Mapping[_Who, list[_HashedCredential]]) -> str:
    """A hash that no password matches, with the configured parameters: unknown users take as long as known ones."""
    for candidates in hashed.values():
        parameters = extract_parameters(candidates[0].secret_hash)
        return PasswordHasher.from_parameters(parameters).hash(secrets.token_bytes(16))
    return ""
