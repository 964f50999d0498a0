"""Ids that an operator wants in a form of its own, derived from a transfer's: the same on every try, in every gateway.

Each adapter has a namespace of its own, made once (`uuidgen`) and never changed: a transfer that is under way would get
other ids, and its rollback would name nothing. `step` tells apart what has an id of its own at the operator: "hold",
"confirm", "rollback".
"""

from __future__ import annotations

from hashlib import sha256
from re import Pattern
from typing import Final
from uuid import UUID, uuid5

from gateway.records import Transfer

_NUMBER_BYTES: Final = 8


def derived_uuid(namespace: UUID, *parts: str) -> str:
    """A UUID of these texts, version 5 (RFC 9562, 5.5): ``de0fc18e-893e-5d69-9f90-f78a3306c480``."""
    return str(uuid5(namespace, "\n".join(parts)))


def transfer_uuid(namespace: UUID, transfer: Transfer, *step: str) -> str:
    """The UUID of this step of a transfer: ``de0fc18e-893e-5d69-9f90-f78a3306c480``."""
    return derived_uuid(namespace, transfer.operator, transfer.direction, transfer.id, *step)


def transfer_hex(namespace: UUID, transfer: Transfer, *step: str) -> str:
    """The same as `transfer_uuid` in 32 hex digits, for contracts without dashes."""
    return transfer_uuid(namespace, transfer, *step).replace("-", "")


def transfer_number(namespace: UUID, transfer: Transfer, *step: str) -> int:
    """A positive number below 2^63 for this step of a transfer, for contracts whose ids are signed 64-bit integers.

    Two of ten million transfers have the same number with a probability of one in 180,000: do not use it where a text
    is allowed.
    """
    digest = sha256(transfer_uuid(namespace, transfer, *step).encode()).digest()
    return int.from_bytes(digest[:_NUMBER_BYTES]) >> 1 or 1


def rollback_step(transfer: Transfer) -> str:
    """The step of a rollback that has an id of its own: ``rollback``; after "never heard of the hold" another one; and
    a third once the window for late arrivals is over.

    An operator that keeps its answers by their ids would repeat "never heard of it", although the hold may have come
    since. The last try must be one that it has not answered yet. Which of the ids a try carries depends on the journal
    and the window alone: it is the same in every process.
    """
    if transfer.missing_at is None:
        return "rollback"
    return "rollback_after_window" if transfer.window_over else "rollback_again"


def safe_id(namespace: UUID, transfer: Transfer, step: str, pattern: Pattern[str]) -> str:
    """An id that fits the contract's `pattern`: ``acme.withdraw.hold.1234abcd``, which people recognise, if it fits as
    a whole; otherwise `transfer_uuid`, or `transfer_hex` where dashes do not fit.

    Raises `ValueError` for a pattern that fits none of them.
    """
    # The transfer's own id stands last, since it alone may hold a point: so no two transfers and steps share a text.
    readable = f"{transfer.operator}.{transfer.direction}.{step}.{transfer.id}"
    uuid = transfer_uuid(namespace, transfer, step)
    for text in (readable, uuid, uuid.replace("-", "")):
        if pattern.fullmatch(text):
            return text
    raise ValueError("no id of a transfer fits this pattern")
