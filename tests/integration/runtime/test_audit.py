from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.sandbox.faults import Fault
from gateway.wire.calls import WalletCall
from tests.integration.runtime.test_process import Program, configuration, program
from tests.support.doors import request
from tests.support.runtimes import FarOperator, message
from tests.support.waiting import until


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def moves(file: Path, id: str = "1") -> list[tuple[str | None, str, str]]:
    """From which state to which, and by whom, the transfer went."""
    return [(line["from"], line["to"], line["by"]) for line in lines(file) if line["id"] == id]


def ended(file: Path, state: str, id: str = "1") -> Callable[[], bool]:
    return lambda: any(to == state for _, to, _ in moves(file, id))


async def call(gateway: Program, which: WalletCall, request_id: str, **fields: Any) -> int:
    client = await gateway.connect()
    answered = await client.asked(request(f"/wallet/{which}", message(which, **fields), X_Request_ID=request_id))
    await client.close()
    return answered.status


@asynccontextmanager
async def serving(config: Path) -> AsyncIterator[Program]:
    """A gateway that is stopped at the end, so that all its lines are written."""
    async with program(config) as gateway:
        yield gateway
        gateway.process.terminate()
        assert await gateway.ended() == 0


async def test_every_change_of_state_has_a_line_that_says_who_made_it_and_why(tmp_path: Path, far: FarOperator) -> None:
    file = tmp_path / "audit.log"
    async with serving(configuration(tmp_path, far, log={"audit": str(file), "level": "error"})) as gateway:
        assert await call(gateway, WalletCall.VERIFY_SESSION, "v") == 200
        assert await call(gateway, WalletCall.WITHDRAW, "w") == 200
        assert await call(gateway, WalletCall.ROLLBACK_WITHDRAWAL, "r", rollbackReason="Item sold out (token)") == 200
        await until(ended(file, "rolled_back"))
        begun, held, decided, undone = lines(file)
    assert moves(file) == [
        (None, "sending", "game"),
        ("sending", "held", "game"),
        ("held", "rolling_back", "game"),
        ("rolling_back", "rolled_back", "game"),
    ]
    assert begun == begun | {
        "level": "info",
        "event": "transfer changed",
        "operator": "acme",
        "direction": "withdraw",
        "id": "1",
        "player": "player",
        "amount": "10 XAG",
        "wants": "",
        "who": "",
        "request_id": "w",
    }
    assert (held["call"], held["verdict"], held["request_id"]) == ("withdraw", "success", "w")
    assert (decided["why"], decided["wants"]) == ("Item sold out (***)", "rollback")
    assert (undone["call"], undone["request_id"]) == ("rollbackWithdrawal", "r")
    assert len({line["instance"] for line in lines(file)} - {""}) == 1


async def test_what_the_gateway_begins_by_itself_is_its_own_with_the_request_that_led_to_it(
    tmp_path: Path, far: FarOperator
) -> None:
    file = tmp_path / "audit.log"
    far.go_wrong(Fault.CUT_AFTER, WalletCall.WITHDRAW)
    async with serving(configuration(tmp_path, far, log={"audit": str(file)})) as gateway:
        assert await call(gateway, WalletCall.WITHDRAW, "w") == 500
        await until(ended(file, "rolled_back"))
    assert moves(file)[1:] == [("sending", "rolling_back", "gateway"), ("rolling_back", "rolled_back", "gateway")]
    _, decided, undone = lines(file)
    assert decided["why"].startswith("withdraw failed: ")
    assert (decided["request_id"], undone["request_id"]) == ("w", "")


async def test_after_sighup_a_renamed_file_is_written_anew_even_if_the_configuration_is_refused(
    tmp_path: Path, far: FarOperator
) -> None:
    file, renamed = tmp_path / "audit.log", tmp_path / "audit.log.1"
    config = configuration(tmp_path, far, log={"audit": str(file)})
    async with serving(config) as gateway:
        assert await call(gateway, WalletCall.WITHDRAW, "w") == 200
        await until(ended(file, "held"))
        file.rename(renamed)
        config.write_text(config.read_text() + "nonsense: 1\n")
        gateway.process.send_signal(signal.SIGHUP)
        await gateway.logged(b"reload refused: nothing has changed")
        assert await call(gateway, WalletCall.CONFIRM_WITHDRAWAL, "c") == 200
        await until(ended(file, "confirmed"))
    assert [to for _, to, _ in moves(renamed)] == ["sending", "held"]
    assert [to for _, to, _ in moves(file)] == ["confirming", "confirmed"]


async def test_a_reload_turns_it_on_and_off(tmp_path: Path, far: FarOperator) -> None:
    file, missing = tmp_path / "audit.log", tmp_path / "missing" / "audit.log"
    config = configuration(tmp_path, far)
    without = config.read_text()
    async with serving(config) as gateway:
        config.write_text(f"{without}log: {{audit: {missing}}}\n")
        gateway.process.send_signal(signal.SIGHUP)
        assert b"log.audit: cannot write" in await gateway.logged(b"reload refused: nothing has changed")
        config.write_text(f"{without}log: {{audit: {file}}}\n")
        gateway.process.send_signal(signal.SIGHUP)
        await gateway.logged(b"reloaded")
        assert await call(gateway, WalletCall.WITHDRAW, "w") == 200
        await until(ended(file, "held"))
        config.write_text(without)
        gateway.process.send_signal(signal.SIGHUP)
        await gateway.logged(b"reloaded")
        assert await call(gateway, WalletCall.CONFIRM_WITHDRAWAL, "c") == 200
    assert [to for _, to, _ in moves(file)] == ["sending", "held"]


async def test_among_the_log_it_has_no_level(tmp_path: Path, far: FarOperator) -> None:
    async with serving(configuration(tmp_path, far, log={"audit": "stderr", "level": "error"})) as gateway:
        assert await call(gateway, WalletCall.WITHDRAW, "w") == 200
        line = json.loads(await gateway.logged(b"transfer changed"))
    assert (line["id"], line["to"]) == ("1", "sending")
