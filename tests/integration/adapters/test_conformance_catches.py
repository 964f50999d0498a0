"""The conformance suite is worth something only if adapters with the usual mistakes fail it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.quantum import Already, Quantum
from adapters.quantum.adapter import OK
from adapters.quantum.messages import TRANSFER_MEMBERS
from adapters.quantum.simulated import SimulatedQuantum
from gateway.money import money
from gateway.operators import Declined, HttpResponse, Kind, Receipt, Transfer, Unclear, Unmapped
from gateway.sandbox.faults import Fault
from gateway.testing.behaviours import BEHAVIOURS
from gateway.testing.mismatch import Mismatch
from gateway.testing.subject import Subject
from gateway.testing.suite import mismatches_of


class TakesAnyAnswerForAYes(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        try:
            return await super().withdraw(transfer)
        except Unclear:
            assert transfer.amount is not None
            return Receipt(transfer.amount)


class DoesNotLookAtTheId(Quantum):
    def _require_success_of(self, response: HttpResponse, transfer: Transfer) -> dict[str, Any]:
        return self._require_success(response, TRANSFER_MEMBERS)


class DoesNotLookAtTheStatus(Quantum):
    def _require_success(self, response: HttpResponse, *rest: Any) -> dict[str, Any]:
        return super()._require_success(replace(response, status=OK), *rest)


class TakesEveryErrorForADecline(Quantum):
    def _require_success(self, response: HttpResponse, *rest: Any) -> dict[str, Any]:
        try:
            return super()._require_success(response, *rest)
        except Unclear as error:
            raise Declined(Kind.OTHER, error.text) from error


class TakesEveryErrorForNothingToUndo(Quantum):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        try:
            return await super().rollback_withdrawal(transfer)
        except Unclear as error:
            raise Declined(Kind.NOT_FOUND, error.text) from error


class TakesEveryErrorForSilence(Quantum):
    def _require_success(self, response: HttpResponse, *rest: Any) -> dict[str, Any]:
        try:
            return super()._require_success(response, *rest)
        except Unmapped as error:
            raise Unclear(error.text) from error


class NeedsAReadableBalance(Quantum):
    def _require_success_of(self, response: HttpResponse, transfer: Transfer) -> dict[str, Any]:
        answer = super()._require_success_of(response, transfer)
        money(answer["balance"]["amount"], "XAG")
        return answer


class MakesUpIds(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        made_up = {"requestId": str(uuid.uuid4()), "amount": _floating(transfer)}
        return await self._end("withdraw", transfer, made_up, Already.CONFIRMED)


class Rounds(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await self._end("withdraw", transfer, {"amount": _floating(transfer)}, Already.CONFIRMED)


class TellsItsPassword(Quantum):
    def _require_success(self, response: HttpResponse, *rest: Any) -> dict[str, Any]:
        try:
            return super()._require_success(response, *rest)
        except Unclear as error:
            raise Unclear(f"{error.text} for {self._headers}") from error


class KnowsOnlyWhatItSaw(Quantum):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._end("rollbackWithdrawal", transfer, {"amount": _floating(transfer)}, Already.ROLLED_BACK)


def _floating(transfer: Transfer) -> dict[str, Any]:
    assert transfer.amount is not None
    return {"amount": float(transfer.amount.amount), "currencyCode": transfer.amount.currency}


def mismatches(broken: type[Quantum], behaviour: str) -> list[Mismatch]:
    """What the behaviour finds wrong with the adapter."""
    return asyncio.run(mismatches_of(BEHAVIOURS[behaviour], Subject(broken, SimulatedQuantum)))


@pytest.mark.parametrize(
    "broken, fault",
    [
        (TakesAnyAnswerForAYes, Fault.HANG_BEFORE),
        (TakesAnyAnswerForAYes, Fault.GARBAGE),
        (DoesNotLookAtTheStatus, Fault.WRONG_STATUS),
        (TakesEveryErrorForADecline, Fault.ERROR_AFTER),
        (TakesEveryErrorForADecline, Fault.OTHER_ERROR),
    ],
)
def test_an_adapter_that_misreads_answers_is_caught(broken: type[Quantum], fault: Fault) -> None:
    found = mismatches(broken, "an_answer_that_proves_nothing_is_unknown")
    assert f"withdraw, {fault}" in {each.case for each in found}


@pytest.mark.parametrize(
    "broken, behaviour, case",
    [
        (DoesNotLookAtTheId, "an_answer_to_another_request_is_unknown", "withdraw, a longer name"),
        (DoesNotLookAtTheStatus, "only_the_contracts_statuses_are_a_yes", "withdraw, HTTP 503 with a yes"),
        (
            TakesEveryErrorForNothingToUndo,
            "an_answer_that_proves_nothing_is_unknown",
            "rollbackWithdrawal, cut_after",
        ),
        (TakesEveryErrorForSilence, "an_error_of_the_protocol_is_not_silence", "withdraw"),
        (
            NeedsAReadableBalance,
            "a_yes_is_a_yes_whatever_its_balance",
            "confirmWithdrawal, more digits than are kept",
        ),
        (MakesUpIds, "every_try_is_the_same", "withdraw"),
        (Rounds, "an_amount_arrives_exactly_or_is_declined_unsent", "withdraw of 1234567890123456.78 XAG"),
        (Rounds, "an_amount_arrives_exactly_or_is_declined_unsent", "withdraw of 99999999999999999999.99999999 XAG"),
        (KnowsOnlyWhatItSaw, "an_end_needs_nothing_that_only_the_hold_knew", "rollbackWithdrawal"),
    ],
)
def test_an_adapter_with_a_usual_mistake_is_caught(broken: type[Quantum], behaviour: str, case: str) -> None:
    assert case in {each.case for each in mismatches(broken, behaviour)}


def test_credentials_that_an_adapter_quotes_do_not_come_out() -> None:
    assert mismatches(TellsItsPassword, "secrets_stay_inside") == []
