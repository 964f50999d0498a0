"""Money from the game's socket to the operator's books and back, digit for digit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal, localcontext
from typing import NamedTuple

import pytest
import pytest_asyncio

from gateway.money import money
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.acceptance.wire.sandbox import Sandbox, sandbox
from tests.support.doors import Answered
from tests.support.gateway_process import GatewayProcess
from tests.support.wallet_client import body, post

pytestmark = pytest.mark.asyncio(loop_scope="module")

AMOUNTS = ["0.1", "230.00", "1234567890123456.78", "99999999999999999999.99999999", "1e2"]
COUNTABLE = {"hub88": ["0.1", "230.00", "1e2"], "quantum": AMOUNTS}
"""Hub88 counts in 64-bit integers of a hundred-thousandth: what does not fit is declined, nothing is rounded."""

REFUSED = [
    *("NaN", "Infinity", "-Infinity", "-1", "-0.1", "0", "0.00", "-0", "1" + 26 * "0", "1e26", "1e400"),
    *("0.0000000000001", '"ten"', '""', '"1,5"', '"0x10"', '" 1"', '"NaN"', '"-1"', "true", "null", "[1]", "{}"),
]
OPENED_WITH = {"hub88": "90000000000000.00001 XAG", "quantum": "99999999999999999999999999.123456789012 XAG"}


class Stand(NamedTuple):
    gateway: GatewayProcess
    operators: dict[str, Sandbox]

    async def call(self, protocol: str, call: WalletCall, id: str, amount: str = "1") -> Answered:
        content = body(call, id, amount)
        return await post(self.gateway.wallet_url, call, content, self.operators[protocol].credentials)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with sandbox("hub88", OPENED_WITH["hub88"]) as hub88, sandbox("quantum", OPENED_WITH["quantum"]) as quantum:
        operators = {"hub88": hub88, "quantum": quantum}
        config = {"operators": {name: operator.settings() for name, operator in operators.items()}}
        async with GatewayProcess(config, tmp_path_factory.mktemp("money")) as gateway:
            yield Stand(gateway, operators)
            assert await gateway.stop() == 0


def balance_told(answer: Answered) -> Decimal:
    """Read from the answer's own digits."""
    amount = json.loads(answer.body, parse_float=Decimal)["balance"]["amount"]
    return Decimal(amount)


@pytest.mark.parametrize("written", ["a number", "a string"])
@pytest.mark.parametrize("protocol, amount", [(name, each) for name, those in COUNTABLE.items() for each in those])
async def test_an_amount_arrives_and_comes_back_exactly(stand: Stand, protocol: str, amount: str, written: str) -> None:
    operator = stand.operators[protocol]
    account, id = operator.ledger.accounts["player"], f"{amount}-{written[2:]}"
    sent = f'"{amount}"' if written == "a string" else amount
    before = account.balance
    withdrawn = await stand.call(protocol, WalletCall.WITHDRAW, id, sent)
    hold = operator.hold(id)
    assert hold is not None
    assert hold.amount == money(amount, "XAG")
    with localcontext() as context:
        context.prec = 60
        assert (withdrawn.status, balance_told(withdrawn)) == (200, before - Decimal(amount))
    confirmed = await stand.call(protocol, WalletCall.CONFIRM_WITHDRAWAL, id, sent)
    assert (confirmed.status, balance_told(confirmed)) == (200, account.balance)
    assert hold.state is HoldState.CONFIRMED
    deposited = await stand.call(protocol, WalletCall.DEPOSIT, f"{id}-back", sent)
    assert (deposited.status, balance_told(deposited)) == (200, before)
    assert account.balance == before


@pytest.mark.parametrize("amount", [each for each in AMOUNTS if each not in COUNTABLE["hub88"]])
async def test_an_amount_that_an_operator_cannot_count_is_declined_and_never_rounded(stand: Stand, amount: str) -> None:
    operator = stand.operators["hub88"]
    answer = await stand.call("hub88", WalletCall.WITHDRAW, f"big-{amount}", amount)
    assert (answer.status, answer.error_code) == (500, 106)
    undone = await stand.call("hub88", WalletCall.ROLLBACK_WITHDRAWAL, f"big-{amount}")
    assert undone.status == 200
    for call in (WalletCall.WITHDRAW, WalletCall.ROLLBACK_WITHDRAWAL):
        assert operator.sent(call, f"big-{amount}") == []


@pytest.mark.parametrize("protocol", ["hub88", "quantum"])
@pytest.mark.parametrize("amount", REFUSED)
async def test_what_is_no_amount_is_refused_and_goes_nowhere(stand: Stand, protocol: str, amount: str) -> None:
    for call in (WalletCall.WITHDRAW, WalletCall.DEPOSIT):
        answer = await stand.call(protocol, call, "refused", amount)
        assert (answer.status, answer.error_code) == (400, 130)
        assert stand.operators[protocol].sent(call, "refused") == []
