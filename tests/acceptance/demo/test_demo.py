"""The demo as a person runs it: it ends by itself, proves what it says, and leaves what it promises."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.sandbox.faults import Fault
from gateway.sandbox.simulated import simulated_operators
from tests.support.gateway_process import COMMAND
from tests.support.machine import has_terminals
from tests.support.waiting import until
from tests.tidy.tree import ROOT

PURCHASES = 160
ADAPTERS = ("--adapter", "hub88", "--adapter", "quantum")
LAST_LINE = f"make demo: {PURCHASES} purchases, 2 operators, 1 kill -9: ledger and journal agree"


THIEF = """
from gateway.cli import main
from gateway.records import Direction
from gateway.money import parse
from gateway.demo.operators import DemoOperator, token

enrol = DemoOperator.enrol

def steal(operator, players):
    enrol(operator, players)
    victim = operator.ledger.session(token(1))
    operator.ledger.hold(victim, Direction.WITHDRAW, "stolen", "stolen", parse("0.01 XAG"))

DemoOperator.enrol = steal
main()
"""


def run(*words: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """A command's exit status and all that it prints."""
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env={**os.environ, **(environment or {})}
    )
    return done.returncode, done.stdout.decode()


def mm_gateway(*words: str, **environment: str) -> tuple[int, str]:
    return run(*COMMAND, *words, environment=environment)


def test_it_plays_every_adapter_that_is_installed() -> None:
    count = len(simulated_operators())
    status, printed = mm_gateway("demo", "--all", "--purchases", str(12 * count), "--players", "2", "--kills", "0")
    last_line = f"make demo: {12 * count} purchases, {count} operators, 0 kill -9: ledger and journal agree"
    assert (status, printed.splitlines()[-1]) == (0, last_line), printed


def test_it_proves_that_ledger_and_journal_agree_and_leaves_its_files(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    status, printed = mm_gateway("demo", *ADAPTERS, "--purchases", str(PURCHASES), "--keep", str(kept))
    assert (status, printed.splitlines()[-1]) == (0, LAST_LINE), printed
    assert printed.count("✓") == 10
    assert printed.count("kill -9: the gateway is dead") == 1
    assert "✗" not in printed
    assert "ended with status 0" in printed

    config = str(kept / "gateway.yaml")
    shown = re.findall(r"(transfers|rollbacks) (.*) --config", printed)
    assert len(shown) == 4
    for command, words in shown:
        status, found = mm_gateway(command, *words.split(), "--config", config)
        assert status == 0, found

    _, totals = mm_gateway("rollbacks", "--sum", "--json", "--config", config)
    assert {total["source"] for total in json.loads(totals)} == {"game", "gateway"}
    _, transfers = mm_gateway("transfers", "--json", "--limit", str(10 * PURCHASES), "--config", config)
    assert {transfer["state"] for transfer in json.loads(transfers)} == {"confirmed", "rolled_back"}
    wire = (kept / "quantum.ledger").read_text() + (kept / "hub88.ledger").read_text()
    assert [fault for fault in Fault if f'"fault":"{fault}"' not in wire] == [], "every fault has happened"
    assert "Traceback" not in (kept / "gateway.log").read_text()


def test_it_leaves_nothing_unless_it_is_asked_to(tmp_path: Path) -> None:
    status, printed = mm_gateway("demo", "--purchases", "4", "--players", "1", "--kills", "0", TMPDIR=str(tmp_path))
    assert status == 0, printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words, operators",
    [(("--adapter", "quantum", "--adapter", "quantum"), 1), (("--all",), len(simulated_operators())), ((), 2)],
)
def test_it_plays_the_adapters_that_it_is_asked_for(words: tuple[str, ...], operators: int) -> None:
    status, printed = mm_gateway("demo", *words, "--purchases", "4", "--players", "1", "--kills", "0")
    assert status == 0, printed
    assert printed.splitlines()[-1] == (
        f"make demo: 4 purchases, {operators} operators, 0 kill -9: ledger and journal agree"
    )


def test_a_demo_too_short_for_a_kill_in_a_withdraw_ends_all_the_same() -> None:
    status, printed = mm_gateway("demo", "--adapter", "quantum", "--purchases", "1", "--players", "1")
    assert status == 0, printed
    assert "the gateway is dead, 0 withdraws were on their way" in printed


@pytest.mark.parametrize(
    "words, text",
    [
        (("--adapter", "nobody"), "no simulated operator speaks 'nobody'; there are: "),
        (("--all", "--adapter", "quantum"), "--all plays every adapter; give it alone, or --adapter"),
    ],
)
def test_it_says_which_adapters_can_be_played(words: tuple[str, ...], text: str) -> None:
    status, printed = mm_gateway("demo", *words)
    assert status == 2
    assert text in printed


def test_make_demo_plays_the_same_two_adapters_however_many_are_installed() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "ADAPTERS ?= hub88 quantum\n" in makefile
    assert "$(ADAPTERS:%=--adapter %)" in makefile


def test_it_does_not_mix_its_files_with_others(tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("dear diary")
    status, printed = mm_gateway("demo", "--keep", str(tmp_path))
    assert (status, "not empty" in printed) == (2, True)


def test_it_shows_how_far_it_is_and_moves_the_cursor_on_a_terminal_alone(not_tried: Callable[[str], None]) -> None:
    words = (*COMMAND, "demo", *ADAPTERS, "--purchases", "12", "--players", "2", "--kills", "0")
    environment = {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    terminal = (sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)")
    shown = {False: run(*words, environment=environment)}
    if has_terminals():
        shown[True] = run(*terminal, *words, environment=environment)
    else:
        not_tried("what the demo shows on a terminal: this machine has no pseudo-terminal")
    for on_terminal, (status, printed) in shown.items():
        assert status == 0, printed
        assert "12 of 12 purchases played" in printed
        assert ("\x1b[" in printed) == on_terminal
        assert printed.rstrip().endswith("12 purchases, 2 operators, 0 kill -9: ledger and journal agree")


def test_a_hundredth_that_operators_take_behind_the_gateways_back_is_found(tmp_path: Path) -> None:
    words = ("demo", *ADAPTERS, "--purchases", "4", "--players", "1", "--kills", "0")
    status, printed = run(sys.executable, "-c", THIEF, *words, environment={"TMPDIR": str(tmp_path)})
    assert status == 1, printed
    assert "hub88 withdraw stolen: the journal has nothing, the ledger held 0.01 XAG of player-1" in printed
    assert printed.count("✗") == 2
    assert printed.splitlines()[-1].endswith("2 of 10 checks FAILED")
    (kept,) = tmp_path.iterdir()
    assert str(kept / "gateway.yaml") in printed, "the files are there to be looked at"


def _heed_signals() -> None:
    """Whoever is started in the background ignores the first, whoever is started by nohup the second."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _ignore_interrupts() -> None:
    _heed_signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def start(folder: Path, before: Callable[[], None] = _heed_signals, **streams: Any) -> subprocess.Popen[str]:
    """A demo whose temporary files lie in this folder."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **streams}
    return subprocess.Popen((*COMMAND, "demo"), text=True, env=environment, preexec_fn=before, **streams)  # noqa: PLW1509 - nothing else runs here


def gateway_of(lines: Iterable[str]) -> int:
    """The id of the gateway's process, once the demo has printed it."""
    return int(next(line for line in lines if "the gateway serves as process" in line).split()[-1])


def is_gone(process: int) -> bool:
    """Whether there is no such process, or one that has ended and of which nobody has asked how."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_its_gateway_and_its_files(number: signal.Signals, tmp_path: Path) -> None:
    with start(tmp_path) as demo:
        assert demo.stdout is not None
        gateway = gateway_of(demo.stdout)
        demo.send_signal(number)
        printed = demo.stdout.read()
    assert demo.returncode == 128 + number, printed
    assert is_gone(gateway)
    assert list(tmp_path.iterdir()) == []


def test_a_signal_before_its_gateway_serves_leaves_nothing_either(tmp_path: Path) -> None:
    with start(tmp_path) as demo:
        assert demo.stdout is not None
        next(line for line in demo.stdout if "operators serve" in line)
        demo.send_signal(signal.SIGTERM)
        printed = demo.stdout.read()  # to its end: nobody else has the pipe
    assert demo.returncode == 143, printed
    assert list(tmp_path.iterdir()) == []


def test_one_that_ignores_interrupts_in_the_background_heeds_sigterm(tmp_path: Path) -> None:
    with start(tmp_path, before=_ignore_interrupts) as demo:
        assert demo.stdout is not None
        gateway = gateway_of(demo.stdout)
        demo.send_signal(signal.SIGINT)
        assert "purchases played" in next(demo.stdout)
        demo.send_signal(signal.SIGTERM)
        demo.stdout.read()
    assert demo.returncode == 143
    assert is_gone(gateway)
    assert list(tmp_path.iterdir()) == []


def test_where_nobody_reads_on_it_leaves_nothing(tmp_path: Path) -> None:
    with start(tmp_path) as demo:
        assert demo.stdout is not None
        gateway = gateway_of(demo.stdout)
        demo.stdout.close()
        assert demo.wait() == 1
    assert is_gone(gateway)
    assert list(tmp_path.iterdir()) == []


def test_with_its_terminal_it_ends_and_leaves_nothing(tmp_path: Path, not_tried: Callable[[str], None]) -> None:
    if not has_terminals():
        not_tried("closing the demo's terminal: this machine has no pseudo-terminal")
        return
    ours, its = os.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), its)
    with start(tmp_path, before=partial(_own_terminal, its), start_new_session=True, **streams) as demo:
        os.close(its)
        with os.fdopen(ours, encoding="utf-8") as terminal:
            gateway = gateway_of(re.sub(r"\x1b\[\d*m", "", line) for line in terminal)
        demo.wait()
    assert is_gone(gateway)
    assert list(tmp_path.iterdir()) == []


def _own_terminal(descriptor: int) -> None:
    """Makes it the terminal of this session: closing it sends SIGHUP."""
    _heed_signals()
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


async def test_killed_itself_it_leaves_no_process(tmp_path: Path, not_tried: Callable[[str], None]) -> None:
    if sys.platform != "linux":
        not_tried("killing the demo: only Linux ends a process with its parent")
        return
    with start(tmp_path) as demo:
        assert demo.stdout is not None
        gateway = gateway_of(demo.stdout)
        demo.kill()
        demo.stdout.read()
    await until(lambda: is_gone(gateway))


def test_what_it_keeps_is_its_owners_alone(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    program = 'umask 022; exec "$@"'
    play = (*COMMAND, "demo", *ADAPTERS, "--purchases", "20", "--players", "2", "--kills", "0", "--keep", str(kept))
    status, printed = run("sh", "-c", program, "sh", *play)
    assert status == 0, printed
    files = [kept, *kept.rglob("*")]
    assert {file.name for file in files} >= {"gateway.yaml", "gateway.log", "journal.db"}
    assert [str(file) for file in files if file.stat().st_mode & 0o077] == []
