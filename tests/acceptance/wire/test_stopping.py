"""SIGTERM under load: every call is answered or cleanly refused, and what is unfinished is finished after a restart."""

from __future__ import annotations

import asyncio
from asyncio import IncompleteReadError
from pathlib import Path
from typing import Final

import msgspec

from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.acceptance.wire.sandbox import Sandbox, sandbox, until
from tests.support.doors import Answered
from tests.support.gateway_process import GatewayProcess
from tests.support.wallet_client import body, post

BUYERS: Final = 24
UNDELIVERED: Final = tuple(f"undelivered-{number}" for number in range(5))
STOPPING: Final = 122
SLOW: Final = FaultRule(fault=Fault.DELAY, calls=(WalletCall.WITHDRAW,), delay_s=0.3)


class Bought(msgspec.Struct):
    """One purchase: the answers to its withdraw and confirm, None where the call was refused unread."""

    id: str
    withdrawn: Answered | None = None
    confirmed: Answered | None = None


async def call(gateway: GatewayProcess, operator: Sandbox, call: WalletCall, id: str) -> Answered | None:
    """The answer. None if the connection was refused, or closed without a byte of an answer."""
    try:
        return await post(gateway.wallet_url, call, body(call, id), operator.credentials)
    except IncompleteReadError as error:
        if error.partial:
            raise
    except OSError:
        pass
    return None


async def buying(gateway: GatewayProcess, operator: Sandbox, buyer: int) -> list[Bought]:
    """Buys until a call is refused, then leaves."""
    bought: list[Bought] = []
    while True:
        bought.append(Bought(f"{buyer}-{len(bought)}"))
        bought[-1].withdrawn = await call(gateway, operator, WalletCall.WITHDRAW, bought[-1].id)
        if not succeeded(bought[-1].withdrawn):
            return bought
        bought[-1].confirmed = await call(gateway, operator, WalletCall.CONFIRM_WITHDRAWAL, bought[-1].id)
        if not succeeded(bought[-1].confirmed):
            return bought


def succeeded(answer: Answered | None) -> bool:
    return answer is not None and answer.status == 200


async def test_every_call_is_answered_or_refused_and_the_rest_is_finished_after_a_restart(tmp_path: Path) -> None:
    async with sandbox("quantum") as operator:
        deaf = FaultRule(fault=Fault.CUT_BEFORE, calls=(WalletCall.CONFIRM_WITHDRAWAL,), ids=UNDELIVERED)
        operator.go_wrong(deaf, SLOW)
        async with GatewayProcess({"operators": {"acme": operator.settings()}}, tmp_path) as gateway:
            for id in UNDELIVERED:
                assert succeeded(await call(gateway, operator, WalletCall.WITHDRAW, id))
                assert not succeeded(await call(gateway, operator, WalletCall.CONFIRM_WITHDRAWAL, id))
            buyers = [asyncio.create_task(buying(gateway, operator, number)) for number in range(BUYERS)]
            await until(lambda: len(operator.sent(WalletCall.WITHDRAW)) > 4 * BUYERS)
            assert await gateway.stop() == 0
            bought = [each for those in await asyncio.gather(*buyers) for each in those]
            prove_answers_clean(operator, bought)

            operator.go_wrong()
            await gateway.start()
            await until(lambda: {state_of(operator, id) for id in UNDELIVERED} == {HoldState.CONFIRMED})
            for each in bought:
                await finished_by_the_game(gateway, operator, each)
            prove_books_right(operator, bought)
            assert await gateway.stop() == 0
            assert "Traceback" not in gateway.log


def prove_answers_clean(operator: Sandbox, bought: list[Bought]) -> None:
    """Whoever reached the operator was told so; whoever was refused was told why, and never reached it."""
    for each in bought:
        sent = len(operator.sent(WalletCall.WITHDRAW, each.id))
        assert sent == succeeded(each.withdrawn), each
        for answer in (each.withdrawn, each.confirmed):
            assert answer is None or answer.status == 200 or answer.error_code == STOPPING, each


async def finished_by_the_game(gateway: GatewayProcess, operator: Sandbox, each: Bought) -> None:
    """As the contract has it: what was not acknowledged is sent again, what failed is rolled back."""
    end = WalletCall.CONFIRM_WITHDRAWAL if succeeded(each.withdrawn) else WalletCall.ROLLBACK_WITHDRAWAL
    assert succeeded(await call(gateway, operator, end, each.id))


def prove_books_right(operator: Sandbox, bought: list[Bought]) -> None:
    for each in bought:
        expected = HoldState.CONFIRMED if succeeded(each.withdrawn) else HoldState.BURIED
        assert state_of(operator, each.id) is expected
        assert len(operator.sent(WalletCall.WITHDRAW, each.id)) <= 1
    confirmed = sum(hold.state is HoldState.CONFIRMED for hold in operator.ledger.holds.values())
    assert operator.ledger.accounts["player"].balance == 1_000_000 - 10 * confirmed
    assert operator.ledger.violations() == []


def state_of(operator: Sandbox, id: str) -> HoldState | None:
    hold = operator.hold(id)
    return None if hold is None else hold.state
