"""The words of Hub88's operator protocol: statuses, answers, ids."""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

import msgspec

from gateway.operators import Session, Transfer

NAMESPACE: Final = UUID("9b6f5a0c-3f0e-5d0c-8f5c-0d5b8a1f6a57")
"""Every id that the operator sees is derived in it. Changing it would orphan every transfer that is under way."""


class Status(StrEnum):
    """The statuses that are acted on; any other is unknown."""

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
    """Any answer; what a refusal leaves out is None."""

    status: str
    request_uuid: str
    user: str | None = None
    currency: str | None = None
    balance: int | None = None


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
