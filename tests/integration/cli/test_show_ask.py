"""`mm-gateway transfers show ID --ask`: real processes, a real sandbox, and the journal as it was before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from adapters.slotegrator.simulated import SimulatedSlotegrator
from gateway.records import Direction, State
from gateway.toolbox import basic_auth
from tests.integration.cli.test_other_commands import running
from tests.support.commands import TOKEN, Deployment, Ran, a_timeline, key, operator

PASSWORD = "sandbox-password"
ID = "old"


class Sandbox:
    """A simulated operator in a process of its own."""

    def __init__(self, lines: str) -> None:
        self.settings: dict[str, Any] = yaml.safe_load(lines)["settings"]
        self.url = self.settings["base_url"].removesuffix("wallet/")

    @property
    def with_query(self) -> dict[str, Any]:
        return {**self.settings, "query": {"url": f"{self.settings['base_url']}payment/"}}

    def send(self, method: str, path: str, body: Any) -> None:
        basic = basic_auth(self.settings["username"], self.settings["password"])
        headers = {"Authorization": basic, "Content-Type": "application/json"}
        urlopen(Request(self.url + path, json.dumps(body).encode(), headers, method=method)).close()

    def hold(self, id: str = ID) -> None:
        amount = {"amount": 2, "currencyCode": "XAG"}
        body = {"token": "token-of-player-1", "mmTransactionId": id, "amount": amount, "txDescription": "A sword"}
        self.send("POST", "wallet/withdraw", body)

    def roll_back(self, id: str = ID) -> None:
        body = {"token": "token-of-player-1", "mmTransactionId": id, "rollbackReason": "No stock."}
        self.send("POST", "wallet/rollbackWithdrawal", body)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    ledger = tmp_path_factory.mktemp("sandbox") / "ledger"
    words = ("sandbox", "quantum", "--port", "0", "--players", "1", "--ledger", str(ledger))
    with running(*words, lines=2) as lines:
        yield Sandbox(lines)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = Deployment(tmp_path)
    made.keep("default", a_timeline(ID), a_timeline("of-a-deposit", direction=Direction.DEPOSIT))
    return made


def ask(deployment: Deployment, settings: dict[str, Any], *words: str, id: str = ID, **changes: Any) -> Ran:
    acme = operator("JohnDoe", settings=settings, **changes)
    deployment.configure(journals={}, operators={"acme": acme})
    return deployment.run("transfers", "show", id, "--ask", *words)


def test_what_became_of_a_transfer_is_shown_beside_its_timeline_and_changes_nothing(
    sandbox: Sandbox, deployment: Deployment
) -> None:
    sandbox.hold()
    before = deployment.find("default", key(ID))
    held = ask(deployment, sandbox.with_query)
    assert (held.status, held.err) == (0, "")
    assert "[withdraw_failed] Withdraw request failed: old." in held.out
    lines = held.out.splitlines()
    (asked,) = (at for at, line in enumerate(lines) if line.startswith("asked acme at 20"))
    assert lines[asked].endswith(" ms: it is held there")
    url = f"{sandbox.settings['base_url']}payment/queryWithdrawal"
    assert lines[asked + 1] == f'POST {url} {{"mmTransactionId":"old"}}'
    assert lines[asked + 2] == (
        'HTTP 200: {"mmTransactionId":"old","direction":"withdraw","state":"PENDING","amount":2,"currencyCode":"XAG"}'
    )
    sandbox.roll_back()
    (told,) = ask(deployment, sandbox.with_query, "--json").json
    assert told["transfer"]["id"] == ID
    assert (told["asked"]["state"], told["asked"]["problem"]) == ("rolled_back", None)
    assert told["asked"]["evidence"][0]["answer"].startswith("HTTP 200: ")
    assert deployment.find("default", key(ID)) == before


def test_without_the_question_nothing_is_asked(sandbox: Sandbox, deployment: Deployment) -> None:
    ask(deployment, sandbox.with_query)
    (told,) = deployment.run("transfers", "show", ID, "--json").json
    assert "asked" not in told


def test_what_the_operator_never_heard_of_is_told_as_that(sandbox: Sandbox, deployment: Deployment) -> None:
    assert "it is not_found there" in ask(deployment, sandbox.with_query, id="of-a-deposit").out


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({}, "its settings do not say how it is asked what became of a transfer (docs/operators/quantum.md)"),
        ({"query": {"url": "http://127.0.0.1:9/payment/"}}, "operator acme does not say what became of old: "),
        ({"password": "wrong", "query": {"url": "SANDBOX"}}, "HTTP 401"),
    ],
    ids=["not configured", "not reached", "refused"],
)
def test_a_question_without_an_answer_fails_after_the_timeline_and_says_why(
    sandbox: Sandbox, deployment: Deployment, changes: dict[str, Any], problem: str
) -> None:
    if changes.get("query") == {"url": "SANDBOX"}:
        changes = {**changes, "query": sandbox.with_query["query"]}
    ran = ask(deployment, {**sandbox.settings, **changes})
    assert ran.status == 1
    assert ran.err.startswith("mm-gateway: operator acme does not say what became of old: ")
    assert problem in ran.err
    assert "Traceback" not in ran.err
    assert "Withdraw request failed: old." in ran.out
    secrets = (PASSWORD, "wrong", TOKEN, basic_auth("gateway", PASSWORD))
    assert not [secret for secret in secrets if secret in ran.out + ran.err]


def test_a_contract_without_a_query_is_said_to_have_none(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.keep("default", a_timeline(ID))
    settings = SimulatedSlotegrator.adapter_settings("https://wallet.example/")
    acme = operator("JohnDoe", adapter="slotegrator", settings=settings)
    deployment.configure(journals={}, operators={"acme": acme})
    (told,) = (ran := deployment.run("transfers", "show", ID, "--ask", "--json")).json
    assert told["asked"]["state"] is None
    assert told["asked"]["problem"] == "operators of the adapter slotegrator cannot be asked what became of a transfer"
    assert ran.status == 1


def test_an_operator_that_is_configured_no_more_cannot_be_asked(sandbox: Sandbox, deployment: Deployment) -> None:
    deployment.configure(journals={}, operators={"other": operator("JaneDoe")})
    ran = deployment.run("transfers", "show", ID, "--ask")
    assert ran.status == 1
    assert ran.err.endswith("no operator 'acme' in the configuration; there are: other\n")


def test_of_a_payment_the_game_is_told_and_nobody_is_asked(sandbox: Sandbox, deployment: Deployment) -> None:
    payment = a_timeline("paid", direction=Direction.PAYMENT, state=State.CONFIRMED, wants=None)
    deployment.keep("default", payment)
    ran = ask(deployment, sandbox.with_query, id="paid")
    assert (ran.status, "it is the game that is told of it" in ran.err) == (1, True)
