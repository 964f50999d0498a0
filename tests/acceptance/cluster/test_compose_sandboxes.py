"""The Compose file's profile `sandbox`: its processes with the same commands and configuration, on this machine."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gateway.sandbox.simulated import simulated_operators
from tests.integration.cli.test_other_commands import running
from tests.support.deploy_pages import page, shell_blocks
from tests.support.gateway_process import GatewayProcess
from tests.support.ports import free_port
from tests.tidy.tree import ROOT

COMPOSE: Final = ROOT / "config" / "compose"
SERVICES: Final[dict[str, Any]] = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))["services"]
SANDBOXES: Final = {name: each for name, each in SERVICES.items() if each.get("profiles") == ["sandbox"]}
CONFIG: Final = (COMPOSE / "gateway.sandbox.yaml").read_text(encoding="utf-8")
GAME_PASSWORD: Final = "password-of-the-game-here"
PORT_INSIDE: Final = "9100"


def test_only_the_two_sandboxes_need_the_profile_and_they_have_no_secrets() -> None:
    assert len(SANDBOXES) == 2
    assert [name for name, each in SERVICES.items() if "profiles" in each] == list(SANDBOXES)
    for service in SANDBOXES.values():
        assert service["image"] == SERVICES["gateway-1"]["image"]
        assert service["secrets"] == service["volumes"] == []
        assert set(service["networks"]) < set(SERVICES["gateway-1"]["networks"])
        (published,) = service["ports"]
        assert re.fullmatch(rf"127\.0\.0\.1:\d+:{PORT_INSIDE}", published)


def test_each_is_an_operator_of_the_configuration_with_the_settings_that_it_asks_for() -> None:
    operators = yaml.safe_load(CONFIG)["operators"]
    asked = {}
    for name, service in SANDBOXES.items():
        protocol = service["command"][1]
        simulated = simulated_operators()[protocol].load()
        asked[protocol] = simulated.adapter_settings(f"http://{name}:{PORT_INSIDE}{simulated.base_path}")
    assert {each["adapter"]: each["settings"] for each in operators.values()} == asked


def test_all_but_the_operators_is_as_in_production() -> None:
    production, sandbox = (
        yaml.safe_load((COMPOSE / name).read_text(encoding="utf-8"))
        for name in ("gateway.yaml", "gateway.sandbox.yaml")
    )
    for each in (production, sandbox):
        del each["operators"]
    assert sandbox == {name: production[name] for name in sandbox}
    assert set(production) - set(sandbox) == {"rollback_reasons"}


def is_healthy(check: list[str]) -> bool:
    """Whether Python says so, as it is asked in the container."""
    return subprocess.run([sys.executable, *check], check=False).returncode == 0


class Composed:
    """The sandboxes and a gateway before them; `ports` are theirs, by the ports of the page."""

    def __init__(self, gateway: GatewayProcess, ports: dict[str, int]) -> None:
        self.gateway = gateway
        self.ports = ports

    def typed(self, line: str) -> str:
        """What the page's command prints, here."""
        for published, here in self.ports.items():
            line = line.replace(f":{published}", f":{here}")
        line = line.replace("$(cat config/compose/secrets/game_password)", GAME_PASSWORD)
        words = shlex.split(line)
        done = subprocess.run([words[0], "--silent", "--show-error", *words[1:]], capture_output=True, check=True)
        return done.stdout.decode()


@pytest.fixture
async def composed(tmp_path: Path) -> AsyncIterator[Composed]:
    ports, text = {}, CONFIG.replace("${file:/run/secrets/game_password}", GAME_PASSWORD)
    with ExitStack() as stack:
        for name, service in SANDBOXES.items():
            ports[service["ports"][0].split(":")[1]] = port = free_port()
            words = [word.replace("0.0.0.0", "127.0.0.1") for word in service["command"]]
            stack.enter_context(running(*words, "--port", str(port), lines=2))
            text = text.replace(f"{name}:{PORT_INSIDE}", f"127.0.0.1:{port}")
        operators = yaml.safe_load(text)["operators"]
        async with GatewayProcess({"operators": operators}, tmp_path) as gateway:
            ports["8080"] = int(gateway.wallet_url.rpartition(":")[2])
            yield Composed(gateway, ports)
            assert await gateway.stop() == 0


async def test_the_pages_calls_are_answered_as_it_shows(composed: Composed) -> None:
    section = page("several").partition("### With simulated operators")[2].partition("\n## ")[0]
    lines = shell_blocks(section)[-1].splitlines()
    (shown,) = re.findall(r"^```text\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert [composed.typed(line) for line in lines] == shown.splitlines()


async def test_a_purchase_succeeds_at_both_and_each_is_healthy(composed: Composed) -> None:
    for name, service in SANDBOXES.items():
        ask = f"curl -u game-{name.removeprefix('sandbox-')}:{GAME_PASSWORD} http://127.0.0.1:8080/wallet/"
        transfer = {"token": "token-of-player-2", "mmTransactionId": "order-1"}
        amount = {"amount": {"amount": 30, "currencyCode": "XAG"}}
        for call in ("withdraw", "confirmWithdrawal"):
            answered = json.loads(composed.typed(f"{ask}{call} --json '{json.dumps({**transfer, **amount})}'"))
            assert answered["balance"]["amount"] == 970, name
        kind, program, *check = service["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "python")
        here = str(composed.ports[service["ports"][0].split(":")[1]])
        assert is_healthy([word.replace(PORT_INSIDE, here) for word in check]), name
