"""RSA signatures over the exact bytes of a request, made beside the event loop where that helps.

A signature costs more than everything else in a call. The library lets go of the interpreter while it signs, so where
there are several cores, as many threads share them. See `docs/decisions/042-signing-beside-the-loop.md`.
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

SMALLEST_KEY: Final = 2048
"""Bits."""

PADDING: Final = PKCS1v15()
HASH: Final = SHA256()


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


SIGNERS: Final = 4
"""Threads that sign, at most: beyond that the loop has not as many calls to sign."""

SIGNER: Final = ThreadPoolExecutor(min(_cores(), SIGNERS), thread_name_prefix="hub88-signer") if _cores() > 1 else None
"""Where signatures are made; None: where they are asked for, since there is no core to spare."""


@lru_cache(maxsize=32)
def read_key(pem: str) -> RSAPrivateKey:
    """Raises `ValueError` for what is no such key, without showing it.

    Checking a key takes a tenth of a second, so each is read once, whatever builds or reloads its operator.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is no private key in PEM form without a passphrase") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < SMALLEST_KEY:
        raise ValueError(f"is no RSA key of at least {SMALLEST_KEY} bits")
    return key


def sign(key: RSAPrivateKey, body: bytes) -> str:
    """Base64 of the RSASSA-PKCS1-v1_5 signature with SHA-256: the same bytes always give the same text."""
    return b64encode(key.sign(body, PADDING, HASH)).decode("ascii")


async def signed(key: RSAPrivateKey, body: bytes, executor: Executor | None) -> str:
    """The same, in this executor; None signs at once, in the caller's own thread."""
    if executor is None:
        return sign(key, body)
    return await asyncio.get_running_loop().run_in_executor(executor, sign, key, body)
