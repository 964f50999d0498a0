"""The conformance suite is worth something only if adapters with the usual mistakes fail it."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest

from adapters.quantum import Quantum
from adapters.quantum.messages import Moved
from adapters.quantum.simulated import SimulatedQuantum
from gateway.journal.records import Direction
from gateway.operators import Answer, Declined, Kind, Receipt, Transfer, Unclear, decode
from gateway.testing.conformance import ROLLBACKS, Conformance
from gateway.testing.faults import Fault
from gateway.wire.calls import WalletCall

OUT = Direction.WITHDRAW


class TakesAnyAnswerForAYes(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        try:
            return await super().withdraw(transfer)
        except Unclear:
            assert transfer.amount is not None
            return Receipt(transfer.amount)


class DoesNotLookAtTheId(Quantum):
    async def _move(self, endpoint: str, transfer: Transfer, **rest: object) -> Receipt:
        body = {"token": transfer.session.token, "mmTransactionId": transfer.id, **rest}
        return Receipt(msgspec.convert(await self._post(endpoint, body), Moved).balance.money())


class DoesNotLookAtTheStatus(Quantum):
    def _failure(self, answer: Answer) -> Declined | Unclear:
        raise _Success(answer)

    async def _post(self, endpoint: str, body: dict[str, Any]) -> Any:
        try:
            return await super()._post(endpoint, body)
        except _Success as success:
            return decode(success.answer.body)


class _Success(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class TakesEveryErrorForADecline(Quantum):
    def _failure(self, answer: Answer) -> Declined | Unclear:
        return Declined(Kind.OTHER, f"HTTP {answer.status}")


class TakesEveryErrorForNothingToUndo(Quantum):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        try:
            return await super().rollback_withdrawal(transfer)
        except Unclear as error:
            raise Declined(Kind.NOT_FOUND, error.text) from error


class MakesUpIds(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await self._move("withdraw", transfer, requestId=str(uuid.uuid4()), amount=_floating(transfer))


class Rounds(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await self._move("withdraw", transfer, amount=_floating(transfer), txDescription="")


class TellsItsPassword(Quantum):
    def _failure(self, answer: Answer) -> Declined | Unclear:
        return Unclear(f"HTTP {answer.status} for {self._headers}")


class KnowsOnlyWhatItSaw(Quantum):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._move("rollbackWithdrawal", transfer, amount=_floating(transfer))


def _floating(transfer: Transfer) -> dict[str, Any]:
    assert transfer.amount is not None
    return {"amount": float(transfer.amount.amount), "currencyCode": transfer.amount.currency}


def suite(broken: type[Quantum]) -> Conformance:
    class Suite(Conformance):
        adapter = broken
        simulated = SimulatedQuantum

    return Suite()


@pytest.mark.parametrize(
    "broken, fault",
    [
        (TakesAnyAnswerForAYes, Fault.HANG_BEFORE),
        (TakesAnyAnswerForAYes, Fault.GARBAGE),
        (DoesNotLookAtTheId, Fault.WRONG_ID),
        (DoesNotLookAtTheStatus, Fault.WRONG_STATUS),
        (TakesEveryErrorForADecline, Fault.ERROR_AFTER),
        (TakesEveryErrorForADecline, Fault.OTHER_ERROR),
        (TellsItsPassword, Fault.ERROR_AFTER),
    ],
)
def test_an_adapter_that_misreads_answers_is_caught(broken: type[Quantum], fault: Fault) -> None:
    with pytest.raises(AssertionError):
        suite(broken).test_what_is_no_clear_answer_is_unknown(OUT, WalletCall.WITHDRAW, fault)


def test_an_adapter_that_finds_nothing_to_undo_whenever_in_doubt_is_caught() -> None:
    with pytest.raises(AssertionError):
        suite(TakesEveryErrorForNothingToUndo).test_what_is_no_clear_answer_is_unknown(
            OUT, WalletCall.ROLLBACK_WITHDRAWAL, Fault.CUT_AFTER
        )


def test_an_adapter_that_makes_up_ids_is_caught() -> None:
    with pytest.raises(AssertionError):
        suite(MakesUpIds).test_every_try_is_the_same_whichever_process_makes_it(OUT, WalletCall.WITHDRAW)


@pytest.mark.parametrize("amount", ["1234567890123456.78", "99999999999999999999.99999999"])
def test_an_adapter_that_rounds_is_caught(amount: str) -> None:
    with pytest.raises(AssertionError):
        suite(Rounds).test_an_amount_arrives_exactly_or_is_declined_unsent(OUT, amount)


def test_an_adapter_that_needs_to_have_seen_the_withdraw_is_caught() -> None:
    with pytest.raises(AssertionError):
        suite(KnowsOnlyWhatItSaw).test_a_transfer_can_be_ended_by_a_gateway_that_never_saw_it(OUT, ROLLBACKS)
