"""RSA signatures over the exact bytes of a request, made in threads beside the event loop where that helps.

A signature costs more than everything else in a call. The library releases the interpreter's lock while it signs, so
threads on other cores can sign meanwhile. See `docs/decisions/042-signing-beside-the-loop.md`.

Source: Hub88's public documentation of the operator API, section "Auth".
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

MIN_KEY_BITS: Final = 2048
"""The size that the contract's example makes, `openssl genrsa 2048` ("Auth")."""

PADDING: Final = PKCS1v15()
HASH: Final = SHA256()


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


MAX_SIGNING_THREADS: Final = 4
"""More threads would be idle: one event loop does not make calls fast enough for them."""

SIGNING_POOL: Final = (
    ThreadPoolExecutor(min(_cores(), MAX_SIGNING_THREADS), thread_name_prefix="hub88-signer") if _cores() > 1 else None
)
"""The threads that sign. None on a single core, where a hand-over costs time and gains none."""


@lru_cache(maxsize=32)
def read_key(pem: str) -> RSAPrivateKey:
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


def sign(key: RSAPrivateKey, body: bytes) -> str:
    """Base64 of the RSASSA-PKCS1-v1_5 signature with SHA-256 (RFC 8017, section 8.2): deterministic, so the same bytes
    always give the same text."""
    return b64encode(key.sign(body, PADDING, HASH)).decode("ascii")


async def sign_async(key: RSAPrivateKey, body: bytes, executor: Executor | None) -> str:
    """The same as `sign`, in this executor; None signs at once, in the caller's own thread."""
    if executor is None:
        return sign(key, body)
    return await asyncio.get_running_loop().run_in_executor(executor, sign, key, body)
