"""The simulated operators: whatever is asked of them, they answer, and their books add up.

An input is a line of requests: each a byte that chooses the endpoint, then the body.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final
from unittest.mock import patch

from adapters.hub88 import simulated as hub88
from adapters.quantum import simulated as quantum
from gateway.money import money
from gateway.operators import HttpResponse
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.simulated import Request, Simulated
from gateway.sandbox.stores import MemoryStore
from gateway.toolbox import basic_auth
from tests.fuzz.documented import CURRENCY, content_of
from tests.fuzz.operators import BETWEEN, HUB88_WORDS, QUANTUM_WORDS

PROTOCOLS: Final[dict[str, type[Simulated]]] = {
    "hub88": hub88.SimulatedHub88,
    "quantum": quantum.SimulatedQuantum,
}
PATHS: Final = {"hub88": tuple(hub88._ORDERS), "quantum": tuple(quantum.ACTS)}
HEADERS: Final = {
    "hub88": {"x-hub88-signature": ""},
    "quantum": {"authorization": basic_auth(quantum.USERNAME, quantum.PASSWORD)},
}
MONEY: Final = Decimal(1000)
TOKEN: Final = "t"

WORDS: Final = {
    "hub88": (
        *HUB88_WORDS,
        b'"token":"t"',
        b'"transaction_uuid":"b"',
        b'"reference_transaction_uuid":"b"',
        b'"supplier_transaction_id":"withdraw:1"',
        b'"round":"1"',
        b'"amount":100000',
        b'"is_supplier_promo":true',
        b'"game_code":"g"',
    ),
    "quantum": (*QUANTUM_WORDS, b'"token":"t"', b'"amount":{"amount":10,"currencyCode":"XAG"}'),
}


class AnySignature:
    """Instead of the adapter's public key."""

    def verify(self, *_: object) -> None:
        """All are right."""


def checking(name: str) -> Callable[[bytes], None]:
    """The check of the protocol of that name."""

    def check(data: bytes) -> None:
        with patch.object(hub88, "KEY", AnySignature()):
            _play(name, data)

    return check


def _play(name: str, data: bytes) -> None:
    ledger = Ledger(MemoryStore())
    ledger.enrol("p1", TOKEN, money(MONEY, CURRENCY))
    operator = PROTOCOLS[name](ledger)
    for part in data.split(BETWEEN):
        before = dict(ledger.holds)
        answer = operator.answer(_request(name, part))
        _is_an_answer(answer)
        if answer.status in (400, 401, 404):
            assert ledger.holds == before
    assert ledger.violations() == []


def _request(name: str, part: bytes) -> Request:
    chosen = (part[:1] or b"\x00")[0]
    paths = (*PATHS[name], "elsewhere")
    path = PROTOCOLS[name].base_path + paths[chosen % len(paths)]
    return Request("POST" if chosen < 240 else "GET", path, HEADERS[name], part[1:])


def _is_an_answer(answer: HttpResponse) -> None:
    assert answer.status in (200, 400, 401, 404, 500)
    assert answer.status != 200 or content_of(answer)
