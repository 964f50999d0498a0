"""RSA signatures over the exact bytes of a request, made in threads beside the event loop where that helps.

A signature costs more than everything else in a call. The library releases the interpreter's lock while it signs, so
threads on other cores can sign meanwhile. See `docs/decisions/042-signing-beside-the-loop.md`.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode, b64encode
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.operators.http_client.wire_use import note_secret

MIN_KEY_BITS: Final = 2048
"""What `openssl genrsa` makes, and the least that NIST SP 800-131A (revision 2, table 2) allows for a signature."""

_PADDING: Final = PKCS1v15()
_HASH: Final = SHA256()


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


MAX_SIGNING_THREADS: Final = 4
"""More threads would be idle: one event loop does not make calls fast enough for them."""

SIGNING_POOL: Final = (
    ThreadPoolExecutor(min(_cores(), MAX_SIGNING_THREADS), thread_name_prefix="rsa-signer") if _cores() > 1 else None
)
"""The threads that sign. None on a single core, where a hand-over costs time and gains none."""


@lru_cache(maxsize=32)
def read_rsa_key(pem: str) -> RSAPrivateKey:
    """The private key in this PEM text. Raises `ValueError`, whose text never shows the key.

    Cached, because checking a key takes a tenth of a second, and every reload of the configuration asks again.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is not a private key in PEM form without a passphrase") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise ValueError(f"is not an RSA key of at least {MIN_KEY_BITS} bits")
    return key


def rsa_sha256_base64(key: RSAPrivateKey, body: bytes) -> str:
    """Base64 of the RSASSA-PKCS1-v1_5 signature with SHA-256 (RFC 8017, section 8.2): deterministic, so the same bytes
    always give the same text."""
    return note_secret(b64encode(key.sign(body, _PADDING, _HASH)).decode("ascii"))


async def rsa_sha256_base64_async(key: RSAPrivateKey, body: bytes, executor: Executor | None) -> str:
    """The same as `rsa_sha256_base64`, in this executor; None signs at once, in the caller's own thread."""
    if executor is None:
        return rsa_sha256_base64(key, body)
    # Noted here: the call's context stays behind in the loop's thread.
    return note_secret(await asyncio.get_running_loop().run_in_executor(executor, rsa_sha256_base64, key, body))


def is_rsa_sha256_base64(key: RSAPublicKey, body: bytes, signature: str) -> bool:
    """Whether this text is a `rsa_sha256_base64` of the body, made with the private half of the key."""
    try:
        key.verify(b64decode(signature, validate=True), body, _PADDING, _HASH)
    except (InvalidSignature, ValueError):
        return False
    return True
