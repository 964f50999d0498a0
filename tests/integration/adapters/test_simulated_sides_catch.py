"""A simulated operator looks for a bet by the name by which the contract looks for it, so that an adapter that names
another one fails the suite."""

from __future__ import annotations

import asyncio

import pytest

from adapters.mgplus import MgPlus
from adapters.mgplus.messages import ROLLBACK
from adapters.mgplus.simulated import SimulatedMgPlus
from adapters.playngo import Playngo
from adapters.playngo.adapter import Method
from adapters.playngo.simulated import SimulatedPlayngo
from adapters.saba import Saba
from adapters.saba.messages import PLACE, place_bet
from adapters.saba.simulated import SimulatedSaba
from adapters.thunderkick import Thunderkick, messages
from adapters.thunderkick.adapter import ROLLBACK_ID
from adapters.thunderkick.simulated import SimulatedThunderkick
from gateway.operators import Adapter, Receipt, Transfer
from gateway.sandbox.simulated import Simulated
from gateway.testing.behaviours import BEHAVIOURS
from gateway.testing.mismatch import Mismatch
from gateway.testing.subject import Subject
from gateway.testing.suite import mismatches_of


class RollsBackAnotherDebit(MgPlus):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        body = {**self._transaction("hold", transfer), "transactionId": "another"}
        return self._receipt(await self._post("v1/rollback", body, ROLLBACK, transfer.session), transfer)


class CreditsUnderTheDebitsId(MgPlus):
    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        credit = {"amount": 0, "transactionType": "credit", "roundFinished": True}
        return self._receipt(await self._move("hold", transfer, credit, ROLLBACK), transfer)


class CancelsAnotherReserve(Playngo):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        members = {**self._reserve(transfer), "transactionId": "another"}
        return await self._move(Method.CANCEL_RESERVE, members)


class RollsBackAnotherBet(Thunderkick):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        body = {**messages.rollback(transfer, self.settings), "betTransactionId": "another"}
        return self._receipt(await self._post("rollbackbet/another", body, messages.ROLLBACK, ROLLBACK_ID), ROLLBACK_ID)


class HoldsWithoutAnOperation(Saba):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        message = place_bet(transfer, self.settings)
        del message["operationId"]
        await self._post("placebet", message, PLACE)
        return Receipt()


def mismatches(broken: type[Adapter], simulated: type[Simulated], behaviour: str) -> list[Mismatch]:
    """What the behaviour finds wrong with the adapter."""
    return asyncio.run(mismatches_of(BEHAVIOURS[behaviour], Subject(broken, simulated)))


@pytest.mark.parametrize(
    "broken, simulated",
    [
        (RollsBackAnotherDebit, SimulatedMgPlus),
        (CancelsAnotherReserve, SimulatedPlayngo),
        (RollsBackAnotherBet, SimulatedThunderkick),
    ],
)
def test_a_rollback_that_names_another_bet_undoes_nothing(broken: type[Adapter], simulated: type[Simulated]) -> None:
    assert mismatches(broken, simulated, "a_rolled_back_transfer_has_moved_nothing")


@pytest.mark.parametrize(
    "broken, simulated", [(CreditsUnderTheDebitsId, SimulatedMgPlus), (HoldsWithoutAnOperation, SimulatedSaba)]
)
def test_a_request_without_an_id_of_its_own_is_refused(broken: type[Adapter], simulated: type[Simulated]) -> None:
    assert mismatches(broken, simulated, "a_confirmed_transfer_has_moved_the_money")
