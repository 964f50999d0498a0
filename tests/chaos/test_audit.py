"""An audit that finds nothing proves nothing unless it would have found something: each broken promise is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gateway.money import money
from gateway.records import Decision, Direction, Fate, KeyedReason, State
from gateway.sandbox.ledger import Ledger, Seen
from gateway.sandbox.stores import MemoryStore
from tests.chaos.audit import Check, Evidence, audit, key_of
from tests.chaos.game import Answer, Told, reason_of
from tests.chaos.plan import ACME, CURRENCY, OPENED_WITH, STUBBORN, Purchase
from tests.support.journals import a_reason, a_session, a_transfer

PRICE = money("12.34", CURRENCY)
BALANCE = money("5", CURRENCY)
YES = Answer(200, BALANCE)
NO = Answer(500, None, 121, "The operator's answer is unclear")


def purchase(id: str, operator: str = ACME) -> Purchase:
    return Purchase(
        operator=operator, direction=Direction.WITHDRAW, id=id, player=1, amount=PRICE, wants=Decision.CONFIRM,
        duplicated=True, forgetful=False, work_s=0,
    )  # fmt: skip


BOUGHT = Told(purchase=purchase("bought"), holds=(YES, YES), asked=Decision.CONFIRM, end=YES)
UNDONE = Told(purchase=purchase("undone"), holds=(NO,), asked=Decision.ROLLBACK, end=YES)


def wire(call: str, id: str) -> Seen:
    return Seen(at=0, call=call, id=id, path="", body=b"")


def ledger() -> Ledger:
    """What an operator has that took one withdraw for good and undid another."""
    books = Ledger(MemoryStore())
    books.enrol("player-1", "token-1", OPENED_WITH)
    for told in (BOUGHT, UNDONE):
        id = told.purchase.id
        books.log_request(wire("withdraw", id))
        books.hold(books.accounts["player-1"], Direction.WITHDRAW, id, id, PRICE)
    books.log_request(wire("confirmWithdrawal", "bought"))
    books.confirm("bought")
    books.log_request(wire("rollbackWithdrawal", "undone"))
    books.undo("undone")
    return books


def row(told: Told, state: State, **changes: Any) -> Any:
    fields = {"operator": told.purchase.operator, "amount": PRICE, "fate": Fate.TAKEN, "state": state}
    return a_transfer(told.purchase.id, session=a_session(player_id="player-1"), **{**fields, **changes})


def evidence() -> Evidence:
    """Everything as it should be."""
    rows = [row(BOUGHT, State.CONFIRMED), row(UNDONE, State.ROLLED_BACK, fate=Fate.UNKNOWN)]
    return Evidence(
        told=[BOUGHT, UNDONE],
        ledgers={ACME: ledger()},
        transfers={transfer.key: transfer for transfer in rows},
        reasons=[KeyedReason(key=key_of(UNDONE), reason=a_reason(reason_of("undone")))],
        parked={STUBBORN: 3},
        complaints=[],
    )


def changed(**fields: Any) -> Evidence:
    return msgspec.structs.replace(evidence(), **fields)


def with_row(transfer: Any) -> Evidence:
    return changed(transfers={**evidence().transfers, transfer.key: transfer})


def with_ledger(do: Callable[[Ledger], object]) -> Evidence:
    books = ledger()
    do(books)
    return changed(ledgers={ACME: books})


def with_told(told: Told, **changes: Any) -> Evidence:
    others = [each for each in evidence().told if each is not told]
    return changed(told=[*others, msgspec.structs.replace(told, **changes)])


def poorer(books: Ledger) -> None:
    books.accounts["player-1"].balance -= 1


def broken(checks: list[Check]) -> set[str]:
    return {check.text for check in checks if check.failures}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert broken(audit(evidence())) == set()


@pytest.mark.parametrize(
    "wrong, promise",
    [
        pytest.param(
            with_ledger(lambda books: books.log_request(wire("withdraw", "bought"))), "at most once", id="sent twice"
        ),
        pytest.param(
            with_ledger(lambda books: books.log_request(wire("rollbackWithdrawal", "bought"))),
            "both to confirm",
            id="both",
        ),
        pytest.param(with_row(row(BOUGHT, State.HELD)), "come to its end", id="held"),
        pytest.param(with_row(row(BOUGHT, State.PARKED)), "come to its end", id="still parked"),
        pytest.param(changed(parked={ACME: 1}), "parked only where", id="parked without cause"),
        pytest.param(with_row(row(BOUGHT, State.ROLLED_BACK)), "agree on every transfer", id="taken and rolled back"),
        pytest.param(with_row(row(UNDONE, State.CONFIRMED)), "agree on every transfer", id="undone and confirmed"),
        pytest.param(
            with_row(row(BOUGHT, State.CONFIRMED, amount=money("12.33", CURRENCY))), "every transfer", id="amount"
        ),
        pytest.param(changed(transfers={}), "agree on every transfer", id="in no journal"),
        pytest.param(with_ledger(poorer), "agree on every balance", id="a balance"),
        pytest.param(with_row(row(BOUGHT, State.ROLLED_BACK)), "every 200", id="a confirm's 200"),
        pytest.param(with_row(row(UNDONE, State.CONFIRMED)), "every 200", id="a rollback's 200"),
        pytest.param(with_row(row(BOUGHT, State.CONFIRMED, fate=Fate.UNKNOWN)), "every 200", id="a withdraw's 200"),
        pytest.param(with_told(BOUGHT, end=NO), "every 200", id="a held one refused"),
        pytest.param(with_told(BOUGHT, holds=(YES, Answer(200, PRICE))), "every 200", id="two balances"),
        pytest.param(with_told(UNDONE, end=NO), "is undone", id="a rollback refused"),
        pytest.param(with_row(row(UNDONE, State.HELD)), "is undone", id="left standing"),
        pytest.param(changed(reasons=[]), "every reason", id="a reason lost"),
        pytest.param(changed(complaints=["{}"]), "logged an error", id="an error in a log"),
    ],
)
def test_each_broken_promise_is_found(wrong: Evidence, promise: str) -> None:
    assert any(promise in text for text in broken(audit(wrong)))
