"""`mm-gateway sandbox --gateway`: an operator that launches, asks how transfers have ended, and calls back for
payments, before a real gateway that is configured with the lines that it prints."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import yaml

from gateway.sandbox.around import PASSWORD, PAYMENT_SECRET, TRICKS
from gateway.wire.calls import WalletCall
from tests.integration.cli.test_other_commands import running
from tests.support.commands import operator, run
from tests.support.gateway_process import GatewayProcess
from tests.support.ports import free_port
from tests.support.waiting import LONGEST_S
from tests.support.wallet_client import body, post
from tests.tidy.tree import ROOT

PLAYER = "token-of-player-1"
CREDENTIALS = "JohnDoe:near-secret-of-game"
PAGE = (ROOT / "docs" / "calls-from-operators.md").read_text(encoding="utf-8")
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Sandbox:
    """The sandbox's admin side, and the gateway that it calls."""

    def __init__(self, url: str, client: aiohttp.ClientSession, gateway: GatewayProcess) -> None:
        self.gateway = gateway
        self._url = url
        self._client = client

    async def ask(self, name: str, wanted: object = None) -> Any:
        method = "GET" if wanted is None else "POST"
        async with self._client.request(method, f"{self._url}/_sandbox/{name}", json=wanted) as answer:
            return await answer.json(content_type=None)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    port = free_port()
    words = ("sandbox", "quantum", "--port", "0", "--players", "1", "--balance", "100 EUR")
    with running(*words, "--gateway", f"http://127.0.0.1:{port}/operators/acme", lines=5) as printed:
        parts = yaml.safe_load(printed)
        url = "http://" + urlsplit(parts["settings"]["base_url"]).netloc
        config = {
            "operators_server": {"host": "127.0.0.1", "port": port},
            "operators": {"acme": operator("JohnDoe", **parts)},
        }
        async with (
            GatewayProcess(config, tmp_path) as gateway,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(LONGEST_S)) as client,
        ):
            yield Sandbox(url, client, gateway)
            assert await gateway.stop() == 0
            assert "ERROR" not in gateway.log


async def test_it_launches_and_asks_how_a_transfer_has_ended(sandbox: Sandbox) -> None:
    launched = await sandbox.ask("launch", {"token": PLAYER, "language": "en", "currency": "EUR"})
    assert launched["status"] == 200
    assert parse_qs(urlsplit(launched["answer"]["url"]).query)["token"] == [PLAYER]
    held = body(WalletCall.WITHDRAW, "order-1", currency="EUR", token=PLAYER)
    assert (await post(sandbox.gateway.wallet_url, WalletCall.WITHDRAW, held, CREDENTIALS)).status == 200
    asked = {"direction": "withdraw", "id": "order-1"}
    assert (await sandbox.ask("query", asked))["answer"]["state"] == "PENDING"
    confirmed = body(WalletCall.CONFIRM_WITHDRAWAL, "order-1", currency="EUR", token=PLAYER)
    answered = await post(sandbox.gateway.wallet_url, WalletCall.CONFIRM_WITHDRAWAL, confirmed, CREDENTIALS)
    assert answered.status == 200
    assert (await sandbox.ask("query", asked))["answer"]["state"] == "CONFIRMED"
    assert (await sandbox.ask("query", {"id": "order-2"}))["answer"]["state"] == "NOT_FOUND"


async def test_the_commands_of_the_page_show_what_the_gateway_answers(sandbox: Sandbox) -> None:
    *_, start, asked = SHELL.findall(PAGE)
    assert start.startswith("mm-gateway sandbox quantum --gateway http")
    shown = []
    for line in asked.strip().splitlines():
        program, silent, *words, url = shlex.split(line)
        assert (program, silent) == ("curl", "--silent")
        shown.append(await sandbox.ask(urlsplit(url).path.rpartition("/")[2], json.loads(words[1]) if words else None))
    launched, state, paid, _ = shown
    assert launched["answer"]["url"].startswith("https://game.example/play?lang=en")
    assert state["answer"]["state"] == "NOT_FOUND"
    assert [each["status"] for each in paid["callbacks"]] == [200, 200]


async def test_it_calls_back_as_payment_systems_do_and_the_game_hands_out_goods_once(sandbox: Sandbox) -> None:
    answered = {
        trick: await sandbox.ask("payments", {"player_id": "player-1", "order_id": trick, "trick": trick})
        for trick in TRICKS
    }
    statuses = {trick: [each["status"] for each in told["callbacks"]] for trick, told in answered.items()}
    assert statuses == {
        "none": [200],
        "twice": [200, 200],
        "again": [200, 200],
        "forged": [401],
        "old": [400],
        "other_price": [200, 400],
    }
    async with asyncio.timeout(LONGEST_S):
        while len(notices := await sandbox.ask("notices")) < 4:
            pass
    assert {order: told["goods"] for order, told in notices.items()} == dict.fromkeys(
        ("none", "twice", "again", "other_price"), 1
    )
    assert PASSWORD not in sandbox.gateway.log
    assert PAYMENT_SECRET not in sandbox.gateway.log


@pytest.mark.parametrize("text", ["127.0.0.1:8081", "ftp://127.0.0.1/", "http:///operators/acme"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    ran = run("sandbox", "quantum", "--gateway", text)
    assert (ran.status, ran.out) == (2, "")
    assert "write e.g. http://127.0.0.1:8081/operators/acme" in ran.err


def test_the_help_names_every_trick() -> None:
    assert f"Tricks of a payment: {', '.join(TRICKS)}." in " ".join(run("sandbox", "--help").out.split())
