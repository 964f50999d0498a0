from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

import msgspec
import pytest
import structlog

from gateway.telemetry import logs
from gateway.telemetry.logs import MAX_FRAMES, configure
from gateway.telemetry.output import DirectOutput


class Holder(msgspec.Struct):
    token: str
    name: str


class Logged(io.StringIO):
    """What was logged, line by line."""

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def logged() -> Iterator[Logged]:
    stream = Logged()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield stream
    logs._destination.output = DirectOutput()
    root.handlers[:], level = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def set_up(
    logged: Logged,
    *secrets: str,
    level: Literal["debug", "info", "warning", "error"] = "info",
    form: Literal["json", "console"] = "json",
) -> Any:
    configure(level, form, secrets, logged)
    return structlog.get_logger()


def test_an_event_is_one_line_of_json_that_begins_with_when_how_bad_and_what(logged: Logged) -> None:
    set_up(logged).info("sent\nagain", operator="acme", tries=3)
    (line,) = logged.getvalue().splitlines()
    assert list(json.loads(line)) == ["timestamp", "level", "event", "operator", "tries"]
    assert json.loads(line)["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "key",
    ["token", "session_token", "password", "passwd", "Authorization", "secret", "client_secret", "signature", "key",
     "api_key", "X-Hub88-Signature"],
)  # fmt: skip
def test_what_stands_under_a_key_that_sounds_secret_is_not_logged(logged: Logged, key: str) -> None:
    set_up(logged).info("x", **{key: "v4lue"}, nested={key: "v4lue", "list": [{key: "v4lue"}]})
    assert "v4lue" not in logged.getvalue()
    assert logged.lines()[0][key] == "***"


@pytest.mark.parametrize("key", ["operator", "monkey", "keyed", "id", "took_s", "passed"])
def test_what_stands_under_another_key_is_logged(logged: Logged, key: str) -> None:
    set_up(logged).info("x", **{key: "v4lue"})
    assert logged.lines()[0][key] == "v4lue"


@pytest.mark.parametrize("secret", ["hunter2", 'quo"ted\\', "new\nline", "pässwörd"])
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_registered_secret_is_not_logged_wherever_it_stands(
    logged: Logged, secret: str, form: Literal["json", "console"]
) -> None:
    log = set_up(logged, secret, form=form)
    event = f"sent {secret}"
    log.warning(event, detail=f"a {secret} b", nested={"a": [secret]}, error=ValueError(secret))
    for shown in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert shown not in logged.getvalue()
    assert logged.getvalue().count("***") == 4


def test_a_reload_replaces_the_secrets_and_the_level(logged: Logged) -> None:
    log = set_up(logged, "former", level="warning")
    log.info("not yet")
    set_up(logged, "latter", level="debug")
    log.debug("former latter")
    assert [line["event"] for line in logged.lines()] == ["former ***"]


def test_a_secret_too_short_to_be_one_does_not_spoil_the_log(logged: Logged) -> None:
    set_up(logged, "", "e").info("event")
    assert logged.lines()[0]["event"] == "event"


def test_records_that_are_not_plain_are_logged_without_their_secrets(logged: Logged) -> None:
    set_up(logged).info("x", holder=Holder("t0ken", "n"), amount=Decimal("1.50"), places={"b"}, nothing=None)
    line = logged.lines()[0]
    assert line["holder"] == {"token": "***", "name": "n"}
    assert (line["amount"], line["places"], line["nothing"]) == ("1.50", ["b"], None)


def test_an_exception_is_told_by_its_type_and_its_places_without_text_or_traceback(logged: Logged) -> None:
    log = set_up(logged)
    try:
        int("private")
    except ValueError:
        log.exception("failed")
    line = logged.lines()[0]
    assert line["raised"] == "ValueError"
    assert line["where"][0].split(":")[0] == "unit/telemetry/test_logs.py"
    assert "private" not in logged.getvalue()
    assert "Traceback" not in logged.getvalue()


def test_an_error_of_the_system_is_told_with_its_cause(logged: Logged) -> None:
    set_up(logged).error("failed", exc_info=OSError(28, "No space left on device"))
    assert logged.lines()[0]["raised"] == "OSError: No space left on device"


def test_exc_info_without_an_exception_is_nothing(logged: Logged) -> None:
    set_up(logged).error("failed", exc_info=True)
    assert "raised" not in logged.lines()[0]


def test_of_a_deep_recursion_only_the_innermost_places_are_told(logged: Logged) -> None:
    def deeper(depth: int) -> None:
        if depth == 0:
            raise KeyError
        deeper(depth - 1)

    log = set_up(logged)
    try:
        deeper(50)
    except KeyError:
        log.exception("failed")
    assert len(logged.lines()[0]["where"]) == MAX_FRAMES


def test_what_libraries_log_goes_the_same_way(logged: Logged) -> None:
    set_up(logged, "hunter2")
    logging.getLogger("aiohttp.server").error("Error %s", "hunter2", exc_info=ValueError("private"))
    line = logged.lines()[0]
    assert (line["event"], line["logger"], line["raised"]) == ("Error ***", "aiohttp.server", "ValueError")
    assert "private" not in logged.getvalue()


def test_a_librarys_record_that_cannot_be_formatted_is_logged_as_it_is(logged: Logged) -> None:
    set_up(logged)
    logging.getLogger("x").warning("%d apples", "some")
    assert logged.lines()[0]["event"] == "%d apples"


def test_what_is_less_important_than_the_level_is_not_logged(logged: Logged) -> None:
    log = set_up(logged, level="warning")
    log.info("no")
    logging.getLogger("x").info("no")
    logging.getLogger("aiohttp.access").info("no")
    log.warning("yes")
    assert [line["event"] for line in logged.lines()] == ["yes"]


def test_for_people_an_event_is_one_line_that_a_terminal_does_not_obey(logged: Logged) -> None:
    set_up(logged, form="console").error("evil\x1b[31m\nline", detail="a\x07b\nc", exc_info=ValueError())
    assert len(logged.getvalue().splitlines()) == 1
    assert "\x1b[31m" not in logged.getvalue()
    assert "\x07" not in logged.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_holds_what_a_terminal_obeys_or_nobody_sees(logged: Logged, form: Literal["json", "console"]) -> None:
    text = "ä\x1b\x7f\x9b\u202e\u2066\u2028\u200b\ufeff\u115f"
    set_up(logged, form=form).error(text, detail=text, nested=[text])
    assert set(text[1:]) & set(logged.getvalue()) == set()
    assert len(logged.getvalue().splitlines()) == 1
    if form == "json":
        assert logged.lines()[0]["detail"] == text
