"""Commands around configuration and processes, as real processes."""

from __future__ import annotations

import json
import platform
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread

import pytest
import yaml
from argon2 import PasswordHasher

from gateway.cli.main import COMMANDS
from gateway.journal.postgres import schema as postgres
from gateway.journal.sqlite import connection as sqlite
from gateway.records import Decision, Fate, State
from gateway.wire.openapi import document, operators_document
from tests.support.commands import OPENED_AT, PATIENCE_S, PROGRAM, Deployment, a_timeline, key, operator, run

SIGNED = ("--who", "anna", "--why", "The operator is back")


@contextmanager
def running(*arguments: str, lines: int = 1) -> Iterator[str]:
    """The command as it runs; gives its first line, or of several lines those after it."""
    process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        first, *others = [process.stdout.readline() for _ in range(lines)]
        yield "".join(others) or first
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
        process.stdout.close()


class Credulous(BaseHTTPRequestHandler):
    """Takes every session for that of one player."""

    def do_POST(self) -> None:
        body = json.dumps({"playerId": "p1", "balance": {"amount": 1, "currencyCode": "XAG"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def credulous_operator() -> Iterator[str]:
    """The base URL of an operator that checks no sessions."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Credulous) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/wallet/"
        server.shutdown()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_starts_in_a_new_process(name: str) -> None:
    # The other tests fork one that has imported much already.
    ended = subprocess.run([PROGRAM, name, "--help"], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"mm-gateway {name}" in ended.stdout


def test_check_says_that_a_configuration_can_be_used(tmp_path: Path) -> None:
    assert Deployment(tmp_path).run("check") == (
        0,
        "the configuration can be used: 2 operators, 3 journals\n",
        f"{tmp_path}/gateway.yaml:9:5: journals.spare: no operator uses this journal\n",
    )


def test_check_names_every_problem_and_ends_with_status_2(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.config.write_text("server: {prot: 1}\noperators: {acme: {adapter: quantm}}\n", encoding="utf-8")
    ran = deployment.run("check")
    assert (ran.status, ran.out) == (2, "")
    first, second = ran.err.splitlines()
    assert first.endswith('gateway.yaml:1:10: server.prot: unknown key; did you mean "port"?')
    assert "gateway.yaml:2:29: operators.acme.adapter: there is no adapter 'quantm'; installed are: " in second


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_journal_that_forgets_what_may_still_be_named_is_refused(tmp_path: Path, command: str) -> None:
    deployment = Deployment(tmp_path)
    deployment.configure(journal={"url": deployment.url("default"), "keep": "1d"})
    ran = deployment.run(command)
    assert (ran.status, ran.out) == (2, "")
    assert f"{deployment.config}:4:9: journal.keep: is 1d, shorter than 2d1m: for that long the game" in ran.err
    assert not list(tmp_path.glob("*.db"))


def test_check_of_a_file_that_is_not_there_says_so() -> None:
    assert run("check", "--config", "/no/such.yaml") == (
        2,
        "",
        "mm-gateway: /no/such.yaml:1:1: cannot be read: No such file or directory\n",
    )


def test_a_probe_tells_who_cannot_be_reached_and_moves_nothing(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.keep("default")
    ran = deployment.run("check", "--probe")
    assert ran.status == 1
    probes = [" ".join(words) for words in ran.table]
    assert "journal default ok writes are durable" in probes
    assert f"journal big ok there is no file {tmp_path}/big.db yet; the gateway will create it" in probes
    assert [line[:34] for line in probes if "not reached" in line] == [
        "operator acme FAILED not reached: ",
        "operator beta FAILED not reached: ",
    ]
    assert ran.err.endswith("mm-gateway: 2 of 5 probes failed\n")
    assert "far-secret" not in ran.out + ran.err


def test_a_probe_is_content_with_an_operator_that_declines_a_made_up_session(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    with running("sandbox", "quantum", "--port", "0", "--players", "1", lines=2) as sandbox:
        deployment.configure(journals={}, operators={"acme": operator("JohnDoe", **yaml.safe_load(sandbox))})
        ran = deployment.run("check", "--probe")
    assert (ran.status, ran.err) == (0, "")
    assert "operator acme ok reached; declined" in " ".join(ran.out.split())


def test_a_probe_passes_an_operator_whose_errors_the_settings_do_not_name(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    with running("sandbox", "quantum", "--port", "0", "--players", "1", lines=2) as sandbox:
        far = yaml.safe_load(sandbox)
        del far["settings"]["declines"]  # as the page of quantum begins
        deployment.configure(journals={}, operators={"acme": operator("JohnDoe", **far)})
        ran = deployment.run("check", "--probe")
        far["settings"]["password"] = "another one"
        deployment.configure(journals={}, operators={"acme": operator("JohnDoe", **far)})
        refused = deployment.run("check", "--probe")
    assert (ran.status, ran.err) == (0, "")
    assert "operator acme unsure reached, and answered in its protocol" in " ".join(ran.out.split())
    assert refused.status == 1
    assert "operator acme FAILED reached, but HTTP 401: compare the credentials" in " ".join(refused.out.split())


def test_a_probe_counts_what_operators_that_leave_have_unfinished(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    held = a_timeline("1", state=State.HELD, wants=None)
    deployment.keep("default", held, a_timeline("2"), a_timeline("3", operator="gone"))
    deployment.keep("big")
    deployment.configure(
        journals={"big": {"url": deployment.url("big")}},
        operators={
            "acme": operator("JohnDoe", retiring=True),
            "beta": operator("JaneDoe", retiring=True, journal="big"),
        },
    )
    plain = deployment.run("check")
    assert (plain.status, "operators.acme is retiring: --probe counts" in plain.err) == (0, True)
    ran = deployment.run("check", "--probe")
    assert ran.status == 1
    told = [" ".join(words) for words in ran.table]
    assert "operator acme, retiring ok unfinished: 1 held, 1 parked; keep it until these have ended" in told
    assert (
        "operator gone FAILED unfinished in journal default: 1 parked; and there is no such operator: configure it "
        "again, with `retiring: true`"
    ) in told
    (free,) = [line for line in told if line.startswith("operator beta, retiring")]
    assert free.endswith("nothing is unfinished, and the game repeats no call any more: it may be removed")


def test_a_probe_tells_until_when_the_game_may_still_call_for_an_operator_that_retires(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    just_now = OPENED_AT - time.time()
    deployment.keep("default", a_timeline("1", age_s=just_now, state=State.CONFIRMED, wants=None))
    deployment.configure(journals={}, operators={"acme": operator("JohnDoe", retiring=True)})
    (told,) = [" ".join(words) for words in deployment.run("check", "--probe").table if "acme," in words]
    assert "nothing is unfinished; the game may repeat its calls until 20" in told


def test_a_probe_fails_at_a_port_that_another_program_has(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.keep("default")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        far = {"acme": operator("JohnDoe")}
        deployment.configure(journals={}, operators=far, server={"host": "127.0.0.1", "port": port})
        assert deployment.run("check").status == 0  # the gateway itself may be running
        probes = [" ".join(words) for words in deployment.run("check", "--probe").table]
    assert (
        f"port of server FAILED cannot listen on 127.0.0.1:{port}: Address already in use; another program listens "
        "there: stop it, or use another port"
    ) in probes


def test_a_probe_fails_at_an_operator_that_accepts_a_made_up_session(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    with credulous_operator() as base_url:
        far = {"base_url": base_url, "username": "mm", "password": "far-secret"}
        deployment.configure(journals={}, operators={"acme": operator("JohnDoe", settings=far)})
        ran = deployment.run("check", "--probe")
    assert ran.status == 1
    (told,) = [line for line in ran.out.splitlines() if "made-up session" in line]
    assert told.split()[:3] == ["operator", "acme", "FAILED"]
    assert "Compare the URL and the credentials" in told
    assert ran.err.endswith("mm-gateway: 1 of 2 probes failed\n")


def test_a_probe_of_a_journal_that_is_none_fails(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    (tmp_path / "default.db").write_bytes(b"no database at all, but long enough to be read as one" * 20)
    probes = [" ".join(words) for words in deployment.run("check", "--probe").table]
    assert "journal default FAILED the file is not a SQLite database" in probes


def test_schema_knows_the_installed_adapters_unless_asked_for_the_general_one() -> None:
    whole, general = run("schema").json, run("schema", "--general").json
    assert "quantum" in whole["$defs"]
    assert "quantum" not in general["$defs"]
    assert set(general["$defs"]) < set(whole["$defs"])


def test_schema_describes_the_wallet_door_for_games_too() -> None:
    assert yaml.safe_load(run("schema", "--openapi").out) == document()
    assert yaml.safe_load(run("schema", "--operators-openapi").out) == operators_document()


def test_a_hashed_password_is_one_that_the_gateway_takes(tmp_path: Path) -> None:
    hashed = run("hash-password", stdin="pass word\n").out.strip()
    assert PasswordHasher().verify(hashed, "pass word")
    not_utf_8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert PasswordHasher().verify(run("hash-password", stdin="pässword\n", environ=not_utf_8).out.strip(), "pässword")
    deployment = Deployment(tmp_path)
    credentials = [{"username": "JohnDoe", "password_hash": hashed}]
    deployment.configure(operators={"acme": operator("JohnDoe", credentials=credentials)})
    assert deployment.run("check").status == 0
    assert run("hash-password") == (2, "", "mm-gateway: the password on standard input is empty; write one line\n")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["nonsense"], "No such command 'nonsense'."),
        (["transfers", "--since", "yesterday"], "'yesterday' is not a time; write e.g. 2026-01-31T08:00Z, or 2h"),
        (["transfers", "--state", "lost"], "'lost' is not one of"),
        (["sandbox", "quantum", "--balance", "much"], "'much' is not an amount"),
        (["rollbacks", "--json", "--csv"], "give either --json or --csv"),
    ],
)
def test_a_misused_command_says_so_in_one_line_with_status_2(arguments: list[str], said: str) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.startswith("mm-gateway: ")
    assert ran.err.count("\n") == 1


def test_options_of_copy_may_stand_before_and_after_it() -> None:
    said = (2, "", "mm-gateway: /no/such.yaml:1:1: cannot be read: No such file or directory\n")
    assert run("journal", "--config", "/no/such.yaml", "--to", "big", "copy") == said
    assert run("journal", "--to", "big", "copy", "--config", "/no/such.yaml") == said


def test_the_program_tells_its_version() -> None:
    status, said, complaints = run("--version")
    first, *others = said.splitlines()
    assert (status, complaints, first) == (0, "", f"mm-gateway {metadata.version('mm-wallet-gateway')}")
    assert others == [
        "build: from a clone without a build",
        f"Python: {platform.python_version()}",
        f"journal schemas: PostgreSQL {len(postgres.MIGRATIONS)}, SQLite {len(sqlite.MIGRATIONS)}",
        "adapter interface: 1",
    ]


def test_a_sandbox_that_does_not_exist_is_a_failure() -> None:
    ran = run("sandbox", "morse")
    assert ran.status == 1
    assert ran.err.startswith("mm-gateway: no simulated operator speaks 'morse'")


def test_whoever_reads_only_the_first_lines_sees_no_error(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.keep("default", *(a_timeline(f"id-{number}") for number in range(900)))
    deployment.keep("big")
    deployment.keep("spare")
    command = f"{PROGRAM} transfers --config {deployment.config} --limit 900 | head -n 1"
    ended = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout.startswith("opened at")
    assert "Error" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_gateway_delivers_what_is_retried_beside_it(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    with running("sandbox", "quantum", "--port", "0", "--players", "1", lines=2) as sandbox:
        deployment.configure(journals={}, operators={"acme": operator("JohnDoe", **yaml.safe_load(sandbox))})
        deployment.keep(
            "default", a_timeline("parked", wants=Decision.ROLLBACK, fate=Fate.REFUSED, token="token-of-player-1")
        )
        with running("serve", "--config", str(deployment.config)) as serving:
            assert serving.startswith("mm-gateway serving on http://127.0.0.1:")
            assert "in use by process" in deployment.run("serve").err
            assert deployment.run("retry", "parked", *SIGNED) == (0, "1 will be sent again\n", "")
            assert is_rolled_back(deployment, "parked")
    found = deployment.find("default", key("parked"))
    assert found is not None
    assert [attempt.call for attempt in found.attempts] == ["withdraw", "rollbackWithdrawal"]
    assert found.reasons[-1].who == "anna"


def is_rolled_back(deployment: Deployment, id: str) -> bool:
    """Whether it ends like that while the gateway runs, as long as one would look."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        (shown,) = deployment.run("transfers", "show", id, "--json").json
        if shown["transfer"]["state"] == State.ROLLED_BACK:
            return True
    return False
