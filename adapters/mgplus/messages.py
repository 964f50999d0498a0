"""MG+'s answers, and what each error code proves in answer to which request.

Source: MG+ Third-Party Game Provider Integration Guide v1.3, "Data Structures and Schema", "Error Handling" and
"Transaction - Game Play Transactions".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from gateway.operators import HttpResponse, Kind, Unclear, excerpt_of
from gateway.toolbox import Meanings, Means, answer_members

Answer = dict[str, Any]
"""The members of an answer by their names in lower case."""

# These are "not retryable": what was asked was not done, and the guide's policy is to stop after them. They decline the
# ends too. So the rollback of a debit that was refused, refused in its turn, ends the transfer; any other end is
# repeated after them, and then parked.
_REFUSALS: Final[Meanings] = {
    "PLAYER_UNAUTHORIZED": Kind.SESSION,
    "REGION_BLOCKED": Kind.PLAYER,
    "INVALID_REQUEST": Kind.OTHER,
    "VALIDATION_FAILED": Kind.OTHER,
    "SERVER_UNAUTHORIZED": Kind.OTHER,
}

READ: Final[Meanings] = {**_REFUSALS, "SESSION_EXPIRED": Kind.SESSION}

# DEBIT_ROLLED_BACK is left out, since it cannot answer a debit that is sent once. SESSION_EXPIRED is retryable: it
# proves nothing where money moves.
DEBIT: Final[Meanings] = {**_REFUSALS, "INSUFFICIENT_FUNDS": Kind.FUNDS}

CREDIT: Final[Meanings] = {**_REFUSALS, "DEBIT_ROLLED_BACK": Means.PARK}  # the round is cancelled

ROLLBACK: Final[Meanings] = {**_REFUSALS, "DEBIT_ROLLED_BACK": Means.DONE}


def read(response: HttpResponse) -> Answer:
    """The members of the answer in this response. MG+'s names may be in any case. Raises `Unclear`."""
    members = answer_members(response, ())
    answer = _lowered(members)
    if len(answer) < len(members):
        raise Unclear(f"the answer gives a member twice: {excerpt_of(response.body)}")
    return answer


def error_code(response: HttpResponse) -> object:
    """The code of the error in this answer, None if it has none that can be read."""
    try:
        error = read(response).get("error")
    except Unclear:
        return None
    return _lowered(error).get("code") if isinstance(error, dict) else None


def currency_of(answer: Answer) -> tuple[str, int | Decimal]:
    """The player's currency in MG+'s words, and how many units MG+ counts as one (1 if it does not say).

    Raises `Unclear`."""
    info = _lowered(answer.get("balanceinfo"))
    currency, multiplier = info.get("currency"), info.get("currencytruncation", 1)
    if not isinstance(currency, str) or not currency:
        raise Unclear("the answer does not name the player's currency")
    if isinstance(multiplier, bool) or not isinstance(multiplier, int | Decimal):
        raise Unclear("the answer's currencyTruncation is not a number")
    return currency, multiplier


def _lowered(members: object) -> Answer:
    return {name.lower(): value for name, value in members.items()} if isinstance(members, dict) else {}
