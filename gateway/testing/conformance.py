"""The rules for every adapter, as tests that pytest collects from three lines:

    class TestAcme(Conformance):
        adapter = Acme
        simulated = SimulatedAcme

Each test drives the adapter through the gateway's own operator and client, over real sockets, against its simulated
side. An amount that the protocol cannot carry must be declined before anything is sent. A yes to an end may come
without a balance. A confirm may send nothing if the operator's holds are final at once.

The reasons for these rules stand in docs/adapters.md; docs/decisions/044-conformance-over-real-sockets.md says why real
sockets. tests/integration/adapters/test_conformance_catches.py shows that adapters with the usual mistakes fail.
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

LONG_TIMEOUT_S: Final = 10.0  # never reached, even on a busy machine
SHORT_TIMEOUT_S: Final = 0.2  # waited for in full, by each test of an operator that hangs

AMOUNTS: Final = ("0.1", "230.00", "1234567890123456.78", "99999999999999999999.99999999", "1e2", "1e-8")

CURRENCY: Final = "XAG"
FULL_BALANCE: Final = money("1e25", CURRENCY)
AMOUNT: Final = money("2.5", CURRENCY)
UNKNOWN_SESSION: Final = "nobody"

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
"""Odd balances that some operators send. A balance only informs, so none of them may spoil a yes."""

CONFIRMS: Final = {direction: END_CALL[direction, Decision.CONFIRM] for direction in Direction}
ROLLBACKS: Final = {direction: END_CALL[direction, Decision.ROLLBACK] for direction in Direction}
MOVES: Final = (*HOLD_CALL.items(), *CONFIRMS.items(), *ROLLBACKS.items())

HARMLESS: Final = (Fault.DELAY, Fault.DUPLICATE)
"""Faults under which the answer is still a clear yes."""

CLEAR: Final = (*HARMLESS, *BALANCE_FAULTS, Fault.DECLINE)
"""Faults under which the operator's answer is clear: yes, or no."""

HANGING: Final = (Fault.HANG_BEFORE, Fault.HANG_AFTER, Fault.LATE)

every_direction = pytest.mark.parametrize("direction", list(Direction))
every_move = pytest.mark.parametrize("direction, call", MOVES)


class Conformance:
    """Derive from it, and name the adapter's class and its simulated operator's."""

    adapter: ClassVar[type[Adapter]]
    simulated: ClassVar[type[Simulated]]

    # Each test runs its own event loop, so that it needs pytest alone and no plugin.

    def test_a_session_is_verified(self) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                player = await bench.verify()
                assert (player.player_id, player.balance) == (PLAYER, FULL_BALANCE)

        asyncio.run(check())

    def test_an_unknown_session_is_refused(self) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                with pytest.raises(OperatorError):
                    await bench.operator.verify_session(Session(operator="workbench", token=UNKNOWN_SESSION))

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
                    assert _hold_of(bench, transfer) == (HoldState.HELD, money(amount, CURRENCY))

        asyncio.run(check())

    @every_direction
    def test_a_confirmed_transfer_has_moved_the_money(self, direction: Direction) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _held_transfer(bench, direction)
                after_hold = bench.balance
                outcome = await bench.attempt(CONFIRMS[direction], transfer)
                assert _is_yes(outcome, after_hold)
                assert after_hold != FULL_BALANCE
                assert bench.balance == after_hold
                assert bench.ledger.violations() == []

        asyncio.run(check())

    @every_direction
    def test_a_rolled_back_transfer_has_moved_nothing(self, direction: Direction) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _held_transfer(bench, direction)
                outcome = await bench.attempt(ROLLBACKS[direction], transfer)
                assert _is_yes(outcome, FULL_BALANCE)
                assert _hold_of(bench, transfer) == (HoldState.UNDONE, AMOUNT)
                assert bench.balance == FULL_BALANCE

        asyncio.run(check())

    @pytest.mark.parametrize("ends", [CONFIRMS, ROLLBACKS], ids=["confirm", "rollback"])
    @every_direction
    def test_a_repeated_end_succeeds_again(self, direction: Direction, ends: dict[Direction, WalletCall]) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _held_transfer(bench, direction)
                await bench.attempt(ends[direction], transfer)
                repeat = await bench.attempt(ends[direction], transfer)
                assert _is_yes(repeat, bench.balance)
                assert bench.ledger.violations() == []

        asyncio.run(check())

    @pytest.mark.parametrize("ends", [CONFIRMS, ROLLBACKS], ids=["confirm", "rollback"])
    @every_direction
    def test_a_transfer_can_be_ended_by_a_gateway_that_never_saw_it(
        self, direction: Direction, ends: dict[Direction, WalletCall]
    ) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                held = await _held_transfer(bench, direction)
                amount = None if ends is ROLLBACKS else held.amount
                session = Session(operator=held.operator, token=held.session.token)
                unseen = replace(held, session=session, amount=amount, description="", adopted=True)
                outcome = await bench.attempt(ends[direction], unseen)
                assert _is_yes(outcome, bench.balance)
                assert bench.ledger.violations() == []

        asyncio.run(check())

    @every_direction
    def test_the_rollback_of_what_never_came_finds_nothing_to_undo(self, direction: Direction) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                await bench.verify()
                outcome = await bench.attempt(ROLLBACKS[direction], bench.transfer(direction, AMOUNT))
                assert outcome.verdict in {Verdict.SUCCESS, Verdict.NOT_FOUND}
                assert bench.balance == FULL_BALANCE

        asyncio.run(check())

    def test_too_little_money_is_a_decline(self) -> None:
        async def check() -> None:
            async with self.bench(balance=money("1", CURRENCY)) as bench:
                await bench.verify()
                outcome = await bench.attempt(WalletCall.WITHDRAW, bench.transfer(Direction.WITHDRAW, AMOUNT))
                assert (outcome.verdict, outcome.kind) == (Verdict.DECLINED, Kind.FUNDS)
                assert bench.ledger.holds == {}

        asyncio.run(check())

    @pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in CLEAR])
    @every_move
    def test_an_answer_that_proves_nothing_is_unknown(
        self, direction: Direction, call: WalletCall, fault: Fault
    ) -> None:
        async def check() -> None:
            async with self.bench(timeout_s=SHORT_TIMEOUT_S if fault in HANGING else LONG_TIMEOUT_S) as bench:
                transfer = await _transfer_before(bench, direction, call)
                bench.go_wrong(fault)
                outcome = await bench.attempt(call, transfer)
                if not _is_confirm_without_request(bench, call, outcome):
                    assert (outcome.verdict, outcome.balance) == (Verdict.UNKNOWN, None)
                    assert outcome.text
                    assert _leaked_secrets(bench, outcome) == []

        asyncio.run(check())

    @pytest.mark.parametrize("fault", HARMLESS)
    @every_move
    def test_what_is_late_or_came_twice_still_counts_once(
        self, direction: Direction, call: WalletCall, fault: Fault
    ) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _transfer_before(bench, direction, call)
                bench.go_wrong(fault)
                outcome = await bench.attempt(call, transfer)
                assert _is_yes(outcome, bench.balance)
                assert bench.ledger.violations() == []

        asyncio.run(check())

    @every_move
    def test_a_declined_call_never_counts_as_done(self, direction: Direction, call: WalletCall) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _transfer_before(bench, direction, call)
                bench.go_wrong(Fault.DECLINE)
                outcome = await bench.attempt(call, transfer)
                if not _is_confirm_without_request(bench, call, outcome):
                    assert outcome.verdict in {Verdict.DECLINED, Verdict.UNKNOWN}
                    assert outcome.text
                    assert _leaked_secrets(bench, outcome) == []

        asyncio.run(check())

    @every_move
    def test_an_error_that_says_nothing_more_is_not_silence(self, direction: Direction, call: WalletCall) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _transfer_before(bench, direction, call)
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
                transfer = await _transfer_before(bench, direction, call)
                _change_balances(bench, ODD_BALANCES[odd])
                outcome = await bench.attempt(call, transfer)
                assert outcome.verdict is Verdict.SUCCESS, outcome.text
                assert bench.ledger.violations() == []

        asyncio.run(check())

    def test_a_session_is_known_whatever_its_balance(self) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                _change_balances(bench, ODD_BALANCES["more digits than are kept"])
                assert (await bench.verify()).player_id == PLAYER

        asyncio.run(check())

    def test_a_balance_is_returned_when_it_is_asked_for(self) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                assert await bench.operator.get_balance(bench.session) == FULL_BALANCE

        asyncio.run(check())

    @every_move
    def test_every_try_is_the_same_whichever_process_makes_it(self, direction: Direction, call: WalletCall) -> None:
        async def check() -> None:
            async with self.bench() as bench:
                transfer = await _transfer_before(bench, direction, call)
                before = len(list(bench.ledger.wire()))
                await bench.attempt(call, transfer)
                sent = _requests(bench)[before:]
                other = build(self.adapter, self.simulated.adapter_settings(bench.server.base_url), LONG_TIMEOUT_S)
                async with other.admit(GROUP_OF[call]) as admission:
                    await admission.attempt(call, transfer)
                await other.close()
                assert sent or call in CONFIRMS.values()
                assert _requests(bench)[before + len(sent) :] == sent
                assert len(bench.ledger.holds) == 1

        asyncio.run(check())

    def bench(
        self, *, balance: Money = FULL_BALANCE, timeout_s: float = LONG_TIMEOUT_S
    ) -> AbstractAsyncContextManager[Workbench]:
        """A workbench with this adapter."""
        return workbench(self.adapter, self.simulated, balance, timeout_s=timeout_s)


async def _held_transfer(bench: Workbench, direction: Direction) -> Transfer:
    """A transfer whose hold the operator has taken."""
    await bench.verify()
    transfer = bench.transfer(direction, AMOUNT)
    outcome = await bench.attempt(HOLD_CALL[direction], transfer)
    assert (outcome.verdict, outcome.balance) == (Verdict.SUCCESS, bench.balance), outcome.text
    return transfer


async def _transfer_before(bench: Workbench, direction: Direction, call: WalletCall) -> Transfer:
    """A transfer in the state before this call."""
    if call is not HOLD_CALL[direction]:
        return await _held_transfer(bench, direction)
    await bench.verify()
    return bench.transfer(direction, AMOUNT)


async def _error_of(call: Awaitable[Receipt]) -> Exception | None:
    """The exception that the adapter raises, None for a receipt."""
    try:
        await call
    except Exception as error:  # noqa: BLE001 - any at all, to be judged
        return error
    return None


def _is_yes(outcome: Outcome, balance: Money) -> bool:
    """Whether it succeeded, with this balance or without one."""
    return outcome.verdict is Verdict.SUCCESS and outcome.balance in (None, balance)


def _is_confirm_without_request(bench: Workbench, call: WalletCall, outcome: Outcome) -> bool:
    """Whether this is the confirm of a hold that is final already: nothing was sent, so no answer can be misread."""
    return outcome.verdict is Verdict.SUCCESS and call in CONFIRMS.values() and bench.wire(call) == []


def _change_balances(bench: Workbench, change: Callable[[Account], Account]) -> None:
    """Has the operator send changed balances; its books stay right."""
    simulated = bench.server.operator.simulated
    yes = simulated.yes
    simulated.yes = lambda order, account: yes(order, change(account))  # type: ignore[method-assign]  # of this one


def _hold_of(bench: Workbench, transfer: Transfer) -> tuple[HoldState, Money | None] | None:
    hold = bench.hold(transfer)
    return None if hold is None else (hold.state, hold.amount)


def _requests(bench: Workbench) -> list[tuple[str, bytes]]:
    return [(entry.path, entry.body) for entry in bench.ledger.wire()]


def _leaked_secrets(bench: Workbench, outcome: Outcome) -> list[str]:
    """The secrets of the session and the settings that stand in the outcome's text, plain or within base64."""
    secrets = [TOKEN, *secrets_of(bench.operator.adapter.settings)]
    return [secret for secret in secrets if any(form in outcome.text for form in (secret, *_within_base64(secret)))]


def _within_base64(secret: str) -> list[str]:
    """What the secret looks like within a longer base64 text: one form for each position in a group of three bytes,
    with only those characters that the secret alone decides (RFC 4648, section 4)."""
    shifted = [b64encode(b"?" * shift + secret.encode()).decode() for shift in range(3)]
    return [text.rstrip("=")[first:-1] for text, first in zip(shifted, (0, 2, 3), strict=True)]
