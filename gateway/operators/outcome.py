"""What one try at an operator came to (`Outcome`), and what an adapter's return value or error counts for.

What is not exactly right is unknown. One thing only informs, and is never a reason to throw a clear yes away: the
balance that comes with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import chain
from typing import Any, Final, NamedTuple

import msgspec

from gateway.money import BALANCE_FRACTION_DIGITS, Money, MoneyError, canonical
from gateway.operators.adapter import MEMORY_CHARACTERS, MEMORY_ENTRIES, Player, Receipt, TransferStatus
from gateway.operators.errors import Declined, Kind, OperatorError, Unclear, Unsent
from gateway.records import Session, Transfer, Verdict
from gateway.wire.calls import HOLDS, ROLLBACKS, MoneyCall, WalletCall
from gateway.wire.fields import CURRENCY_LIMIT

PLAYER_ID_LIMIT: Final = 512
"""Characters: as many as a token has, since a contract may name the player by the token."""

SESSION_CHARACTERS: Final = 4096
"""The most that a session remembers, names and texts together: the operator's own token may be among them."""

INFORMING_LIMIT: Final = 256
"""Characters of a nickname, a language or a country. One that has more is left out: it only informs."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What ends a line, cannot be seen, or cannot be encoded."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One try: begun at `at` (Unix seconds), `took_s` long.

    `balance` is what the operator gave with a success, None if it gave none that can be used; `kind` is set on a
    decline.
    `text` says what happened in words fit for the game, the log and the journal: it holds no secrets.
    `unwritten`: it is proven that no byte of this call went out, and none will. `session` is the transfer's with what
    was looked up for this try, None if nothing was. `memory` is what the operator's receipt gave for later calls.
    `retry_after_s` is how long the operator wants to be left alone, None if it did not say. `park`: the operator
    clearly said that no try of this end can succeed. `asked`: the operator was asked what became of the transfer, and
    what it said is in the outcome.
    """

    verdict: Verdict
    at: float
    took_s: float
    text: str = ""
    balance: Money | None = None
    kind: Kind | None = None
    unwritten: bool = False
    session: Session | None = None
    memory: Mapping[str, str] = {}
    retry_after_s: float | None = None
    park: bool = False
    asked: bool = False


class UsableAnswer(NamedTuple):
    """What can be used of a clear yes: its balance, and the `memory` that its receipt gave for later calls. Where
    something cannot be used, `note` says why."""

    balance: Money | None
    note: str = ""
    memory: Mapping[str, str] = {}


NO_ANSWER: Final = UsableAnswer(None)


def verdict_of(error: OperatorError, call: MoneyCall) -> Verdict:
    """`NOT_FOUND` only answers a rollback: there it says that there is nothing to undo. A decline of no `Kind` proves
    nothing: the adapter has made a mistake."""
    if isinstance(error, Declined) and _is_a(error.kind, Kind):
        return Verdict.NOT_FOUND if error.kind is Kind.NOT_FOUND and call in ROLLBACKS else Verdict.DECLINED
    return Verdict.UNSENT if isinstance(error, Unsent) else Verdict.UNKNOWN


def verdict_of_status(status: TransferStatus, call: WalletCall) -> Verdict:
    """What the operator's word on a transfer is worth as the answer to this end: a yes if it is the wanted end."""
    if status is TransferStatus.NOT_FOUND and call in ROLLBACKS:
        return Verdict.NOT_FOUND
    wanted = TransferStatus.ROLLED_BACK if call in ROLLBACKS else TransferStatus.CONFIRMED
    return Verdict.SUCCESS if status is wanted else Verdict.UNKNOWN


def require_status(answer: Any) -> TransferStatus:
    """The same, if it is a status. Raises `Unclear`."""
    if not isinstance(answer, TransferStatus):
        raise Unclear(f"the adapter returned no status ({type(answer).__name__})")
    return answer


def require_receipt(answer: Any, call: WalletCall, transfer: Transfer) -> UsableAnswer:
    """The balance and memory of what must be a `Receipt`. Raises `Unclear` for anything else.

    A balance in another currency than the transfer's makes a hold unclear, and so does a memory that cannot be kept:
    its later calls would lack it. At an end the yes counts all the same.
    """
    if not isinstance(answer, Receipt):
        raise Unclear(f"the adapter returned no receipt ({type(answer).__name__})")
    if not answer.memory:
        return _usable_for(answer, call, transfer)
    wrong = _why_not_kept(answer.memory)
    if wrong is None:
        return _usable_for(answer, call, transfer)._replace(memory=answer.memory)
    if call in HOLDS:
        raise Unclear(wrong)
    return _usable_for(answer, call, transfer)._replace(note=wrong)


def _usable_for(answer: Receipt, call: WalletCall, transfer: Transfer) -> UsableAnswer:
    usable = _usable(answer.balance)
    if usable.balance is None or transfer.amount is None:
        return _in_known_currency(usable)
    if usable.balance.currency == transfer.amount.currency:
        return usable
    balance = match_currency(usable.balance, transfer.amount.currency)
    if balance is not None:
        return UsableAnswer(balance)
    note = f"the answer's balance is in another currency ({usable.balance.currency})"
    # Perhaps another account was charged. A hold can be rolled back, so it is; an end cannot be taken back
    # (test_a_balance_in_another_currency_makes_a_hold_unclear, test_a_balance_in_another_currency_blocks_no_end).
    if call in HOLDS:
        raise Unclear(note)
    return UsableAnswer(None, note)


def match_currency(balance: Money, currency: str) -> Money | None:
    """The balance if it is in this currency, which codes that differ in case alone are; spelled as here."""
    if balance.currency == currency:
        return balance
    return Money(balance.amount, currency) if balance.currency.casefold() == currency.casefold() else None


def require_money(answer: Any) -> Money:
    """The same, if it is money that can be kept and shown. Raises `Unclear`."""
    usable = _in_known_currency(_usable(answer))
    if usable.balance is None:
        raise Unclear(usable.note or "the adapter returned no balance")
    return usable.balance


def require_player(answer: Any) -> Player:
    """The same, if it is a player whose session can be kept; a balance that cannot be used is left out.

    Raises `Unclear`.
    """
    if not isinstance(answer, Player) or not _is_a(answer.player_id, str) or not answer.player_id:
        raise Unclear("the adapter returned no player")
    if not is_short(answer.player_id, PLAYER_ID_LIMIT):
        raise Unclear(
            f"the adapter returned a player whose id has control characters, or more than {PLAYER_ID_LIMIT} characters"
        )
    wrong = _why_not_kept(answer.memory, SESSION_CHARACTERS)
    if wrong is not None:
        raise Unclear(wrong)
    return msgspec.structs.replace(
        answer,
        balance=_in_known_currency(_usable(answer.balance)).balance,
        nickname=_informing(answer.nickname),
        language=_informing(answer.language),
        country=_informing(answer.country),
    )


def _informing(text: Any) -> str | None:
    """A text that only informs; None where it is none that can be shown."""
    return text if _is_a(text, str) and is_short(text, INFORMING_LIMIT) else None


def is_short(text: str, limit: int) -> bool:
    """Whether it has at most `limit` characters, and none that ends a line or cannot be seen."""
    if len(text) > limit:
        return False
    # A currency is nearly always seen at a quarter of the cost here.
    return (text.isascii() and text.isprintable()) or _CONTROL.search(text) is None


def _in_known_currency(usable: UsableAnswer) -> UsableAnswer:
    """Without a balance of which the currency can be no code."""
    if usable.balance is None or is_short(usable.balance.currency, CURRENCY_LIMIT):
        return usable
    return UsableAnswer(None, f"the balance's currency is not a code of 1 to {CURRENCY_LIMIT} characters")


def _usable(balance: Any) -> UsableAnswer:
    if balance is None:
        return UsableAnswer(None)
    # Annotations are not enforced and adapters are third-party code: the value is checked (see `_is_a`).
    if not (isinstance(balance, Money) and isinstance(balance.amount, Decimal) and isinstance(balance.currency, str)):  # type: ignore[redundant-expr]  # see above
        return UsableAnswer(None, "the adapter returned a balance that is not money")
    if not balance.currency:
        return UsableAnswer(None, "the balance has no currency")
    try:
        return UsableAnswer(Money(canonical(balance.amount, BALANCE_FRACTION_DIGITS), balance.currency))
    except MoneyError as error:
        return UsableAnswer(None, f"the balance cannot be used: {error}")


def _why_not_kept(memory: Any, characters: int = MEMORY_CHARACTERS) -> str | None:
    """Why this cannot be remembered with a transfer, or a session, None if it can."""
    if not _is_a(memory, Mapping) or not all(_is_a(text, str) for entry in memory.items() for text in entry):
        return "the adapter wants something remembered that is not text"
    if len(memory) > MEMORY_ENTRIES or sum(map(len, chain.from_iterable(memory.items()))) > characters:
        return f"the adapter wants more remembered than {MEMORY_ENTRIES} texts of {characters} characters in all"
    return None


def _is_a(value: object, kind: type) -> bool:
    """Annotations are not enforced and adapters are third-party code, so that the value is checked."""
    return isinstance(value, kind)
