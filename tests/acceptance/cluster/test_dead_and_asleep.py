"""Instances that die or fall asleep in the middle of their work, and the other that goes on with it."""

from __future__ import annotations

import asyncio
import signal

from gateway.reasons import Source
from gateway.records import State
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.support.doors import Answered
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import call, journal_at, key, until_state
from tests.support.runtimes import FarOperator

DELAY_S = 1.0
"""Under the operator's timeout."""


def first_decision(answered: Answered) -> tuple[int, int | None]:
    return answered.status, None if answered.status == 200 else answered.error_code


async def test_what_a_dead_instance_was_sending_the_other_rolls_back_once_its_lease_is_over(
    pair: list[GatewayProcess], far: FarOperator, journal_url: str
) -> None:
    dying, living = pair
    far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=DELAY_S)
    lost = asyncio.create_task(call(dying, WalletCall.WITHDRAW))
    await far.until_seen(WalletCall.WITHDRAW)
    await dying.kill()
    await asyncio.gather(lost, return_exceptions=True)
    far.behave()
    async with journal_at(journal_url) as journal:
        timeline = await until_state(journal, key("1"), State.ROLLED_BACK)
    assert far.seen(WalletCall.WITHDRAW) == 1
    assert far.state_of("1") is HoldState.UNDONE
    assert [(reason.source, "interrupted" in reason.text) for reason in timeline.reasons] == [(Source.GATEWAY, True)]
    assert (await call(living, WalletCall.ROLLBACK_WITHDRAWAL)).status == 200


async def test_who_slept_through_its_lease_neither_confirms_what_others_rolled_back_nor_loses_it(
    pair: list[GatewayProcess], far: FarOperator, journal_url: str
) -> None:
    sleeper, other = pair
    for id in ("confirmed", "undone"):
        assert (await call(sleeper, WalletCall.WITHDRAW, id)).status == 200
    far.go_wrong(Fault.DELAY, delay_s=DELAY_S)
    under_way = [
        asyncio.create_task(call(sleeper, WalletCall.WITHDRAW, "sent")),
        asyncio.create_task(call(sleeper, WalletCall.CONFIRM_WITHDRAWAL, "confirmed")),
        asyncio.create_task(call(sleeper, WalletCall.ROLLBACK_WITHDRAWAL, "undone", rollbackReason="Sold out.")),
    ]
    await far.until_seen(WalletCall.WITHDRAW, 3)
    await far.until_seen(WalletCall.CONFIRM_WITHDRAWAL)
    await far.until_seen(WalletCall.ROLLBACK_WITHDRAWAL)
    sleeper.send_signal(signal.SIGSTOP)
    far.behave()
    async with journal_at(journal_url) as journal:
        await until_state(journal, key("sent"), State.ROLLED_BACK)
        await until_state(journal, key("confirmed"), State.CONFIRMED)
        await until_state(journal, key("undone"), State.ROLLED_BACK)
        sleeper.send_signal(signal.SIGCONT)
        answers = [first_decision(answered) for answered in await asyncio.gather(*under_way)]
        assert answers == [(500, ErrorCode.ROLLED_BACK), (200, None), (200, None)]
        timeline = await until_state(journal, key("sent"), State.ROLLED_BACK)
    assert far.seen(WalletCall.WITHDRAW) == 3
    assert [far.state_of(id) for id in ("sent", "confirmed", "undone")] == [
        HoldState.UNDONE,
        HoldState.CONFIRMED,
        HoldState.UNDONE,
    ]
    assert timeline.reasons
    assert first_decision(await call(other, WalletCall.CONFIRM_WITHDRAWAL, "sent")) == (500, ErrorCode.ROLLED_BACK)
