"""Running `mm-gateway` as a real process, on journals with something in them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.money import money
from gateway.reasons import Source
from gateway.records import (
    Attempt,
    Decision,
    Direction,
    Key,
    Reason,
    Session,
    State,
    Timeline,
    Transfer,
    Verdict,
)
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.support.prepared_program import run_prepared

PROGRAM: Final = Path(sys.executable).with_name("mm-gateway")
TOKEN: Final = "0fabcdc4-fe07-44f2-b968-93da3b324898"
OPENED_AT: Final = 1_767_225_600.0  # 2026-01-01T00:00:00Z
PATIENCE_S: Final = 60


class Ran(NamedTuple):
    """What came of a command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)

    @property
    def table(self) -> list[list[str]]:
        """The words of each line."""
        return [line.split() for line in self.out.splitlines()]


class Deployment:
    """A folder with a configuration of two operators, each with its own SQLite journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "gateway.yaml"
        self.configure()

    def configure(self, **changes: Any) -> None:
        content = {
            "server": {"host": "127.0.0.1", "port": 0},
            "admin": {"port": 0},
            "journals": {"big": {"url": self.url("big")}, "spare": {"url": self.url("spare")}},
            "journal": {"url": self.url("default")},
            "rollback_reasons": {"categories": [{"name": "withdraw_failed", "match": "withdraw request failed"}]},
            "operators": {"acme": operator("JohnDoe"), "beta": operator("JaneDoe", journal="big")},
        }
        self.config.write_text(yaml.safe_dump({**content, **changes}), encoding="utf-8")

    def url(self, journal: str) -> str:
        return f"sqlite:///{self.folder / journal}.db"

    def keep(self, journal: str, *timelines: Timeline) -> None:
        """Writes these into a journal; without any, makes an empty one."""
        asyncio.run(self._keep(journal, timelines))

    def find(self, journal: str, key: Key) -> Timeline | None:
        return asyncio.run(self._find(journal, key))

    def run(self, *arguments: str, stdin: str = "", environ: dict[str, str] | None = None) -> Ran:
        return run("--config", str(self.config), *arguments, stdin=stdin, environ=environ)

    async def _keep(self, journal: str, timelines: tuple[Timeline, ...]) -> None:
        opened = await open_journal(journal, JournalSettings(url=self.url(journal)), Metrics(), SystemClock())
        for timeline in timelines:
            await opened.import_timeline(timeline)
        await opened.close()

    async def _find(self, journal: str, key: Key) -> Timeline | None:
        settings = JournalSettings(url=self.url(journal))
        opened = await open_journal(journal, settings, Metrics(), SystemClock(), beside=True)
        found = await opened.timeline(key)
        await opened.close()
        return found


def run(*arguments: str, stdin: str = "", environ: dict[str, str] | None = None) -> Ran:
    """Runs the command; `--config FILE` in front goes behind the command's name, where it belongs."""
    words = list(arguments)
    if words[:1] == ["--config"]:
        words = [*words[2:], *words[:2]]
    own = {name: value for name, value in os.environ.items() if name != "MM_GATEWAY_CONFIG"}
    if environ is not None:  # some variables are read at the very start
        return _run_new(words, stdin, {**own, **environ})
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        (folder / "in").write_text(stdin, encoding="utf-8")
        status = run_prepared(words, own, folder, PATIENCE_S)
        return Ran(status, *((folder / name).read_text(encoding="utf-8") for name in ("out", "err")))


def _run_new(words: list[str], stdin: str, environ: dict[str, str]) -> Ran:
    ended = subprocess.run(
        [PROGRAM, *words],
        input=stdin,
        env=environ,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)


def operator(username: str, **changes: Any) -> dict[str, Any]:
    """An operator that nobody serves."""
    usual = {
        "adapter": "quantum",
        "settings": {"base_url": "http://127.0.0.1:9/wallet/", "username": "mm", "password": "far-secret"},
        "credentials": [{"username": username, "password": "near-secret-of-game"}],
    }
    return {**usual, **changes}


def a_timeline(
    id: str,
    *,
    operator: str = "acme",
    age_s: float = 0.0,
    token: str = TOKEN,
    player: str = "player-1",
    **changes: Any,
) -> Timeline:
    """A withdraw with one try and one reason, begun `age_s` before `OPENED_AT`."""
    at = OPENED_AT - age_s
    usual: dict[str, Any] = {
        "direction": Direction.WITHDRAW,
        "state": State.PARKED,
        "wants": Decision.ROLLBACK,
        "amount": money("1234567890123456.78", "XAG"),
        "description": "A sword",
        "tries": 58,
    }
    transfer = Transfer(
        operator=operator,
        id=id,
        session=Session(operator=operator, token=token, player_id=player),
        opened_at=at,
        decided_at=at + 1,
        changed_at=at + 2,
        **{**usual, **changes},
    )
    return Timeline(
        transfer=transfer,
        attempts=[Attempt(call="withdraw", at=at, took_s=5.0, verdict=Verdict.UNKNOWN, detail="timed out")],
        reasons=[
            Reason(text=f"Withdraw request failed: {id}.", source=Source.GAME, category="withdraw_failed", at=at + 1)
        ],
    )


def key(id: str, operator: str = "acme") -> Key:
    return Key(operator, Direction.WITHDRAW, id)
