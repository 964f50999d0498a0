"""Asking an operator that speaks the game's own format what became of a transfer."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.quantum import Quantum, QuantumSettings
from gateway.operators import Declined, Direction, HttpResponse, TransferStatus, Unclear, Unmapped
from tests.support.adapters import ScriptedHttp, answer
from tests.support.transfers import a_transfer

URL = "https://acme.example/payment/"
ID = "1234abcd"


def quantum(*answers: HttpResponse, query: Any = None, **settings: Any) -> tuple[Quantum, ScriptedHttp]:
    """An adapter whose settings have a `query`, with what is given of it."""
    return unasked(*answers, query={"url": URL} | (query or {}), **settings)


def unasked(*answers: HttpResponse, **settings: Any) -> tuple[Quantum, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    configured = {"base_url": "https://wallet.acme.example/wallet/", "username": "JohnDoe", "password": "MyPass"}
    return Quantum(QuantumSettings.model_validate({**configured, **settings}), http), http


def told(state: object, **more: object) -> HttpResponse:
    return answer({"mmTransactionId": ID, "state": state, **more})


@pytest.mark.parametrize(
    "state, status",
    [
        ("CONFIRMED", TransferStatus.CONFIRMED),
        ("ROLLED_BACK", TransferStatus.ROLLED_BACK),
        ("PENDING", TransferStatus.HELD),
        ("NOT_FOUND", TransferStatus.NOT_FOUND),
    ],
)
async def test_each_state_is_told_as_what_it_means(state: str, status: TransferStatus) -> None:
    adapter, _ = quantum(
        told(state, direction="withdraw", amount=230, currencyCode="XAG", rollbackReason="error: No stock.")
    )
    assert await adapter.look_up(a_transfer()) is status


@pytest.mark.parametrize(
    "direction, name", [(Direction.WITHDRAW, "queryWithdrawal"), (Direction.DEPOSIT, "queryDeposit")]
)
async def test_the_query_names_the_transfer_and_no_session(direction: Direction, name: str) -> None:
    adapter, http = quantum(told("PENDING"))
    await adapter.look_up(a_transfer(direction=direction))
    (posted,) = http.posted
    assert (posted.url, posted.json) == (URL + name, {"mmTransactionId": ID})
    assert posted.headers["Authorization"] == "Basic Sm9obkRvZTpNeVBhc3M="


async def test_every_name_in_the_query_is_a_setting() -> None:
    query = {
        "withdraw": "final-state",
        "id_member": "txId",
        "state_member": "status",
        "states": {"0": "confirmed", "1": "rolled_back"},
    }
    adapter, http = quantum(answer({"txId": ID, "status": 0}), answer({"txId": ID, "status": "1"}), query=query)
    assert await adapter.look_up(a_transfer()) is TransferStatus.CONFIRMED
    assert await adapter.look_up(a_transfer()) is TransferStatus.ROLLED_BACK
    assert (http.posted[0].url, http.posted[0].json) == (f"{URL}final-state", {"txId": ID})


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer({"mmTransactionId": "1234abce", "state": "CONFIRMED"}), id="another id"),
        pytest.param(answer({"state": "CONFIRMED"}), id="no id"),
        pytest.param(answer({"mmTransactionId": 1234, "state": "CONFIRMED"}), id="a number for an id"),
        pytest.param(answer(b'{"mmTransactionId":"1234abcd","mmTransactionId":"x","state":"CONFIRMED"}'), id="two ids"),
        pytest.param(answer(b'{"mmTransactionId":"1234abcd","state":"PENDING","state":"CONFIRMED"}'), id="two states"),
        pytest.param(answer({"mmTransactionId": ID}), id="no state"),
        pytest.param(told("confirmed"), id="a state in other letters"),
        pytest.param(told(None), id="null"),
        pytest.param(told(True), id="true"),
        pytest.param(told(["CONFIRMED"]), id="a list"),
        pytest.param(told("CONFIRMED", errorCode=100), id="an error under HTTP 200"),
        pytest.param(told("CONFIRMED", success=False), id="success: false"),
        pytest.param(answer({"mmTransactionId": ID, "state": "CONFIRMED"}, 202), id="another status"),
        pytest.param(answer({"mmTransactionId": ID, "state": "CONFIRMED"}, 500), id="a server's error"),
        pytest.param(answer({"errorCode": 114, "errorDescription": "who?"}, 500), id="an error body"),
        pytest.param(answer(b"<html>"), id="a web page"),
        pytest.param(answer(b""), id="nothing"),
    ],
)
async def test_any_other_answer_is_unclear(said: HttpResponse) -> None:
    adapter, _ = quantum(said)
    with pytest.raises(Unclear):
        await adapter.look_up(a_transfer())


async def test_a_state_that_is_not_known_shows_that_the_operator_is_alive() -> None:
    adapter, _ = quantum(told("SETTLED"))
    with pytest.raises(Unmapped, match="SETTLED"):
        await adapter.look_up(a_transfer())


async def test_a_code_that_proves_that_nothing_was_booked_is_no_state() -> None:
    adapter, _ = quantum(answer({"errorCode": 114, "errorDescription": "who?"}, 500), declines={114: "not_found"})
    with pytest.raises(Declined):
        await adapter.look_up(a_transfer())


async def test_an_operator_without_a_query_for_deposits_is_not_asked_about_them() -> None:
    adapter, http = quantum(query={"deposit": None})
    with pytest.raises(Unclear, match="deposits"):
        await adapter.look_up(a_transfer(direction=Direction.DEPOSIT))
    assert http.posted == []


async def test_only_the_settings_say_whether_the_operator_can_be_asked() -> None:
    asked, _ = quantum()
    not_asked, http = unasked()
    assert (asked.can_look_up(), not_asked.can_look_up()) == (True, False)
    with pytest.raises(Unclear, match="`query`"):
        await not_asked.look_up(a_transfer())
    assert http.posted == []


@pytest.mark.parametrize(
    "query", [{"url": "https://acme.example/payment"}, {"states": {"DONE": "done"}}, {"path": "/x/"}]
)
def test_a_query_that_cannot_be_meant_is_refused(query: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        quantum(query=query)
