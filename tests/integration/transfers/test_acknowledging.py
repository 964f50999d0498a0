"""A yes that is durable is told, whatever is known of the balance, which only informs."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
import structlog

from gateway.money import Money, money
from gateway.operators.adapter import Receipt
from gateway.operators.errors import Declined, Kind, OperatorError, Unclear
from gateway.records import State, Transfer
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.support.transfers import BALANCE, TOKEN
from tests.support.world import World, code, play, refusal

WITHDRAW = WalletCall.WITHDRAW
CONFIRM, ROLLBACK = WalletCall.CONFIRM_WITHDRAWAL, WalletCall.ROLLBACK_WITHDRAWAL
FLOATING = Money(Decimal("0.30000000000000004"), "XAG")


def test_the_rollback_of_what_the_operator_refused_is_acknowledged_although_the_session_is_over(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.coordinator.verify_session(gateway.operator, TOKEN)
        world.far_side.ended = {TOKEN}
        assert await code(gateway.withdraw()) is ErrorCode.SESSION
        await world.reaches(State.ROLLED_BACK)
        with structlog.testing.capture_logs() as logs:
            assert await gateway.roll_back() == BALANCE
        assert [entry["given"] for entry in logs if entry["event"] == "the operator gave no balance"] == [
            "the last known"
        ]

    play(tmp_path, scenario)


def test_a_balance_that_was_never_known_is_not_made_up(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.far_side.balance = Unclear("cut")
        world.far_side.then(WITHDRAW, Declined(Kind.FUNDS, "poor"))
        world.far_side.then(ROLLBACK, Receipt())
        await refusal(gateway.withdraw())
        await world.reaches(State.ROLLED_BACK)
        assert await gateway.roll_back() is None

    play(tmp_path, scenario)


@pytest.mark.parametrize("end", ["confirm", "roll_back"])
def test_after_an_end_without_a_balance_the_holds_own_is_the_last_that_is_known(tmp_path: Path, end: str) -> None:
    async def scenario(world: World) -> None:
        world.far_side.then(WITHDRAW, Receipt(money("7", "XAG")))
        await world.instance().withdraw()
        world.far_side.always(CONFIRM, Receipt())
        world.far_side.always(ROLLBACK, Receipt())
        world.far_side.balance = Unclear("cut")
        former = world.instance()
        assert await getattr(former, end)() == money("7", "XAG")
        world.far_side.balance = money("8", "XAG")
        assert await getattr(former, end)() == money("8", "XAG")

    play(tmp_path, scenario)


def test_a_balance_that_hangs_delays_the_acknowledgement_by_a_second_at_most(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        world.far_side.then(CONFIRM, Receipt())

        async def hang(*_: object) -> Money:
            await asyncio.sleep(3600)
            raise AssertionError("unreached")

        gateway.operator.adapter.get_balance = hang  # type: ignore[assignment,method-assign]  # it hangs from now on
        begun = asyncio.get_running_loop().time()
        assert await gateway.confirm() == BALANCE
        assert asyncio.get_running_loop().time() - begun == pytest.approx(1.0, abs=0.1)

    play(tmp_path, scenario)


def test_balances_that_cannot_be_read_take_no_withdraw_down(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(breaker={"failures": 2})
        world.far_side.balance = Unclear("cut")
        world.far_side.always(CONFIRM, Receipt())
        for number in range(10):
            assert await gateway.withdraw(f"t{number}") == BALANCE
            await gateway.confirm(f"t{number}")
        assert world.far_side.calls(WITHDRAW) == 10

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "balance, told",
    [
        (FLOATING, FLOATING),
        (Money(Decimal(7), "xag"), money("7", "XAG")),
        (Money(Decimal("1e400"), "XAG"), BALANCE),
        (Money(Decimal("1e-400"), "XAG"), BALANCE),
        (Money(Decimal("NaN"), "XAG"), BALANCE),
        (Money(Decimal(7), ""), BALANCE),
        (None, BALANCE),
    ],
)
@pytest.mark.parametrize("call", [WITHDRAW, CONFIRM, ROLLBACK])
def test_a_yes_counts_whatever_its_balance_is(
    tmp_path: Path, call: WalletCall, balance: Money | None, told: Money
) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.far_side.always(call, Receipt(balance))
        answer = await gateway.withdraw()
        if call is not WITHDRAW:
            answer = await (gateway.confirm() if call is CONFIRM else gateway.roll_back())
        assert answer == told
        ends = {WITHDRAW: State.HELD, CONFIRM: State.CONFIRMED, ROLLBACK: State.ROLLED_BACK}
        assert (await world.row()).state is ends[call]

    play(tmp_path, scenario)


def test_what_was_wrong_with_a_balance_is_in_the_timeline_and_the_log(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.far_side.then(WITHDRAW, Receipt(Money(Decimal("1e400"), "XAG")))
        with structlog.testing.capture_logs() as logs:
            await gateway.withdraw()
        (attempt,) = (await world.timeline()).attempts
        assert "more than 26 digits before the point" in attempt.detail
        assert [entry["why"] for entry in logs if entry["event"] == "receipt not wholly usable"] == [attempt.detail]

    play(tmp_path, scenario)


def test_a_balance_in_another_currency_makes_a_hold_unclear(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.far_side.then(WITHDRAW, Receipt(money("7", "EUR")))
        told = await refusal(world.instance().withdraw())
        assert (told.code, "another currency (EUR)" in told.text) == (ErrorCode.UNCLEAR, True)
        await world.reaches(State.ROLLED_BACK)

    play(tmp_path, scenario)


@pytest.mark.parametrize("end", ["confirm", "roll_back"])
def test_a_balance_in_another_currency_blocks_no_end(tmp_path: Path, end: str) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        world.far_side.always(CONFIRM, Receipt(money("7", "EUR")))
        world.far_side.always(ROLLBACK, Receipt(money("7", "EUR")))
        assert await getattr(gateway, end)() == BALANCE

    play(tmp_path, scenario)


@pytest.mark.parametrize("asked", [money("9", "xag"), money("9", "EUR")])
def test_a_balance_that_is_asked_for_is_told_in_the_transfers_currency_alone(tmp_path: Path, asked: Money) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        world.far_side.always(CONFIRM, Receipt())
        world.far_side.balance = asked
        assert await gateway.confirm() == (money("9", "XAG") if asked.currency == "xag" else BALANCE)
        assert await gateway.confirm() == (money("9", "XAG") if asked.currency == "xag" else BALANCE)

    play(tmp_path, scenario)


@pytest.mark.parametrize("known", [True, False])
def test_a_session_whose_balance_is_odd_is_a_session(tmp_path: Path, known: bool) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        if known:
            await gateway.withdraw()
            await gateway.coordinator.verify_session(gateway.operator, TOKEN)
        world.far_side.balance = Money(Decimal("1e400"), "XAG")
        player = await gateway.coordinator.verify_session(gateway.operator, TOKEN)
        assert (player.player_id, player.balance) == ("p1", BALANCE if known else None)

    play(tmp_path, scenario)


@pytest.mark.parametrize("failure", [Declined(Kind.SESSION, "no such session"), Declined(Kind.OTHER, "no")])
def test_a_hold_and_a_rollback_that_are_both_clearly_refused_have_ended(tmp_path: Path, failure: OperatorError) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.far_side.always(WITHDRAW, Declined(Kind.SESSION, "no such session"))
        world.far_side.always(ROLLBACK, failure)
        assert await code(gateway.withdraw()) is ErrorCode.SESSION
        await world.reaches(State.ROLLED_BACK, within_s=10)
        assert await gateway.roll_back() == BALANCE
        assert world.far_side.calls(ROLLBACK) == 1

    play(tmp_path, scenario)


def test_the_clear_refusal_of_a_rollback_ends_nothing_that_may_have_been_taken(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def taken(transfer: Transfer) -> Receipt:
            raise Unclear("cut")

        world.far_side.then(WITHDRAW, taken)
        world.far_side.then(ROLLBACK, Declined(Kind.SESSION, "no such session"))
        await refusal(world.instance().withdraw())
        await asyncio.sleep(1)
        assert (await world.row()).state is State.ROLLING_BACK
        await world.reaches(State.ROLLED_BACK)
        assert world.far_side.calls(ROLLBACK) == 2

    play(tmp_path, scenario)


def test_a_receipt_that_is_repeated_is_not_the_last_that_is_known(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        for number, left in enumerate((100, 50)):
            await gateway.withdraw(f"t{number}")
            world.far_side.then(CONFIRM, Receipt(money(left, "XAG")))
            await gateway.confirm(f"t{number}")
        assert await gateway.withdraw("t2") == BALANCE
        world.far_side.then(CONFIRM, Receipt(money(40, "XAG")))
        await gateway.confirm("t2")
        assert await gateway.confirm("t0") == money(100, "XAG")
        await gateway.withdraw("t3")
        world.far_side.then(CONFIRM, Receipt(money(30, "XAG")))
        await gateway.confirm("t3")
        assert await gateway.confirm("t0") == money(100, "XAG")
        world.far_side.always(ROLLBACK, Receipt())
        world.far_side.balance = Unclear("cut")
        assert await gateway.roll_back("t4") == money(30, "XAG")

    play(tmp_path, scenario)
