"""What every adapter must hold to, as tests that pytest collects from three lines:

    class TestAcme(Conformance):
        adapter = Acme
        simulated = SimulatedAcme

Each test drives the adapter through the gateway's own operator and client, over real sockets, against its simulated
side. Amounts that a protocol cannot carry must be declined before anything is sent. A yes to an end may come without a
balance; a confirm may send nothing where the operator's holds are final at once.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import ClassVar, Final

import pytest
from msgspec.structs import replace

from gateway.money import Money, money
from gateway.operators.adapter import Adapter, Receipt
from gateway.operators.bulkhead import GROUP_OF
from gateway.operators.errors import Declined, Kind, OperatorError, Unmapped
from gateway.operators.outcome import Outcome
from gateway.operators.safe_text import secrets_of
from gateway.records import Decision, Direction, Session, Transfer, Verdict
from gateway.sandbox.faults import BALANCE_FAULTS, Fault
from gateway.sandbox.ledger import Account, HoldState
from gateway.sandbox.simulated import Simulated
from gateway.testing.workbench import PLAYER, TOKEN, Workbench, build, workbench
from gateway.wire.calls import END_CALL, HOLD_CALL, WalletCall

PATIENT_S: Final = 10.0
HASTY_S: Final = 0.2

AMOUNTS: Final = ("0.1", "230.00", "1234567890123456.78", "99999999999999999999.99999999", "1e2", "1e-8")

CURRENCY: Final = "XAG"
PLENTY: Final = money("1e25", CURRENCY)
SOME: Final = money("2.5", CURRENCY)
NOBODY: Final = "nobody"

METHODS: Final = {
    WalletCall.WITHDRAW: "withdraw",
    WalletCall.CONFIRM_WITHDRAWAL: "confirm_withdrawal",
    WalletCall.ROLLBACK_WITHDRAWAL: "rollback_withdrawal",
    WalletCall.DEPOSIT: "deposit",
    WalletCall.CONFIRM_DEPOSIT: "confirm_deposit",
    WalletCall.ROLLBACK_DEPOSIT: "rollback_deposit",
}

ODD_BALANCES: Final[dict[str, Callable[[Account], Account]]] = {
    "its currency in lower case": lambda account: replace(account, currency=account.currency.lower()),
    "more digits than are kept": lambda account: replace(account, balance=Decimal("1e40")),
}
"""Balances that only inform, as some operators tell them."""

CONFIRMS: Final = {direction: END_CALL[direction, Decision.CONFIRM] for direction in Direction}
ROLLBACKS: Final = {direction: END_CALL[direction, Decision.ROLLBACK] for direction in Direction}
MOVES: Final = (*HOLD_CALL.items(), *CONFIRMS.items(), *ROLLBACKS.items())

HARMLESS: Final = (Fault.DELAY, Fault.DUPLICATE)
"""Faults under which the answer is still a clear yes."""

CLEAR: Final = (*HARMLESS, *BALANCE_FAULTS, Fault.DECLINE)
"""Faults under which the operator's word is clear: yes, or no."""

HANGING: Final = (Fault.HANG_BEFORE, Fault.HANG_AFTER, Fault.LATE)

every_direction = pytest.mark.parametrize("direction", list(Direction))
every_move = pytest.mark.parametrize("direction, call", MOVES)


class Conformance:
    """Derive from it, and name the two classes."""

    adapter: ClassVar[type[Adapter]]
    simulated: ClassVar[type[Simulated]]

    def test_a_session_is_verified(self) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                player = await bench.verify()
                assert (player.player_id, player.balance) == (PLAYER, PLENTY)

        asyncio.run(check())

    def test_an_unknown_session_is_nobodys(self) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                with pytest.raises(OperatorError):
                    await bench.operator.verify_session(Session(operator="workbench", token=NOBODY))

        asyncio.run(check())

    @pytest.mark.parametrize("amount", AMOUNTS)
    @every_direction
    def test_an_amount_arrives_exactly_or_is_declined_unsent(self, direction: Direction, amount: str) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                await bench.verify()
                transfer = bench.transfer(direction, money(amount, CURRENCY))
                outcome = await bench.attempt(HOLD_CALL[direction], transfer)
                if outcome.verdict is Verdict.DECLINED:
                    assert outcome.kind is Kind.AMOUNT
                    assert bench.wire(HOLD_CALL[direction]) == []
                else:
                    assert (outcome.verdict, outcome.balance) == (Verdict.SUCCESS, bench.balance)
                    assert _held(bench, transfer) == (HoldState.HELD, money(amount, CURRENCY))

        asyncio.run(check())

    @every_direction
    def test_a_confirmed_transfer_has_moved_the_money(self, direction: Direction) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _begun(bench, direction)
                after_hold = bench.balance
                outcome = await bench.attempt(CONFIRMS[direction], transfer)
                assert _is_yes(outcome, after_hold)
                assert after_hold != PLENTY
                assert bench.balance == after_hold
                assert bench.ledger.violations() == []

        asyncio.run(check())

    @every_direction
    def test_a_rolled_back_transfer_has_moved_nothing(self, direction: Direction) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _begun(bench, direction)
                outcome = await bench.attempt(ROLLBACKS[direction], transfer)
                assert _is_yes(outcome, PLENTY)
                assert _held(bench, transfer) == (HoldState.UNDONE, SOME)
                assert bench.balance == PLENTY

        asyncio.run(check())

    @pytest.mark.parametrize("ends", [CONFIRMS, ROLLBACKS], ids=["confirm", "rollback"])
    @every_direction
    def test_a_repeated_end_succeeds_again(self, direction: Direction, ends: dict[Direction, WalletCall]) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _begun(bench, direction)
                await bench.attempt(ends[direction], transfer)
                again = await bench.attempt(ends[direction], transfer)
                assert _is_yes(again, bench.balance)
                assert bench.ledger.violations() == []

        asyncio.run(check())

    @pytest.mark.parametrize("ends", [CONFIRMS, ROLLBACKS], ids=["confirm", "rollback"])
    @every_direction
    def test_a_transfer_can_be_ended_by_a_gateway_that_never_saw_it(
        self, direction: Direction, ends: dict[Direction, WalletCall]
    ) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                begun = await _begun(bench, direction)
                known = None if ends is ROLLBACKS else begun.amount
                session = Session(operator=begun.operator, token=begun.session.token)
                adopted = replace(begun, session=session, amount=known, description="", adopted=True)
                outcome = await bench.attempt(ends[direction], adopted)
                assert _is_yes(outcome, bench.balance)
                assert bench.ledger.violations() == []

        asyncio.run(check())

    @every_direction
    def test_the_rollback_of_what_never_came_finds_nothing_to_undo(self, direction: Direction) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                await bench.verify()
                outcome = await bench.attempt(ROLLBACKS[direction], bench.transfer(direction, SOME))
                assert outcome.verdict in {Verdict.SUCCESS, Verdict.NOT_FOUND}
                assert bench.balance == PLENTY

        asyncio.run(check())

    def test_too_little_money_is_a_decline(self) -> None:
        async def check() -> None:
            async with self.bench(balance=money("1", CURRENCY)) as bench:
                await bench.verify()
                outcome = await bench.attempt(WalletCall.WITHDRAW, bench.transfer(Direction.WITHDRAW, SOME))
                assert (outcome.verdict, outcome.kind) == (Verdict.DECLINED, Kind.FUNDS)
                assert bench.ledger.holds == {}

        asyncio.run(check())

    @pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in CLEAR])
    @every_move
    def test_what_is_no_clear_answer_is_unknown(self, direction: Direction, call: WalletCall, fault: Fault) -> None:
        async def check() -> None:
            async with self.bench(timeout_s=HASTY_S if fault in HANGING else PATIENT_S) as bench:
                transfer = await _ready(bench, direction, call)
                bench.go_wrong(fault)
                outcome = await bench.attempt(call, transfer)
                if not _needed_nothing_sent(bench, call, outcome):
                    assert (outcome.verdict, outcome.balance) == (Verdict.UNKNOWN, None)
                    assert outcome.text
                    assert _told(bench, outcome) == []

        asyncio.run(check())

    @pytest.mark.parametrize("fault", HARMLESS)
    @every_move
    def test_what_is_late_or_came_twice_still_counts_once(
        self, direction: Direction, call: WalletCall, fault: Fault
    ) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _ready(bench, direction, call)
                bench.go_wrong(fault)
                outcome = await bench.attempt(call, transfer)
                assert _is_yes(outcome, bench.balance)
                assert bench.ledger.violations() == []

        asyncio.run(check())

    @every_move
    def test_a_declined_call_never_counts_as_done(self, direction: Direction, call: WalletCall) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _ready(bench, direction, call)
                bench.go_wrong(Fault.DECLINE)
                outcome = await bench.attempt(call, transfer)
                if not _needed_nothing_sent(bench, call, outcome):
                    assert outcome.verdict in {Verdict.DECLINED, Verdict.UNKNOWN}
                    assert outcome.text
                    assert _told(bench, outcome) == []

        asyncio.run(check())

    @every_move
    def test_an_error_that_says_nothing_more_is_not_silence(self, direction: Direction, call: WalletCall) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _ready(bench, direction, call)
                bench.go_wrong(Fault.OTHER_ERROR)
                error = await _error_of(getattr(bench.operator.adapter, METHODS[call])(transfer))
                if error is None:
                    assert call in CONFIRMS.values()
                    assert bench.wire(call) == []
                else:
                    assert isinstance(error, Unmapped | Declined)
                    assert error.text

        asyncio.run(check())

    @pytest.mark.parametrize("odd", ODD_BALANCES)
    @every_move
    def test_a_yes_is_a_yes_whatever_its_balance(self, direction: Direction, call: WalletCall, odd: str) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _ready(bench, direction, call)
                _spoil_balances(bench, ODD_BALANCES[odd])
                outcome = await bench.attempt(call, transfer)
                assert outcome.verdict is Verdict.SUCCESS, outcome.text
                assert bench.ledger.violations() == []

        asyncio.run(check())

    def test_a_session_is_known_whatever_its_balance(self) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                _spoil_balances(bench, ODD_BALANCES["more digits than are kept"])
                assert (await bench.verify()).player_id == PLAYER

        asyncio.run(check())

    def test_a_balance_is_told_when_it_is_asked_for(self) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                assert await bench.operator.get_balance(bench.session) == PLENTY

        asyncio.run(check())

    @every_move
    def test_every_try_is_the_same_whichever_process_makes_it(self, direction: Direction, call: WalletCall) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _ready(bench, direction, call)
                before = len(list(bench.ledger.wire()))
                await bench.attempt(call, transfer)
                sent = _requests(bench)[before:]
                other = build(self.adapter, self.simulated.adapter_settings(bench.server.base_url), PATIENT_S)
                async with other.admit(GROUP_OF[call]) as admission:
                    await admission.attempt(call, transfer)
                await other.close()
                assert sent or call in CONFIRMS.values()
                assert _requests(bench)[before + len(sent) :] == sent
                assert len(bench.ledger.holds) == 1

        asyncio.run(check())

    def bench(self, *, balance: Money = PLENTY, timeout_s: float = PATIENT_S) -> AbstractAsyncContextManager[Workbench]:
        """A workbench with this adapter."""
        return workbench(self.adapter, self.simulated, balance, timeout_s=timeout_s)


async def _begun(bench: Workbench, direction: Direction) -> Transfer:
    """A transfer that the operator has taken."""
    await bench.verify()
    transfer = bench.transfer(direction, SOME)
    outcome = await bench.attempt(HOLD_CALL[direction], transfer)
    assert (outcome.verdict, outcome.balance) == (Verdict.SUCCESS, bench.balance), outcome.text
    return transfer


async def _ready(bench: Workbench, direction: Direction, call: WalletCall) -> Transfer:
    """A transfer for which this call comes next."""
    if call is not HOLD_CALL[direction]:
        return await _begun(bench, direction)
    await bench.verify()
    return bench.transfer(direction, SOME)


async def _error_of(call: Awaitable[Receipt]) -> Exception | None:
    """What the adapter raises, None for a receipt."""
    try:
        await call
    except Exception as error:  # noqa: BLE001 - any at all, to be judged
        return error
    return None


def _is_yes(outcome: Outcome, balance: Money) -> bool:
    """Whether it succeeded, and tells this balance or none."""
    return outcome.verdict is Verdict.SUCCESS and outcome.balance in (None, balance)


def _needed_nothing_sent(bench: Workbench, call: WalletCall, outcome: Outcome) -> bool:
    """Whether it is the confirm of what is final already: then there is no answer to misread."""
    return outcome.verdict is Verdict.SUCCESS and call in CONFIRMS.values() and bench.wire(call) == []


def _spoil_balances(bench: Workbench, spoiled: Callable[[Account], Account]) -> None:
    """Makes the operator tell balances so; its books stay right."""
    simulated = bench.server.operator.simulated
    yes = simulated.yes
    simulated.yes = lambda order, account: yes(order, spoiled(account))  # type: ignore[method-assign]  # of this one


def _held(bench: Workbench, transfer: Transfer) -> tuple[HoldState, Money | None] | None:
    hold = bench.hold(transfer)
    return None if hold is None else (hold.state, hold.amount)


def _requests(bench: Workbench) -> list[tuple[str, bytes]]:
    return [(seen.path, seen.body) for seen in bench.ledger.wire()]


def _told(bench: Workbench, outcome: Outcome) -> list[str]:
    """The session's and the settings' secrets that the outcome tells, plain or somewhere within base64."""
    secrets = [TOKEN, *secrets_of(bench.operator.adapter.settings)]
    return [secret for secret in secrets if any(form in outcome.text for form in (secret, *_within_base64(secret)))]


def _within_base64(secret: str) -> list[str]:
    """What the secret looks like within a longer base64 text, by where in a group of three bytes it begins."""
    shifted = [b64encode(b"?" * shift + secret.encode()).decode() for shift in range(3)]
    return [text.rstrip("=")[first:-1] for text, first in zip(shifted, (0, 2, 3), strict=True)]
