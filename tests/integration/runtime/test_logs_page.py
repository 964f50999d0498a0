"""docs/logs.md has every event of the code, and finds in the lines of a real gateway what it says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.money import money
from gateway.sandbox.faults import Fault
from gateway.telemetry.repeats import LIMITED
from gateway.wire.calls import WalletCall
from tests.integration.runtime.test_process import Program, configuration, program
from tests.support.doors import request
from tests.support.log_events import Event, events
from tests.support.runtimes import FarOperator, message, operator_to

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
ROW: Final = re.compile(
    r"^\| `(?P<event>[^`]+)` \| (?P<levels>[^|]+) \| (?P<fields>[^|]+) \| (?P<means>.+) \|$", re.MULTILINE
)
COMMAND: Final = re.compile(r"^```sh\n(jq .*?)\n```$", re.MULTILINE | re.DOTALL)
BINDINGS: Final = f"{sys.executable} -m tests.support.jq"
ID: Final = "tx-4711"
HOUR_BEFORE: Final = "2026-11-29T08:00"
HOUR_AFTER: Final = "2026-11-29T09:00"


def rows() -> dict[str, re.Match[str]]:
    table = PAGE.partition("<!-- begin events -->")[2].partition("<!-- end events -->")[0]
    return {row["event"]: row for row in ROW.finditer(table)}


def words(text: str) -> frozenset[str]:
    return frozenset(text.split(", ")) - {"–"}


def test_the_page_has_every_event_of_the_code_and_no_other() -> None:
    listed = {name: Event(name, words(row["levels"]), words(row["fields"])) for name, row in rows().items()}
    assert len(listed) > 30
    assert listed == events()


def test_the_page_says_which_events_are_limited_and_all_of_these_exist() -> None:
    said = {name for name, row in rows().items() if row["means"].endswith("Limited.")}
    assert said == set(LIMITED)
    assert all(set(fields) <= events()[name].fields for name, fields in LIMITED.items())


async def played(folder: Path, far: FarOperator) -> None:
    """Writes `gateway.log` and `audit.log`: purchases of two players that go well, and ones that do not."""
    far.ledger.enrol("player-1", "token-1", money("1000", "XAG"))
    acme = operator_to(far, timeout="5s", delivery={"schedule": ["1h"], "then_every": "1h"}, breaker={"failures": 1})
    log = {"audit": str(folder / "audit.log")}
    file = configuration(folder, far, operators={"acme": acme}, log=log)
    with (folder / "gateway.log").open("wb") as log_file:
        log_file.write(b"a line that is no JSON\n")
        log_file.flush()
        async with program(file, stderr=log_file.fileno()) as gateway:
            await purchases(gateway, far, file)
            gateway.process.terminate()
            assert await gateway.ended() == 0


async def purchases(gateway: Program, far: FarOperator, file: Path) -> None:
    await ask(gateway, WalletCall.VERIFY_SESSION, ID)
    await ask(gateway, WalletCall.WITHDRAW, "tx-other", token="token")
    far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, times=1, delay_s=1.1)
    assert await ask(gateway, WalletCall.WITHDRAW, ID, request_id="req-4711") == 200
    assert await ask(gateway, WalletCall.WITHDRAW, "tx-dear", amount={"amount": 9999, "currencyCode": "XAG"}) == 500
    far.go_wrong(Fault.CUT_AFTER, WalletCall.CONFIRM_WITHDRAWAL)
    assert await ask(gateway, WalletCall.CONFIRM_WITHDRAWAL, ID) == 500
    resolve = ["resolve", ID, "--as", "confirmed", "--who", "Ann", "--why", "seen at Acme", "--yes"]
    resolving = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", *resolve, "--config", str(file), stdout=asyncio.subprocess.DEVNULL
    )
    assert await resolving.wait() == 0


async def ask(gateway: Program, call: WalletCall, id: str, request_id: str = "", **fields: Any) -> int:
    body = message(call, id, **{"token": "token-1"} | fields)
    client = await gateway.connect()
    answered = await client.asked(
        request(f"/wallet/{call}", body, **({"X_Request_ID": request_id} if request_id else {}))
    )
    await client.close()
    return answered.status


def run(command: str, folder: Path) -> list[str]:
    for named, moved in ((HOUR_BEFORE, -timedelta(hours=1)), (HOUR_AFTER, timedelta(hours=1))):
        command = command.replace(named, (datetime.now(UTC) + moved).strftime("%Y-%m-%dT%H:%M"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def outcomes(lines: list[str]) -> list[tuple[str, str]]:
    return [(line["call"], line["outcome"]) for line in parsed(lines)]


FOUND: Final[list[Callable[[list[str]], Any]]] = [
    lambda lines: (
        outcomes(lines)
        == [("verifySession", "ok"), ("withdraw", "ok"), ("withdraw", "funds"), ("confirmWithdrawal", "pending")]
    ),
    lambda lines: [line["event"] for line in parsed(lines)].count("call") == 2,
    lambda lines: (
        {line["event"] for line in parsed(lines)} == {"call", "transfer changed"}
        and {line["id"] for line in parsed(lines)} == {ID}
    ),
    lambda lines: len(lines) > 5,
    lambda lines: outcomes(lines) == [("withdraw", "funds"), ("confirmWithdrawal", "pending")],
    lambda lines: json.loads("".join(lines)) == {"funds": 1, "pending": 1},
    lambda lines: len(lines) == 1 and f" {ID} 11" in lines[0],
    lambda lines: (
        [line.split(" ", 1)[1] for line in lines]
        == [
            "null → sending by game : ",
            "sending → held by game : ",
            "held → confirming by game : ",
            "confirming → confirmed by person Ann: seen at Acme",
        ]
    ),
    lambda lines: [(line["id"], line["who"], line["to"]) for line in parsed(lines)] == [(ID, "Ann", "confirmed")],
    lambda lines: (
        {"serving", "circuit breaker opened", "stopping", "stopped"} <= {line["event"] for line in parsed(lines)}
    ),
]
"""What each command of the page finds, in the page's order."""


async def test_every_command_of_the_page_finds_what_it_says_and_no_secret(tmp_path: Path, far: FarOperator) -> None:
    """With jq's library always, and with the program too where there is one."""
    await played(tmp_path, far)
    commands = COMMAND.findall(PAGE)
    assert len(commands) == len(FOUND)
    for program_of_jq in [BINDINGS, *(["jq"] if shutil.which("jq") else [])]:
        for command, is_right in zip(commands, FOUND, strict=True):
            found = run(command.replace("jq", program_of_jq, 1), tmp_path)
            assert is_right(found), (command, found)
    text = (tmp_path / "gateway.log").read_text() + (tmp_path / "audit.log").read_text()
    assert [secret for secret in ("MyPass", "token-1", "Sm9obkRvZTpNeVBhc3M") if secret in text] == []


@pytest.mark.parametrize("name", sorted(LIMITED))
def test_what_tells_series_apart_is_a_field_of_few_values(name: str) -> None:
    few = {"operator", "call", "calls", "journal", "error", "problem", "write", "listener", "reason"}
    assert few >= set(LIMITED[name])
