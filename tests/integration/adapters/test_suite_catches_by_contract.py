"""What the suite catches where a contract has more than quantum does: a state, a look-up, a code of the busy."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from adapters.quantum import Quantum
from adapters.quantum.simulated import SimulatedQuantum
from gateway.operators import (
    HttpResponse,
    Kind,
    RetryLater,
    Transfer,
    TransferStatus,
    Unclear,
    decode,
    encode,
)
from gateway.records import Direction
from gateway.sandbox.ledger import Account
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request
from gateway.testing.subject import Subject
from tests.integration.adapters.test_suite_catches import cases


class SeesEveryHoldConfirmed(Quantum):
    async def look_up(self, transfer: Transfer) -> TransferStatus:
        status = await super().look_up(transfer)
        return TransferStatus.CONFIRMED if status is TransferStatus.HELD else status


class SeesNothingWhenInDoubt(Quantum):
    async def look_up(self, transfer: Transfer) -> TransferStatus:
        try:
            return await super().look_up(transfer)
        except Unclear:
            return TransferStatus.NOT_FOUND


class CannotBeAsked(Quantum):
    def can_look_up(self) -> bool:
        return False


class SeesAnothersState(Quantum):
    async def look_up(self, transfer: Transfer) -> TransferStatus:
        assert self.settings.query is not None
        body = encode({"mmTransactionId": transfer.id})
        response = await self.http.post(f"{self.settings.query.url}queryWithdrawal", body, self._headers)
        return self.settings.query.states[decode(response.body)["state"]]


class OneCurrency(SimulatedQuantum):
    currencies = ("XAG",)


class WithoutCodes(SimulatedQuantum):
    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return ()


class TellsTheState(SimulatedQuantum):
    """Its yes says what has become of the hold."""

    def yes(self, order: Order, account: Account) -> HttpResponse:
        answer = super().yes(order, account)
        return replace(answer, body=encode({**self.read_body(answer.body), "state": order.act}))


class ReadsNoSmallAmounts(SimulatedQuantum):
    """Does not understand a request with more than six digits after the point."""

    def understand(self, request: Request) -> Order:
        order = super().understand(request)
        if order.amount is not None and round(order.amount.amount, 6) != order.amount.amount:
            raise Misunderstood(self.no(order, Kind.AMOUNT))
        return order


class Busy(SimulatedQuantum):
    """Its error 100 says that it is busy."""

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        return Meaning.RETRY_LATER if code == "100" else super().meaning(code, act, direction)


class WaitsIfToldTo(Quantum):
    def _require_success(self, response: HttpResponse, *rest: Any) -> dict[str, Any]:
        if b'"errorCode":100' in response.body and response.status == 500:
            raise RetryLater("busy", 5.0)
        return super()._require_success(response, *rest)


class ChecksTheState(Quantum):
    async def _post(self, endpoint: str, body: dict[str, Any]) -> HttpResponse:
        response = await super()._post(endpoint, body)
        acts = {"withdraw": "hold", "deposit": "hold", "confirm": "confirm", "rollback": "rollback"}
        wanted = next((act for name, act in acts.items() if endpoint.startswith(name)), "")
        if wanted and f'"state":"{wanted}"'.encode() not in response.body:
            raise Unclear("an answer to another act")
        return response


@pytest.mark.parametrize(
    "wrong, case",
    [(SeesEveryHoldConfirmed, "withdraw a"), (SeesNothingWhenInDoubt, "garbage"), (CannotBeAsked, "withdraw")],
)
def test_an_adapter_that_looks_up_wrongly_is_caught(wrong: type[Quantum], case: str) -> None:
    assert case in cases(Subject(wrong, SimulatedQuantum), "a_look_up_tells_what_became_of_a_transfer")


def test_an_adapter_that_takes_the_state_of_another_transfer_is_caught() -> None:
    subject = Subject(SeesAnothersState, SimulatedQuantum)
    assert cases(subject, "the_status_of_another_transfer_is_an_error") == {""}


def test_an_adapter_that_takes_a_yes_to_another_act_is_caught() -> None:
    found = cases(Subject(Quantum, TellsTheState), "a_yes_to_another_act_is_unknown")
    assert {"confirmWithdrawal, the yes to a hold", "rollbackWithdrawal, the yes to a confirm"} <= found
    assert cases(Subject(ChecksTheState, TellsTheState), "a_yes_to_another_act_is_unknown") == set()


def test_an_adapter_that_leaves_it_to_the_operator_to_decline_an_amount_is_caught() -> None:
    found = cases(Subject(Quantum, ReadsNoSmallAmounts), "an_amount_arrives_exactly_or_is_declined_unsent")
    assert "withdraw of 1e-7 XAG" in found


@pytest.mark.parametrize(
    "wrong, simulated, case",
    [
        (Quantum, Busy, "withdraw, code 100: retry_later"),
        (WaitsIfToldTo, SimulatedQuantum, "withdraw, code 100: unknown"),
    ],
)
def test_an_adapter_that_mistakes_who_is_busy_is_caught(
    wrong: type[Quantum], simulated: type[SimulatedQuantum], case: str
) -> None:
    assert case in cases(Subject(wrong, simulated), "every_error_code_means_what_the_contract_says")


def test_a_simulated_operator_that_plays_too_little_is_caught() -> None:
    assert cases(Subject(Quantum, OneCurrency), "currencies_of_any_places_are_carried") == {""}
    assert cases(Subject(Quantum, WithoutCodes), "the_protocols_codes_are_declared") == {""}
