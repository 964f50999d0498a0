"""`mm-gateway adapters new` and `try` as real processes, and every command of docs/adapters/try.md."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import msgspec
import pytest
import yaml

from gateway.sandbox.faults import Fault, FaultRule
from tests.integration.cli.test_other_commands import running
from tests.support.commands import Deployment, operator, run
from tests.tidy.tree import ROOT

PAGE = (ROOT / "docs" / "adapters" / "try.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^```sh(?: live)?\nmm-gateway (?P<words>.*?)\n```$", re.MULTILINE)
LIVE = re.compile(r"^```sh live\nmm-gateway (?P<words>.*?)\n```$", re.MULTILINE)
OUTPUT = re.compile(r"^(?:prints|ends with)\n\n```text\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ANSWER = re.compile(r"^```text file=(?P<name>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TOKEN = "token-of-player-1"


def without_what_differs(printed: str) -> str:
    """The output without the port, and without the headers of time and server."""
    lines = [line for line in printed.splitlines() if not re.match(r"(date|server|content-length): ", line)]
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", "\n".join(lines) + "\n")


def test_every_command_of_the_page_prints_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in ANSWER.findall(PAGE):
        (tmp_path / name).write_text(text)
    live = set(LIVE.findall(PAGE))
    printed = [run(*shlex.split(words)) for words in COMMAND.findall(PAGE) if words not in live]
    assert [ran.status for ran in printed] == [0, 0, 0]
    all_of_it, end = OUTPUT.findall(PAGE)
    assert without_what_differs(printed[1].out) == all_of_it
    assert printed[2].out.endswith(end)


def test_the_live_command_of_the_page_reaches_the_operator_of_the_configuration(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    ((words),) = LIVE.findall(PAGE)
    with running("sandbox", "quantum", "--port", "0", "--players", "1", lines=2) as sandbox:
        deployment.configure(journals={}, operators={"acme": operator("JohnDoe", **yaml.safe_load(sandbox))})
        asked = words.replace("gateway.yaml", str(deployment.config)).replace(shlex.split(words)[-1], TOKEN)
        ran = run(*shlex.split(asked))
    assert (ran.status, ran.err) == (0, "")
    assert "verifySession at operator acme" in ran.out
    assert "player player-1, balance 1000 XAG" in ran.out
    assert f'"{TOKEN}"' not in ran.out


def test_money_moves_at_a_real_operator_only_if_that_is_said(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    ledger = tmp_path / "ledger"
    words = ("adapters", "try", "withdraw", "--operator", "acme", "--config", str(deployment.config))
    live = ("--live", "--token", TOKEN, "--id", "order-1", "--amount", "2.50 XAG")
    with running("sandbox", "quantum", "--port", "0", "--players", "1", "--ledger", str(ledger), lines=2) as sandbox:
        deployment.configure(journals={}, operators={"acme": operator("JohnDoe", **yaml.safe_load(sandbox))})
        refused = run(*words, *live)
        assert (refused.status, refused.out) == (2, "")
        assert "if that is meant, add --yes-move-money" in refused.err
        assert "order-1" not in ledger.read_text()
        moved = run(*words, *live, "--yes-move-money")
    assert "receipt, balance 997.5 XAG" in moved.out
    assert "order-1" in ledger.read_text()


@pytest.mark.parametrize(
    "words, text",
    [
        (("withdraw", "--operator", "nobody"), "there is no adapter 'nobody'; installed are: "),
        (("bet", "--operator", "quantum"), "'bet' is not a call; there are: verifySession, "),
        (("withdraw", "--operator", "quantum", "--amount", "much"), 'write e.g. "2.50 EUR"'),
        (("withdraw", "--operator", "quantum", "--memory", "wallet"), "is not NAME=TEXT"),
        (("withdraw", "--operator", "quantum", "--live"), "--live needs the operator's settings"),
        (("withdraw", "--operator", "quantum", "--live", "--answer", "file"), "give one of them"),
        (("withdraw", "--operator", "nobody", "--config", "CONFIG"), "no operator 'nobody'; configured: acme, beta"),
        (("getBalance", "--operator", "acme", "--live", "--config", "CONFIG"), "give --token TOKEN"),
        (
            ("confirmDeposit", "--operator", "acme", "--live", "--config", "CONFIG", "--token", "t"),
            "confirmDeposit ends a transfer: give its --id ID",
        ),
    ],
)
def test_a_wrong_command_line_says_what_would_be_right(tmp_path: Path, words: tuple[str, ...], text: str) -> None:
    config = str(Deployment(tmp_path).config)
    ran = run("adapters", "try", *(config if word == "CONFIG" else word for word in words))
    assert (ran.status, ran.out) == (2, "")
    assert text in ran.err


def test_an_answer_that_cannot_be_read_is_an_error_of_the_command(tmp_path: Path) -> None:
    ran = run("adapters", "try", "withdraw", "--operator", "quantum", "--answer", str(tmp_path / "none"))
    assert (ran.status, ran.out) == (1, "")
    assert "No such file" in ran.err


def test_a_configured_operator_is_tried_at_the_sandbox_unless_it_is_live(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    ran = run("adapters", "try", "getBalance", "--operator", "acme", "--config", str(deployment.config))
    assert (ran.status, ran.err) == (0, "")
    assert "getBalance at the sandbox of quantum" in ran.out


def test_a_package_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    ran = run("adapters", "new", "quantum", "--to", str(tmp_path))
    assert (ran.status, ran.err) == (
        1,
        "mm-gateway: an adapter 'quantum' is installed already; choose another name\n",
    )


def test_the_help_of_the_sandbox_names_every_fault_and_how_it_is_switched() -> None:
    shown = run("sandbox", "--help").out
    words = set(re.findall(r"\w+", shown))
    assert [fault for fault in Fault if fault not in words] == []
    (body,) = re.findall(r"-d '(\[\{.*\}\])'", shown)
    assert msgspec.json.decode(body, type=list[FaultRule])[0].fault is Fault.CUT_AFTER


def test_a_currency_has_the_places_that_the_sandbox_is_given(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    words = ("sandbox", "quantum", "--port", "0", "--currency", "BTC=8", "--balance", "1 BTC")
    tried = ("adapters", "try", "withdraw", "--operator", "acme", "--config", str(deployment.config))
    live = ("--live", "--yes-move-money", "--token", TOKEN)
    with running(*words, lines=2) as sandbox:
        deployment.configure(journals={}, operators={"acme": operator("JohnDoe", **yaml.safe_load(sandbox))})
        fits = run(*tried, *live, "--amount", "0.00000001 BTC")
        too_fine = run(*tried, *live, "--amount", "0.000000001 BTC")
    assert "receipt, balance 0.99999999 BTC" in fits.out
    assert "declined (amount)" in too_fine.out


@pytest.mark.parametrize("text", ["BTC", "=8", "BTC=many", "BTC=13"])
def test_a_currency_without_places_is_refused(text: str) -> None:
    ran = run("sandbox", "quantum", "--currency", text)
    assert (ran.status, ran.out) == (2, "")
    assert "write e.g. BTC=8" in ran.err
