from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest
import typer

from gateway.cli.printing import print_csv, print_json, print_table, printable
from gateway.cli.times import parse_time, time_text


@pytest.mark.parametrize(
    "text, at",
    [
        ("2026-01-01", 1_767_225_600.0),
        ("2026-01-01T01:00", 1_767_229_200.0),
        ("2026-01-01T01:00Z", 1_767_229_200.0),
        ("2026-01-01T01:00+01:00", 1_767_225_600.0),
        ("2026-01-01T00:00:00.250Z", 1_767_225_600.25),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(text: str, at: float) -> None:
    assert parse_time(text) == at


def test_a_duration_is_so_long_ago() -> None:
    assert parse_time("2h") == pytest.approx(time.time() - 7200, abs=60)


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a time; write"):
        parse_time(text)


def test_a_time_is_shown_in_utc_to_the_millisecond() -> None:
    assert time_text(1_767_225_600.25) == "2026-01-01T00:00:00.250Z"
    assert time_text(None) == ""


@pytest.mark.parametrize(
    "value, line",
    [
        (None, ""),
        (3, "3"),
        ("päth", "päth"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b31m", "\\x9b31m"),
        ("\x7f", "\\x7f"),
        ("\u202e", "\\u202e"),
        ("\u2067\u200f", "\\u2067\\u200f"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("a\u200bb\u2060c\ufeff", "a\\u200bb\\u2060c\\ufeff"),
        ("a\u115f\ufe0f\u034f", "a\\u115f\\ufe0f\\u034f"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_nothing_that_is_shown_is_obeyed_by_a_terminal(value: object, line: str) -> None:
    assert printable(value) == line


def test_a_table_is_not_cut_where_nobody_reads_it_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"id": "x" * 500, "text": "[bold]as it is[/bold]"}, {"text": None}], ["id", "text"])
    assert "x" * 500 + "  [bold]as it is[/bold]" in capsys.readouterr().out


def test_csv_quotes_what_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv([{"id": 1, "text": 'a "b",\nc', "more": "x"}], ["id", "text"])
    assert capsys.readouterr().out == 'id,text\n1,"a ""b"",\nc"\n'


@pytest.mark.parametrize(
    "text, cell",
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("\t=1", "\t'=1"),
        ("\r=1", '"\r\'=1"'),
        (" =1", " '=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a;=1", "a;'=1"),
        ("a,=1", '"a,\'=1"'),
        ("a|\t@1", "a|\t'@1"),
        ('a"=1', '"a""\'=1"'),
        ("a\n=1", '"a\n\'=1"'),
        ("a\rb", '"a\rb"'),
        ("-5", "-5"),
        ("+5.25", "+5.25"),
        ("all well - or so", "all well - or so"),
        ("\x1b[31m\x9b\u202e\u2028", "\\x1b[31m\\x9b\\u202e\\u2028"),
        (-5, "-5"),
        (Decimal("-5.25"), "-5.25"),
        (None, ""),
    ],
)
def test_csv_holds_no_formula_and_nothing_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str], text: object, cell: str
) -> None:
    print_csv([{"id": "1", "text": text}], ["id", "text"])
    assert capsys.readouterr().out == f"id,text\n1,{cell}\n"


def test_json_says_what_does_not_print_in_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    text = "ä\x1b\x7f\x9b\u202e\u2066\u200e\u2028\u200b\ufeff\U000e0041😀"
    print_json({text: [text]})
    out = capsys.readouterr().out
    assert json.loads(out) == {text: [text]}
    assert set(out) - set(map(chr, range(32, 127))) == {"\n", "ä", "😀"}


def test_json_is_indented(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": ["ä"]})
    assert capsys.readouterr().out == '{\n  "a": [\n    "ä"\n  ]\n}\n'


def test_half_an_emoji_does_not_stop_json(capsys: pytest.CaptureFixture[str]) -> None:
    shown = [{"amount": Decimal("1.50"), "text": "half \ud83d of it"}]
    print_json(shown)
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == [{"amount": "1.50", "text": "half \ud83d of it"}]
