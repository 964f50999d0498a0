"""The demo's audit catches every way in which ledgers, journal and game could disagree."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from gateway.demo.around import LaunchResult, PaymentResult
from gateway.demo.audit import NOT_SENT, Audit, Evidence, audit
from gateway.demo.audit_around import Around
from gateway.demo.game import PurchaseResult
from gateway.demo.operators import GAME_CLIENT, OPENED_WITH, token
from gateway.demo.plan import Purchase
from gateway.money import money
from gateway.reasons import Source
from gateway.records import Decision, Direction, Key, KeyedReason, Reason, Session, State, Transfer
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import Ledger, Seen
from gateway.sandbox.payment_system import PaidOrder, Trick
from gateway.sandbox.stores import MemoryStore

AMOUNT = money("12.34", "XAG")
OPERATOR = "acme"


def key(id: str) -> Key:
    return Key(OPERATOR, Direction.WITHDRAW, id)


class Stage:
    """One purchase that was confirmed, one that the gateway rolled back by itself; each test spoils one thing."""

    def __init__(self) -> None:
        self.ledger = Ledger(MemoryStore())
        self.ledger.enrol("player-1", "token", OPENED_WITH)
        self.transfers: dict[Key, Transfer] = {}
        self.played = [played("bought", held=True), played("failed", held=False)]
        self.reasons = [rolled_back_because("failed")]
        self.around = around()
        for id, state in (("bought", State.CONFIRMED), ("failed", State.ROLLED_BACK)):
            self.transfers[key(id)] = transfer(id, state)
            self.saw("withdraw", id, Fault.HANG_AFTER if id == "failed" else "")
            self.ledger.hold(self.ledger.session("token"), Direction.WITHDRAW, id, id, AMOUNT)
        self.ledger.confirm("bought", AMOUNT)
        self.saw("confirmWithdrawal", "bought", Fault.HALF)
        self.ledger.undo("failed")
        self.saw("rollbackWithdrawal", "failed")
        self.told = money(OPENED_WITH.amount - AMOUNT.amount, "XAG")

    def saw(self, call: str, id: str, fault: str = "") -> None:
        self.ledger.log_request(Seen(at=0.0, call=call, id=id, path="", body=b"", fault=fault))

    def becomes(self, id: str, **changes: Any) -> None:
        self.transfers[key(id)] = msgspec.structs.replace(self.transfers[key(id)], **changes)

    def audited(self) -> Audit:
        evidence = Evidence(
            results=self.played,
            ledgers={OPERATOR: self.ledger},
            transfers=self.transfers,
            reasons=self.reasons,
            balances={(OPERATOR, "player-1"): self.told},
            around=self.around,
        )
        return audit(evidence)

    def failures(self) -> list[str]:
        return [failure for check in self.audited().checks for failure in check.failures]


def around(**changes: Any) -> Around:
    """A launch, and an order that was paid, acknowledged and told."""
    order = PaidOrder(id="order", player_id="player-1", product_id="gems", price="1", paid_at=0.0)
    paid = Key(OPERATOR, Direction.PAYMENT, "order")
    ours: dict[str, Any] = {
        "launches": [LaunchResult(OPERATOR, 1, f"{GAME_CLIENT.partition('?')[0]}?token={token(1)}", same_again=True)],
        "payments": [PaymentResult(OPERATOR, order, (200,))],
        "paid": {paid: msgspec.structs.replace(transfer("order", State.CONFIRMED), direction=Direction.PAYMENT)},
        "notices": {"order": [b"told"]},
        "goods": {"order": 1},
        "final_states": {key("bought"): "CONFIRMED", key("failed"): "ROLLED_BACK"},
    }
    return Around(**(ours | changes))


def an_order(trick: Trick) -> PaidOrder:
    return PaidOrder(id="order", player_id="player-1", product_id="gems", price="1", paid_at=0.0, trick=trick)


@pytest.mark.parametrize(
    "changes, failure",
    [
        ({"launches": [LaunchResult(OPERATOR, 1, "https://evil.example/?token=x", same_again=True)]}, "does not lead"),
        (
            {"launches": [LaunchResult(OPERATOR, 1, f"https://game.example/play?token={token(1)}", same_again=False)]},
            "a repeat led elsewhere",
        ),
        ({"payments": [PaymentResult(OPERATOR, an_order(Trick.TWICE), (200, 500))]}, "answered [200, 500]"),
        ({"payments": [PaymentResult(OPERATOR, an_order(Trick.OTHER_PRICE), (200, 200))]}, "answered [200, 200]"),
        ({"payments": [PaymentResult(OPERATOR, an_order(Trick.FORGED), (401,))]}, "nobody has paid"),
        ({"paid": {}}, "handed out goods"),
        ({"goods": {"order": 2}}, "handed out goods 2 times"),
        ({"notices": {"order": [b"told", b"told otherwise"]}}, "in 2 ways"),
        ({"final_states": {key("bought"): "ROLLED_BACK"}}, "was told ROLLED_BACK"),
    ],
)
def test_what_went_wrong_around_the_wallet_is_found(changes: dict[str, Any], failure: str) -> None:
    stage = Stage()
    stage.around = around(**changes)
    (found,) = stage.failures()
    assert failure in found


def played(id: str, *, held: bool) -> PurchaseResult:
    purchase = Purchase(
        operator=OPERATOR,
        direction=Direction.WITHDRAW,
        id=id,
        player=1,
        amount=AMOUNT,
        hold_fault=None,
        end_fault=None,
        end_faults=0,
        wants=Decision.CONFIRM,
        forgetful=False,
    )
    return PurchaseResult(purchase, held, Decision.CONFIRM if held else None, acknowledged=held)


def transfer(id: str, state: State) -> Transfer:
    session = Session(operator=OPERATOR, token="token", player_id="player-1")
    return Transfer(
        operator=OPERATOR,
        direction=Direction.WITHDRAW,
        id=id,
        state=state,
        amount=AMOUNT,
        session=session,
        opened_at=1.0,
        changed_at=2.0,
    )


def rolled_back_because(id: str) -> KeyedReason:
    reason = Reason(text="withdraw failed", source=Source.GATEWAY, category="other", at=1.0)
    return KeyedReason(key=key(id), reason=reason, number=1)


def test_what_is_right_passes_and_is_counted() -> None:
    audited = Stage().audited()
    rows = {row.fault: row for row in audited.rows}
    assert [check.failures for check in audited.checks] == [[]] * 10
    assert audited.agrees
    assert (rows[""].confirmed, rows[Fault.HANG_AFTER].rolled_back_by_gateway) == (1, 1)
    assert (rows[Fault.HALF].ended, rows[Fault.HALF].delivered) == (1, 1)
    assert [(each.by_ledger, each.by_journal) for each in audited.books] == [(-AMOUNT.amount, -AMOUNT.amount)]


def test_a_purchase_that_never_left_the_game_is_counted_as_such() -> None:
    stage = Stage()
    stage.played.append(played("lost", held=False))
    audited = stage.audited()
    assert audited.agrees
    assert [row.nothing_moved for row in audited.rows if row.fault == NOT_SENT] == [1]
    assert "1 refused before anything was sent" in audited.checks[0].text


SPOILED: dict[str, tuple[Callable[[Stage], object], str]] = {
    "sent twice": (lambda stage: stage.saw("withdraw", "bought"), "was sent 2 times"),
    "both ends sent": (lambda stage: stage.saw("rollbackWithdrawal", "bought"), "acme withdraw bought"),
    "still open": (lambda stage: stage.becomes("failed", state=State.ROLLING_BACK), "is rolling_back"),
    "parked": (lambda stage: stage.becomes("failed", state=State.PARKED), "is parked"),
    "confirmed only in the ledger": (
        lambda stage: stage.becomes("bought", state=State.ROLLED_BACK),
        "the journal has rolled_back 12.34 XAG of player-1, the ledger confirmed 12.34 XAG of player-1",
    ),
    "confirmed only in the journal": (
        lambda stage: stage.becomes("failed", state=State.CONFIRMED),
        "the ledger undone",
    ),
    "another amount": (lambda stage: stage.becomes("bought", amount=money("12.35", "XAG")), "12.35 XAG"),
    "another player": (
        lambda stage: stage.becomes("bought", session=Session(operator=OPERATOR, token="t", player_id="player-2")),
        "of player-2",
    ),
    "not in the journal": (lambda stage: stage.transfers.pop(key("failed")), "the journal has nothing"),
    "a balance that is off": (
        lambda stage: setattr(stage.ledger.accounts["player-1"], "balance", Decimal(1)),
        "player-1 has 1, should have",
    ),
    "a balance told wrong": (
        lambda stage: setattr(stage, "told", money("90071992547397.58", "XAG")),
        "the game was told 90071992547397.58 XAG",
    ),
    "the game knows another end": (
        lambda stage: stage.played.__setitem__(
            0, msgspec.structs.replace(stage.played[0], requested=Decision.ROLLBACK)
        ),
        "is confirmed, the game asked for rollback",
    ),
    "no reason": (lambda stage: stage.reasons.clear(), "has no reason"),
}


@pytest.mark.parametrize("spoil, told", SPOILED.values(), ids=SPOILED)
def test_what_does_not_agree_is_told(spoil: Callable[[Stage], object], told: str) -> None:
    stage = Stage()
    spoil(stage)
    assert any(told in failure for failure in stage.failures()), stage.failures()
    assert not stage.audited().agrees
