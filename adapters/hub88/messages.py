"""Hub88's operator protocol, as an operator answers it: statuses, answers, ids.

Source: Hub88's public documentation of the operator API, sections "Response", "Statuses" and "Idempotency".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from gateway.operators import HttpResponse, Session, Transfer, Unclear, decode_members, excerpt_of
from gateway.toolbox import derived_uuid, transfer_uuid

NAMESPACE: Final = UUID("9b6f5a0c-3f0e-5d0c-8f5c-0d5b8a1f6a57")
"""The UUID namespace of every id that the operator sees. It must never change: a transfer that is under way would get
other ids, and its rollback would name nothing. Held by test_a_withdraw_is_a_bet_that_leaves_its_round_open."""


NEEDED: Final = frozenset({"status", "request_uuid", "user"})
"""The members of an answer that say what happened, and to what; all others only inform."""


class Status(StrEnum):
    """The statuses that have a meaning here (`adapters.hub88.meanings`); any other is unknown."""

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


class Answer(msgspec.Struct, frozen=True):
    """Any answer. A member that is left out is empty or None, and so is a balance or currency that cannot be read: they
    only inform. `balance` counts 0.00001 of the currency. `request_uuid` is in lower case, since a UUID is the same in
    either case (RFC 9562, section 4)."""

    status: str
    request_uuid: str
    user: str
    currency: str
    balance: int | None


def read(response: HttpResponse) -> Answer:
    """The answer in this HTTP response. Raises `Unclear`, with an excerpt of what came instead."""
    try:
        answer = decode_members(response.body, NEEDED)
        status, request_uuid, user = (_text(answer, name) for name in ("status", "request_uuid", "user"))
    except Unclear as error:
        raise Unclear(
            f"{error.text}: {excerpt_of(response.body)}" if response.body else "the answer is empty"
        ) from None
    if not status:
        raise Unclear(f"the answer has no status: {excerpt_of(response.body)}")
    return Answer(status, request_uuid.lower(), user, _currency(answer.get("currency")), _units(answer.get("balance")))


def _text(answer: dict[str, Any], name: str) -> str:
    """The text of this member, empty if it is left out. Raises `Unclear` for anything else."""
    value = answer.get(name)
    if value is not None and not isinstance(value, str):
        raise Unclear(f"the answer's {name} is not a text")
    return value or ""


def _currency(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _units(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def transaction_uuid(transfer: Transfer, step: Step) -> str:
    """The operator's id of this step of a transfer. The same on every try, so that a repeat is booked once
    ("Idempotency")."""
    return transfer_uuid(NAMESPACE, transfer, step)


def request_uuid(transfer: Transfer, step: Step) -> str:
    """The id of the request itself, which the operator repeats in its answer. The same on every try."""
    return transfer_uuid(NAMESPACE, transfer, step, "request")


def balance_request_uuid(session: Session) -> str:
    """The id of a balance request. It may be the same each time: the operator answers it with the present balance
    ("Idempotency" excepts this request)."""
    return derived_uuid(NAMESPACE, session.operator, session.token, "balance", "request")
