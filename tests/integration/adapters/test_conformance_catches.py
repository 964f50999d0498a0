"""The conformance suite is worth something only if adapters with the usual mistakes fail it."""

from __future__ import annotations

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
from gateway.records import Direction
from gateway.sandbox.faults import Fault
from gateway.testing.conformance import CURRENCY, ROLLBACKS, Conformance
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
        money(answer["balance"]["amount"], CURRENCY)
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
    ],
)
def test_an_adapter_that_misreads_answers_is_caught(broken: type[Quantum], fault: Fault) -> None:
    with pytest.raises(AssertionError):
        suite(broken).test_an_answer_that_proves_nothing_is_unknown(OUT, WalletCall.WITHDRAW, fault)


def test_credentials_that_an_adapter_quotes_do_not_come_out() -> None:
    """The suite's own test asserts that the outcome tells no secret."""
    suite(TellsItsPassword).test_an_answer_that_proves_nothing_is_unknown(OUT, WalletCall.WITHDRAW, Fault.ERROR_AFTER)


def test_an_adapter_that_finds_nothing_to_undo_whenever_in_doubt_is_caught() -> None:
    with pytest.raises(AssertionError):
        suite(TakesEveryErrorForNothingToUndo).test_an_answer_that_proves_nothing_is_unknown(
            OUT, WalletCall.ROLLBACK_WITHDRAWAL, Fault.CUT_AFTER
        )


def test_an_adapter_that_takes_an_operator_that_answers_for_a_silent_one_is_caught() -> None:
    with pytest.raises(AssertionError):
        suite(TakesEveryErrorForSilence).test_an_error_that_says_nothing_more_is_not_silence(OUT, WalletCall.WITHDRAW)


def test_an_adapter_that_throws_a_yes_away_for_its_balance_is_caught() -> None:
    with pytest.raises(AssertionError):
        suite(NeedsAReadableBalance).test_a_yes_is_a_yes_whatever_its_balance(
            OUT, WalletCall.CONFIRM_WITHDRAWAL, "more digits than are kept"
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
