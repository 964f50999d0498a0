"""Sealed sessions: what was not sealed with our key, in this context, exactly so, does not open."""

from __future__ import annotations

from typing import Final
from unittest.mock import patch

from gateway.journal.sealing import Sealer, Unsealable


def _sealer(*keys: bytes, opens_plain: bool = False) -> Sealer:
    """Its salt is always the same: what one process has found must mean the same in another."""
    with patch("os.urandom", bytes):
        return Sealer(keys, opens_plain=opens_plain)


SEALER: Final = _sealer(b"k" * 32, b"o" * 32)
OTHER: Final = _sealer(b"x" * 32)
MIGRATING: Final = _sealer(b"k" * 32, opens_plain=True)
PLAIN: Final = b'{"token":"t"}'
SEALED: Final = SEALER.seal(PLAIN, b"acme")
PLAIN_MARK: Final = b"\x00"

WORDS: Final = (SEALED, SEALED[:29], SEALED[29:], SEALED[:5], b"\x00", b"\x01", b"\x02", bytes(16))


def check(data: bytes) -> None:
    _opens_only_if_ours(data)
    _opens_only_unchanged(data)
    assert _opens(OTHER, SEALED, b"acme") is None
    assert SEALER.open(SEALER.seal(data, data), data) == data
    assert SEALER.digest(data) == SEALER.digests(data)[0]
    assert len({*SEALER.digests(data), OTHER.digest(data)}) == len(SEALER.digests(data)) + 1
    assert _opens(MIGRATING, PLAIN_MARK + data, b"acme") == data


def _opens_only_if_ours(data: bytes) -> None:
    """Nobody finds the tag of something else."""
    opened = _opens(SEALER, data, b"acme")
    assert opened is None or data == SEALED


def _opens_only_unchanged(mask: bytes) -> None:
    """The sealed value with some of its bits turned over."""
    changed = bytes(a ^ b for a, b in zip(SEALED, mask.ljust(len(SEALED), b"\x00"), strict=False))
    if changed != SEALED:
        assert _opens(SEALER, changed, b"acme") is None


def _opens(sealer: Sealer, sealed: bytes, context: bytes) -> bytes | None:
    try:
        return sealer.open(sealed, context)
    except Unsealable as why:
        assert PLAIN.decode() not in str(why)  # noqa: PT017 - either is right
        return None
