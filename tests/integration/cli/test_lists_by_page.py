"""Lists go on where they ended: page by page over all journals, with the command that the page before printed."""

from __future__ import annotations

import base64
import shlex
from pathlib import Path

import msgspec
import pytest

from gateway.cli.cursor import Cursor, parse_cursor
from gateway.cli.errors import CommandMisused
from gateway.journal.interface import Position
from gateway.records import Direction, Key
from tests.support.commands import OPENED_AT, Deployment, Ran, a_timeline, run


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Seven transfers in two journals, of which `twin` was copied without marks, and lies in both."""
    made = Deployment(tmp_path)
    twin = a_timeline("twin", age_s=30)
    made.keep(
        "default", a_timeline("a", age_s=10), twin, a_timeline("e", age_s=50), a_timeline("f", player="", age_s=60)
    )
    made.keep("big", twin, *(a_timeline(id, operator="beta", age_s=age_s) for id, age_s in (("b", 20), ("d", 40))))
    made.keep("spare")
    return made


def next_of(ran: Ran) -> list[str] | None:
    """The words of the command for the next page; None at the end of the list."""
    lines = [line.removeprefix("next: ") for line in ran.err.splitlines() if line.startswith("next: ")]
    return shlex.split(lines[0])[1:] if lines else None


def pages(deployment: Deployment, *words: str) -> list[list[str]]:
    """The ids on each page, whose commands are typed as they were printed."""
    found = []
    command: list[str] | None = [*words, "--json", "--config", str(deployment.config)]
    while command is not None:
        ran = run(*command)
        assert ran.status == 0, ran.err
        found.append([row["id"] for row in ran.json])
        command = next_of(ran)
    return found


def test_transfers_of_all_journals_are_listed_page_by_page(deployment: Deployment) -> None:
    assert pages(deployment, "transfers", "--limit", "3") == [["a", "b", "twin"], ["twin", "d", "e"], ["f"]]
    assert pages(deployment, "transfers", "--limit", "7") == [["a", "b", "twin", "twin", "d", "e", "f"]]
    assert pages(deployment, "transfers", "--limit", "2", "--operator", "beta") == [["b", "d"]]
    assert pages(deployment, "transfers", "--player", "") == [["f"]]


def test_reasons_of_all_journals_are_listed_page_by_page(deployment: Deployment) -> None:
    assert pages(deployment, "rollbacks", "--limit", "3") == [["a", "b", "twin"], ["twin", "d", "e"], ["f"]]
    assert pages(deployment, "rollbacks", "--limit", "2", "--player", "player-1", "--operator", "acme") == [
        ["a", "twin"],
        ["twin", "e"],
    ]


def test_what_is_written_between_two_pages_moves_nothing(deployment: Deployment) -> None:
    first = deployment.run("transfers", "--limit", "2")
    deployment.keep("default", a_timeline("newer", age_s=-10), a_timeline("between", age_s=35))
    command = next_of(first)
    assert command is not None
    second = run(*command)
    assert [row[3] for row in second.table[1:]] == ["twin", "twin"]


def test_the_next_command_is_the_same_list_also_where_times_go_on(deployment: Deployment) -> None:
    ran = deployment.run("transfers", "--limit", "1", "--since", "2025-12-31", "--state", "parked", "--state", "held")
    command = next_of(ran)
    assert command is not None
    *words, after = command
    assert words == [
        *("transfers", "--config", str(deployment.config), "--state", "parked", "--state", "held"),
        *("--since", "2025-12-31T00:00:00.000Z", "--limit", "1", "--after"),
    ]
    assert after
    assert next_of(deployment.run("transfers", "--limit", "1", "--since", "2h")) is None


def test_a_list_is_counted_when_it_is_asked_for(deployment: Deployment) -> None:
    assert deployment.run("transfers", "--count", "--operator", "beta").err == "2 shown of 2\n"
    assert deployment.run("transfers", "--count", "--limit", "2").err.startswith("2 shown of 7\nnext: ")
    assert deployment.run("rollbacks", "--count", "--limit", "2", "--player", "").err == "1 shown of 1\n"
    assert deployment.run("transfers", "--count", "--state", "held").err == "0 shown of 0\n"


@pytest.mark.parametrize("command", ["transfers", "rollbacks"])
def test_json_stays_a_list_and_is_an_object_where_a_page_is_asked_for(deployment: Deployment, command: str) -> None:
    rows = deployment.run(command, "--json", "--limit", "2").json
    assert [row["id"] for row in rows] == ["a", "b"]
    page = deployment.run(command, "--json", "--limit", "2", "--page", "--count").json
    assert page == {"rows": rows, "next": page["next"], "total": 7}
    last = deployment.run(command, "--json", "--page", "--after", page["next"]).json
    assert [row["id"] for row in last["rows"]] == ["twin", "twin", "d", "e", "f"]
    assert (last["next"], last["total"]) == (None, None)


@pytest.mark.parametrize(
    "words, said",
    [
        (("transfers", "--after", "x"), "--after: 'x' is not a cursor; give the one that a list ended with"),
        (("transfers", "--after", ""), "--after: '' is not a cursor; give the one that a list ended with"),
        (("transfers", "--page"), "--page says how JSON is printed: give --json too"),
        (("rollbacks", "--page", "--csv"), "--page says how JSON is printed: give --json too"),
        (
            ("rollbacks", "--sum", "--count"),
            "--sum counts all of them by itself: leave out --after, --count and --page",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(deployment: Deployment, words: tuple[str, ...], said: str) -> None:
    assert deployment.run(*words) == (2, "", f"mm-gateway: {said}\n")


CURSOR = Cursor(
    "transfers", "big", Position(at=OPENED_AT + 0.1, key=Key("acme", Direction.DEPOSIT, "\ud800 id\x00"), number=7)
)


def test_a_cursor_is_what_it_was_after_it_was_printed() -> None:
    assert parse_cursor(str(CURSOR), "transfers") == CURSOR
    assert shlex.quote(str(CURSOR)) == str(CURSOR)
    assert parse_cursor(None, "transfers") is None


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(CommandMisused, match="this cursor is of `mm-gateway transfers`; give one of `mm-gateway roll"):
        parse_cursor(str(CURSOR), "rollbacks")


@pytest.mark.parametrize("text", ["é", "YQ", "W10", "bnVsbA==", str(CURSOR)[:-4], f"{CURSOR}AAAA", "🂡" * 9])
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(CommandMisused, match="is not a cursor"):
        parse_cursor(text, "transfers")


def test_a_cursor_with_a_time_that_is_none_is_refused() -> None:
    content = msgspec.json.encode(("transfers", "big", 1e400, "id", "acme", "deposit", 0))

    with pytest.raises(CommandMisused, match="is not a cursor"):
        parse_cursor(base64.urlsafe_b64encode(content).decode(), "transfers")


def test_a_player_is_found_with_all_reasons(deployment: Deployment) -> None:
    deployment.keep("big", a_timeline("g", player="player-2", age_s=5))
    listed = deployment.run("rollbacks", "--player", "player-2", "--json").json
    assert [(row["id"], row["journal"]) for row in listed] == [("g", "big")]
    assert deployment.run("rollbacks", "--player", "player-2", "--sum", "--json").json[0]["count"] == 1
