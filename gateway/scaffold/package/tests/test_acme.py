"""What is particular to Acme: the bytes of a request, and what each answer counts for. Take them from the contract."""

from __future__ import annotations

import asyncio

import pytest
from acme import Acme
from acme.settings import AcmeSettings

from gateway.money import money
from gateway.operators import (
    Declined,
    Direction,
    Headers,
    Http,
    HttpResponse,
    Kind,
    Receipt,
    Session,
    State,
    Transfer,
    Unclear,
)

SETTINGS = AcmeSettings.model_validate({"base_url": "https://wallet.example/v1/", "key": "a key"})
SESSION = Session(operator="acme", token="t-1")
YES = b'{"player":"p-1","tx":"withdraw-7","cents":9750,"currency":"EUR"}'


class PreparedHttp(Http):
    """Answers every request the same, and keeps the last one."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = HttpResponse(status, {}, body)
        self.sent: tuple[str, str, Headers, bytes | None] | None = None

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        self.sent = (method, url, headers, body)
        return self._answer

    def now(self) -> float:
        return 1_767_225_600.0

    def nonce(self) -> str:
        return "0" * 32


def withdraw(http: Http, amount: str = "2.5") -> Receipt:
    """One withdraw, with this answer."""
    transfer = Transfer(
        operator="acme",
        direction=Direction.WITHDRAW,
        id="7",
        state=State.SENDING,
        amount=money(amount, "EUR"),
        session=SESSION,
        opened_at=0.0,
        changed_at=0.0,
    )
    return asyncio.run(Acme(SETTINGS, http).withdraw(transfer))


def test_a_withdraw_is_written_as_the_contract_says() -> None:
    http = PreparedHttp(200, YES)
    withdraw(http)
    assert http.sent == (
        "POST",
        "https://wallet.example/v1/take",
        {"Content-Type": "application/json", "X-Key": "a key"},
        b'{"session":"t-1","tx":"withdraw-7","cents":250,"currency":"EUR"}',
    )


def test_a_yes_is_a_receipt_with_the_balance() -> None:
    assert withdraw(PreparedHttp(200, YES)) == Receipt(money("97.5", "EUR"))


def test_an_error_that_the_contract_explains_is_a_decline() -> None:
    with pytest.raises(Declined) as raised:
        withdraw(PreparedHttp(409, b'{"error":"NO_FUNDS"}'))
    assert raised.value.kind is Kind.FUNDS


@pytest.mark.parametrize("status, body", [(409, b'{"error":"INTERNAL"}'), (409, b"{}"), (503, b""), (200, b"{}")])
def test_any_other_answer_is_unknown(status: int, body: bytes) -> None:
    with pytest.raises(Unclear):
        withdraw(PreparedHttp(status, body))


def test_an_amount_that_cents_cannot_say_is_declined_before_anything_is_sent() -> None:
    http = PreparedHttp(200, YES)
    with pytest.raises(Declined):
        withdraw(http, "0.001")
    assert http.sent is None
