"""The words of Hub88's operator protocol: statuses, answers, ids."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from gateway.operators import HttpResponse, Session, Transfer, Unclear, decode_members, excerpt_of

NAMESPACE: Final = UUID("9b6f5a0c-3f0e-5d0c-8f5c-0d5b8a1f6a57")
"""Every id that the operator sees is derived in it. Changing it would orphan every transfer that is under way."""


NEEDED: Final = frozenset({"status", "request_uuid", "user"})
"""The members of an answer that say what happened, and about what; all others only inform."""


class Status(StrEnum):
    """The statuses that are acted on (`adapters.hub88.meanings`); any other is unknown."""

    OK = "RS_OK"
    NOT_ENOUGH_MONEY = "RS_ERROR_NOT_ENOUGH_MONEY"
    LIMIT_REACHED = "RS_ERROR_LIMIT_REACHED"
    INVALID_TOKEN = "RS_ERROR_INVALID_TOKEN"  # noqa: S105 - a status
    TOKEN_EXPIRED = "RS_ERROR_TOKEN_EXPIRED"  # noqa: S105 - a status
    USER_DISABLED = "RS_ERROR_USER_DISABLED"
    DOES_NOT_EXIST = "RS_ERROR_TRANSACTION_DOES_NOT_EXIST"
    ROLLED_BACK = "RS_ERROR_TRANSACTION_ROLLED_BACK"


class Step(StrEnum):
    """What becomes a transaction at the operator, with an id of its own."""

    HOLD = "hold"
    CONFIRM = "confirm"
    ROLLBACK = "rollback"


class Said(msgspec.Struct, frozen=True):
    """Any answer. What is left out is empty or None, and so is a balance or currency that cannot be read: they only
    inform. A UUID is the same in large and small letters; here it is in small ones."""

    status: str
    request_uuid: str
    user: str
    currency: str
    balance: int | None


def read(answer: HttpResponse) -> Said:
    """An answer in the protocol's form. Raises `Unclear`, with an excerpt of what came instead."""
    try:
        said = decode_members(answer.body, NEEDED)
        status, request_uuid, user = (_text(said, name) for name in ("status", "request_uuid", "user"))
    except Unclear as error:
        raise Unclear(f"{error.text}: {excerpt_of(answer.body)}" if answer.body else "the answer is empty") from None
    if not status:
        raise Unclear(f"the answer has no status: {excerpt_of(answer.body)}")
    return Said(status, request_uuid.lower(), user, _currency(said.get("currency")), _units(said.get("balance")))


def _text(said: dict[str, Any], name: str) -> str:
    """Empty where it is left out."""
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        raise Unclear(f"the answer's {name} is not a text")
    return value or ""


def _currency(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _units(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def transaction_uuid(transfer: Transfer, step: Step) -> str:
    """The operator's id of a step of a transfer, the same on every try."""
    return _uuid(transfer.operator, transfer.direction, transfer.id, step)


def request_uuid(transfer: Transfer, step: Step) -> str:
    """The id of the request itself, which the operator repeats in its answer; the same on every try."""
    return _uuid(transfer.operator, transfer.direction, transfer.id, step, "request")


def balance_request_uuid(session: Session) -> str:
    """The same for a look at the balance, which the operator answers afresh each time."""
    return _uuid(session.operator, session.token, "balance", "request")


def _uuid(*parts: str) -> str:
    return str(uuid5(NAMESPACE, "\n".join(parts)))
