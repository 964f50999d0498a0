"""An audit that finds nothing proves nothing unless it would have found something: each broken promise is seen."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gateway.demo.shop import SECRET
from gateway.money import money
from gateway.records import Decision, Direction, Fate, Key, KeyedReason, State, Transfer
from gateway.sandbox.ledger import Ledger, Seen
from gateway.sandbox.payment_system import PaidOrder, Trick, callbacks
from gateway.sandbox.stores import MemoryStore
from tests.chaos.audit import Check, Evidence, audit, key_of
from tests.chaos.audit_around import Around, content_of
from tests.chaos.game import Answer, Told, reason_of
from tests.chaos.payments import Callback
from tests.chaos.plan import ACME, CURRENCY, OPENED_WITH, STUBBORN, Purchase
from tests.chaos.questions import Asked
from tests.chaos.shop import FaultyShop
from tests.support.journals import a_reason, a_session, a_transfer

PRICE = money("12.34", CURRENCY)
BALANCE = money("5", CURRENCY)
YES = Answer(200, BALANCE)
NO = Answer(500, None, 121, "The operator's answer is unclear")


NOW = 1_700_000_000.0
PAID = PaidOrder(id="paid", player_id="player-1", product_id="gems", price="4.990", paid_at=NOW)
CHEAPER = msgspec.structs.replace(PAID, price="4.98")
OTHER_DIGITS = msgspec.structs.replace(PAID, price="4.99")
NEW = msgspec.structs.replace(PAID, id="new")
FORGED = msgspec.structs.replace(PAID, id="forged", trick=Trick.FORGED)
KEY = Key(ACME, Direction.PAYMENT, "paid")


def purchase(id: str, operator: str = ACME) -> Purchase:
    return Purchase(
        operator=operator, direction=Direction.WITHDRAW, id=id, player=1, amount=PRICE, wants=Decision.CONFIRM,
        duplicated=True, forgetful=False, work_s=0,
    )  # fmt: skip


UNKNOWN = Told(purchase=purchase("unknown"), holds=())
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


def body(order: PaidOrder, secret: str = "the payment system's") -> bytes:
    return callbacks(order, secret)[0][0]


def notice(order: PaidOrder = PAID, secret: str = SECRET) -> bytes:
    """What the game is told of an order: the same in the same form."""
    return body(order, secret)


def called_back(order: PaidOrder, *statuses: int, genuine: bool = True) -> Callback:
    key = Key(ACME, Direction.PAYMENT, order.id)
    return Callback(key=key, body=body(order), genuine=genuine, statuses=statuses)


def shop(*notices: bytes, goods: int = 1, acknowledges: bool = True) -> FaultyShop:
    """The game's books, with notices of the one order that was paid."""
    books = FaultyShop(random.Random(1), closed=False)
    books.bodies["paid"] = list(notices)
    books.goods["paid"] = goods
    if acknowledges:
        books.acknowledged.add("paid")
    return books


def payment(order: PaidOrder = PAID, state: State = State.CONFIRMED) -> Transfer:
    """Its row in the journal."""
    says = content_of(body(order))
    memory = {name: says[name] for name in ("serverId", "productId", "productPrice", "extParams", "ts")}
    session = a_session(player_id=order.player_id)
    return a_transfer(order.id, direction=Direction.PAYMENT, state=state, session=session, memory=memory)


def asked(told: Told, state: str, asked_at: float) -> Asked:
    """A question that was answered half a second later."""
    return Asked(key=told.purchase.key, asked_at=asked_at, answered_at=asked_at + 0.5, state=state)


IN_THE_PLAY = [
    asked(BOUGHT, "NOT_FOUND", 0),
    asked(BOUGHT, "CONFIRMED", 2),
    asked(BOUGHT, "PENDING", 2.2),  # under way while the end was told: it may be the older answer
    asked(BOUGHT, "", 3),
    asked(UNDONE, "ROLLED_BACK", 3),
]
AT_REST = [asked(BOUGHT, "CONFIRMED", 9), asked(UNDONE, "ROLLED_BACK", 9), asked(UNKNOWN, "NOT_FOUND", 9)]


def around() -> Around:
    """Everything as it should be around the wallet."""
    return Around(
        callbacks=[
            called_back(PAID, 0, 500, 200),
            called_back(PAID, 200),
            called_back(CHEAPER, 400),
            called_back(FORGED, 401, genuine=False),
        ],
        payments={KEY: payment()},
        shops={ACME: shop(notice(), notice())},
        asked=IN_THE_PLAY,
        at_rest=AT_REST,
        parked={STUBBORN: 1},
    )


def evidence() -> Evidence:
    """Everything as it should be."""
    rows = [row(BOUGHT, State.CONFIRMED), row(UNDONE, State.ROLLED_BACK, fate=Fate.UNKNOWN)]
    return Evidence(
        told=[BOUGHT, UNDONE],
        ledgers={ACME: ledger()},
        transfers={transfer.key: transfer for transfer in rows},
        reasons=[KeyedReason(key=key_of(UNDONE), reason=a_reason(reason_of("undone")), number=1)],
        parked={STUBBORN: 3},
        complaints=[],
        around=around(),
    )


def changed(**fields: Any) -> Evidence:
    return msgspec.structs.replace(evidence(), **fields)


def odd(**fields: Any) -> Evidence:
    """Something is wrong around the wallet."""
    return changed(around=msgspec.structs.replace(around(), **fields))


def with_callback(order: PaidOrder, *statuses: int, genuine: bool = True) -> Evidence:
    """One more than should be, or with another answer."""
    return odd(callbacks=[*around().callbacks, called_back(order, *statuses, genuine=genuine)])


def with_shop(*notices: bytes, **books: Any) -> Evidence:
    return odd(shops={ACME: shop(*notices, **books)})


def with_payment(order: PaidOrder = PAID, state: State = State.CONFIRMED) -> Evidence:
    return odd(payments={KEY: payment(order, state)})


def with_answer(told: Told, state: str) -> Evidence:
    """The last one of the play."""
    return odd(asked=[*IN_THE_PLAY, asked(told, state, 5)])


def with_answer_at_rest(told: Told, state: str) -> Evidence:
    """Of one gateway alone."""
    return odd(at_rest=[*AT_REST, asked(told, state, 9)])


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
        pytest.param(with_payment(state=State.CONFIRMING), "come to its end", id="a payment that is still told"),
        pytest.param(with_payment(state=State.PARKED), "come to its end", id="a payment that is still parked"),
        pytest.param(odd(parked={ACME: 1}), "parked only where", id="a payment parked without cause"),
        pytest.param(odd(payments={}), "acknowledged payment is in", id="a payment lost"),
        pytest.param(with_payment(CHEAPER), "acknowledged payment is in", id="a payment with another price"),
        pytest.param(with_payment(OTHER_DIGITS), "acknowledged payment is in", id="a payment with other digits"),
        pytest.param(with_callback(CHEAPER, 200), "acknowledged payment is in", id="two prices acknowledged"),
        pytest.param(with_shop(), "game was told of every", id="a payment never told"),
        pytest.param(with_shop(notice(CHEAPER)), "game was told of every", id="a payment told under another price"),
        pytest.param(with_shop(notice(), goods=0), "game was told of every", id="goods never given"),
        pytest.param(with_shop(notice(), goods=2), "game was told of every", id="goods given twice"),
        pytest.param(with_shop(notice(), notice(CHEAPER)), "told only what", id="told another price as well"),
        pytest.param(with_shop(notice(), notice() + b" "), "told only what", id="told in other bytes"),
        pytest.param(with_shop(notice(secret="no")), "told only what", id="told with another signature"),
        pytest.param(odd(payments={}), "told only what", id="told of what is in no journal"),
        pytest.param(with_callback(FORGED, 0, 200, genuine=False), "what is refused", id="a forged one acknowledged"),
        pytest.param(with_shop(notice(), notice(CHEAPER)), "what is refused", id="a refused one told"),
        pytest.param(with_callback(PAID, 400), "what is refused", id="a repeat refused"),
        pytest.param(with_callback(NEW, 401), "what is refused", id="a paid one refused"),
        pytest.param(odd(callbacks=[called_back(CHEAPER, 400)]), "what is refused", id="recorded, and nobody said so"),
        pytest.param(with_shop(notice(), acknowledges=False), "payments end only", id="ended without the game"),
        pytest.param(with_payment(state=State.ROLLED_BACK), "payments end only", id="a payment rolled back"),
        pytest.param(with_answer(BOUGHT, "ROLLED_BACK"), "never taken back", id="another end told later"),
        pytest.param(with_answer(BOUGHT, "PENDING"), "never taken back", id="an end taken back"),
        pytest.param(with_answer(UNDONE, "NOT_FOUND"), "never taken back", id="an end forgotten"),
        pytest.param(with_row(row(BOUGHT, State.ROLLED_BACK)), "never taken back", id="an end told, and another came"),
        pytest.param(with_row(row(UNDONE, State.ROLLING_BACK)), "never taken back", id="an end told, and none came"),
        pytest.param(with_answer_at_rest(UNDONE, "PENDING"), "never taken back", id="one gateway takes an end back"),
        pytest.param(with_answer_at_rest(UNDONE, "PENDING"), "at rest", id="one gateway does not know an end"),
        pytest.param(with_answer_at_rest(UNDONE, ""), "at rest", id="one gateway does not answer"),
        pytest.param(with_answer_at_rest(UNKNOWN, "PENDING"), "at rest", id="told of what is in no journal at rest"),
        pytest.param(changed(complaints=["{}"]), "logged an error", id="an error in a log"),
    ],
)
def test_each_broken_promise_is_found(wrong: Evidence, promise: str) -> None:
    assert any(promise in text for text in broken(audit(wrong)))
