"""What is told of an error that nobody foresaw: where it came from, and no secret."""

from __future__ import annotations

import sys

import pytest

from gateway.cli import check, main, rollbacks

SECRET = "hunter2"


class Fault:
    """A command that fails in ways nobody foresaw."""

    def plain(self) -> None:
        raise ValueError(SECRET)

    def caused(self) -> None:
        try:
            self.plain()
        except ValueError as error:
            raise RuntimeError(SECRET) from error

    def grouped(self) -> None:
        raise ExceptionGroup(SECRET, [ValueError(SECRET), KeyError(SECRET)])


@pytest.fixture(params=["plain", "caused", "grouped"])
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """`check` fails like this, and `rollbacks` too."""
    monkeypatch.delenv("MM_GATEWAY_DEBUG", raising=False)
    monkeypatch.setattr(check, "check", getattr(Fault(), request.param))
    monkeypatch.setattr(rollbacks, "rollbacks", getattr(Fault(), request.param))
    return str(request.param)


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["mm-gateway", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    return err


def test_without_debug_one_line_says_how_to_see_more_and_where_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    err = told(monkeypatch, capsys, "check")
    assert err.count("\n") == 1
    assert f" in {fault} (line " in err
    assert "--debug" in err
    assert "issue tracker (CONTRIBUTING.md)" in err


@pytest.mark.parametrize("words", [["--debug", "check"], ["check", "--debug"]], ids=["before", "after"])
def test_debug_shows_the_frames_before_and_after_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str, words: list[str]
) -> None:
    err = told(monkeypatch, capsys, *words)
    assert "test_unexpected_errors.py" in err
    assert f", in {fault}" in err
    assert "ValueError" in err
    assert "issue tracker (CONTRIBUTING.md)" in err
    assert all(line.startswith("mm-gateway: ") for line in err.splitlines())


def test_the_environment_can_ask_for_it_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    monkeypatch.setenv("MM_GATEWAY_DEBUG", "1")
    assert "test_unexpected_errors.py" in told(monkeypatch, capsys, "rollbacks")


def test_after_two_hyphens_it_is_a_word_like_any_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["mm-gateway", "check", "--", "--debug"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--debug" in capsys.readouterr().err
