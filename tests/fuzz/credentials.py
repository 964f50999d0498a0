"""The Authorization header: it opens what its user name and password open, and nothing else."""

from __future__ import annotations

import binascii
from base64 import b64encode
from typing import Final

from argon2 import PasswordHasher

from gateway.http.credentials import NO_GRANT, Credentials, Given, Grant, OperatorCredentials
from gateway.settings import CredentialSettings

PASSWORDS: Final = {b"JohnDoe:MyPass": "acme", "Jürgen:pä:ss".encode(): "beta"}
CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

WORDS: Final = (
    b"Basic Sm9obkRvZTpNeVBhc3M=",
    b"basic ",
    b"BASIC\t",
    b"Bearer ",
    b"Sm9obkRvZTpNeVBhc3M=",
    b64encode("Jürgen:pä:ss".encode()),
    b64encode(b"Hashed:secret"),
    b"=",
    b"==",
    b" ",
    b"\xff",
    b"\xc2\xa0",
    b"-_",
)


def _credentials() -> Credentials:
    settings = [
        (operator, CredentialSettings(username=name.decode(), password=secret.decode()))  # type: ignore[arg-type]  # pydantic makes the secret
        for (name, _, secret), operator in ((pair.partition(b":"), operator) for pair, operator in PASSWORDS.items())
    ]
    hashed = CredentialSettings(username="Hashed", password_hash=CHEAP.hash("secret"))  # type: ignore[arg-type]  # as above
    return Credentials(
        OperatorCredentials(operator, path_only=False, credentials=(credential,))
        for operator, credential in [*settings, ("gamma", hashed)]
    )


CREDENTIALS: Final = _credentials()
PLAIN: Final = CredentialSettings(username="JohnDoe", password="MyPass")  # type: ignore[arg-type]  # as above
PLAIN_ONLY: Final = Credentials([OperatorCredentials("acme", path_only=False, credentials=(PLAIN,))])


def check(data: bytes) -> None:
    header = data.decode("utf-8", "surrogateescape")
    scheme, _, encoded = header.partition(" ")
    pair = _decoded(encoded) if scheme.lower() == "basic" else b""
    rightly = _grant(pair)
    known = CREDENTIALS.look_up(header)
    assert known is None or known == rightly
    opened = _checked(header)
    assert opened in (NO_GRANT, rightly if pair == b"JohnDoe:MyPass" else NO_GRANT)
    if pair == b"JohnDoe:MyPass" and encoded.strip() == b64encode(pair).decode():
        assert opened == rightly
    username, _, password = data.partition(b":")
    assert bool(CREDENTIALS._verify(Given("", username, password)).matching) is (data == b"Hashed:secret")


def _checked(header: str) -> Grant:
    """Without hashed secrets there is nothing to wait for."""
    checking = PLAIN_ONLY.check(header, "somewhere")
    try:
        checking.send(None)
    except StopIteration as end:
        grant: Grant = end.value
        return grant
    raise AssertionError("it waits")


def _decoded(encoded: str) -> bytes:
    """User name and password as the most lenient reader of base64 finds them."""
    try:
        return binascii.a2b_base64(encoded.encode("utf-8", "surrogateescape"))
    except binascii.Error:
        return b""


def _grant(pair: bytes) -> Grant:
    operator = PASSWORDS.get(pair)
    return NO_GRANT if operator is None else Grant(frozenset({operator}), operator)
