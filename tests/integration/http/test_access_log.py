from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import structlog

from gateway.http.access_log import AccessLog
from gateway.settings import LogSettings
from gateway.telemetry import logs
from gateway.wire.errors import ErrorCode, WalletError
from tests.support.doors import ROLLBACK, Game, request
from tests.support.waiting import until

CALL = "/wallet/rollbackWithdrawal"


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Takes back what configuring the log changes for the whole process."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = before[0]
    root.setLevel(before[1])


async def logged(game: Game, capsys: pytest.CaptureFixture[str], settings: LogSettings) -> list[str]:
    """The log's lines of one call that was answered and one that was not let in."""
    game.door.access = AccessLog(settings, "host-1")
    await game.post(CALL, ROLLBACK, X_Request_ID="r-1")
    await game.post(CALL, ROLLBACK, "JohnDoe:hunter2")
    game.door.access.flush()
    return capsys.readouterr().err.splitlines()


async def test_every_call_leaves_a_line_that_says_whose_it_was_and_how_it_ended_and_no_secret(
    game: Game, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = await logged(game, capsys, LogSettings())
    answered, refused = map(json.loads, lines)
    assert datetime.fromisoformat(answered.pop("timestamp")).tzinfo is not None
    assert 0 <= answered.pop("took_ms") < 10_000
    assert answered == {
        "level": "info",
        "event": "call",
        "request_id": "r-1",
        "operator": "acme",
        "call": "rollbackWithdrawal",
        "id": "1234abcd",
        "player": "",
        "outcome": "ok",
        "error_code": None,
        "status": 200,
        "operator_ms": 0.0,
        "address": "127.0.0.1",
        "instance": "host-1",
    }
    assert (refused["operator"], refused["id"], refused["status"], refused["level"]) == ("", "", 401, "warning")
    assert (refused["outcome"], refused["error_code"]) == ("unauthorized", 131)
    assert not any(secret in "".join(lines) for secret in ("MyPass", "hunter2", "Sm9obkRvZ", '"t"'))


async def test_lines_are_written_without_being_asked_for(game: Game, capsys: pytest.CaptureFixture[str]) -> None:
    game.door.access = AccessLog(LogSettings())
    await game.post(CALL, ROLLBACK)
    assert '"outcome":"ok"' in await until(lambda: capsys.readouterr().err)


async def test_the_last_lines_are_written_when_the_door_closes(game: Game, capsys: pytest.CaptureFixture[str]) -> None:
    game.door.access = AccessLog(LogSettings())
    await game.post(CALL, ROLLBACK)
    game.door.close()
    assert '"outcome":"ok"' in capsys.readouterr().err


async def test_where_only_warnings_are_wanted_only_calls_that_warn_leave_a_line(
    game: Game, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = await logged(game, capsys, LogSettings(level="warning"))
    assert json.loads(line)["outcome"] == "unauthorized"


async def test_of_successes_the_configured_share_has_lines_all_of_one_transfer_or_none_and_failures_all(
    game: Game, capsys: pytest.CaptureFixture[str]
) -> None:
    game.door.access = AccessLog(LogSettings(successes=0.25))
    client = await game.connect()
    for error in (None, None, WalletError(ErrorCode.FUNDS, "No.")):
        game.coordinator.error = error
        for number in range(200):
            assert await client.asked(request(CALL, ROLLBACK.replace(b"1234abcd", b"tx-%d" % number)))
    game.door.access.flush()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    kept = Counter(line["id"] for line in lines if line["outcome"] == "ok")
    assert set(kept.values()) == {2}
    assert 25 <= len(kept) <= 75
    assert {line["sampled"] for line in lines if line["outcome"] == "ok"} == {0.25}
    failed = [line for line in lines if line["outcome"] == "funds"]
    assert len(failed) == 200
    assert not any("sampled" in line for line in failed)


async def test_the_games_own_request_id_comes_back(game: Game) -> None:
    answered = await game.post(CALL, ROLLBACK, X_Request_ID="a1.b2:c3/d4+e5=@f6~g7_h8-i9")
    assert answered.headers["x-request-id"] == "a1.b2:c3/d4+e5=@f6~g7_h8-i9"


@pytest.mark.parametrize("given", ["", "a b", 'a"b', "a\tb", "ä", "x" * 129, "a;b", "{}"])
async def test_a_request_id_that_a_log_cannot_hold_is_replaced(game: Game, given: str) -> None:
    answered = await game.post(CALL, ROLLBACK, X_Request_ID=given)
    assert re.fullmatch("[0-9a-f]{12}-[0-9]+", answered.headers["x-request-id"])


@pytest.mark.usefixtures("logging_as_before")
async def test_a_request_id_that_is_a_secret_is_replaced(game: Game) -> None:
    logs.configure("info", "json", ["MyPass"])
    answered = await game.post(CALL, ROLLBACK, X_Request_ID="my-MyPass-1")
    assert "MyPass" not in answered.headers["x-request-id"]


async def test_every_call_without_an_id_gets_one_of_its_own_and_so_does_a_refused_one(game: Game) -> None:
    answers = [await game.post(CALL, body) for body in (ROLLBACK, ROLLBACK, b"{}", b"", b"null")]
    assert len({answered.headers["x-request-id"] for answered in answers}) == 5


@pytest.mark.usefixtures("logging_as_before")
async def test_what_is_logged_during_a_call_names_its_call_and_what_comes_after_it_does_not(
    game: Game, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", "json", instance="host-1")
    game.door.access = AccessLog(LogSettings())
    game.coordinator.error = RuntimeError()
    client = await game.connect()
    assert (await client.asked(request(CALL, ROLLBACK, X_Request_ID="r-9"))).status == 500
    assert (await client.asked(b"nonsense\r\n\r\n")).status == 400
    failed, malformed = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (failed["event"], failed["request_id"], failed["id"]) == ("a call failed unexpectedly", "r-9", "1234abcd")
    assert failed["instance"] == "host-1"
    assert malformed["event"] == "refused before a call"
    assert "request_id" not in malformed


@pytest.mark.usefixtures("logging_as_before")
async def test_the_line_for_people_looks_like_all_others_for_people(
    game: Game, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", "console")
    answered, refused = await logged(game, capsys, LogSettings(format="console"))
    assert "call" in answered
    assert "outcome=ok" in answered
    assert "outcome=unauthorized" in refused


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("settings", [LogSettings(), LogSettings(format="console")], ids=["json", "console"])
async def test_a_log_that_is_gone_stops_no_call(
    game: Game, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: LogSettings
) -> None:
    gone = (tmp_path / "log").open("w")
    monkeypatch.setattr("sys.stderr", gone)
    logs.configure("info", settings.format)
    gone.close()
    game.door.access = AccessLog(settings)
    assert (await game.post(CALL, ROLLBACK)).status == 200
    game.coordinator.error = RuntimeError()
    assert (await game.post(CALL, ROLLBACK)).status == 500
    assert (await game.post("no path", ROLLBACK)).status == 400
