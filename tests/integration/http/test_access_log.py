from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import structlog

from gateway.http.access_log import AccessLog
from gateway.settings import LogSettings
from gateway.telemetry import logs
from tests.support.doors import ROLLBACK, Game
from tests.support.waiting import until

CALL = "/wallet/rollbackWithdrawal"


async def logged(game: Game, capsys: pytest.CaptureFixture[str], settings: LogSettings) -> list[str]:
    """The log's lines of one call that was answered and one that was not let in."""
    game.door.access = AccessLog(settings)
    await game.post(CALL, ROLLBACK)
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
        "operator": "acme",
        "call": "rollbackWithdrawal",
        "outcome": "ok",
        "status": 200,
        "address": "127.0.0.1",
    }
    assert (refused["operator"], refused["outcome"], refused["status"]) == ("", "unauthorized", 401)
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


async def test_calls_leave_no_line_where_only_warnings_are_wanted(
    game: Game, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await logged(game, capsys, LogSettings(level="warning")) == []


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
