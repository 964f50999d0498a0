"""The files of a SQLite journal are their owner's alone, however they came there, and no link leads to another file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.interface import Journal, JournalMisconfigured
from gateway.journal.sqlite.lock import hold_lock
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.support.journals import a_transfer, key_of

TAKEN = "others could open a file of the journal: they no longer can"
LEFT = "others can open a file of the journal, and it belongs to another user"
NOBODY = 65534


async def opened(path: Path) -> Journal:
    settings = JournalSettings(url=f"sqlite:///{path}")
    return await open_journal("main", settings, Metrics(), SystemClock())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def copied(path: Path, copy: Path, given: int) -> list[Path]:
    """The files of this journal, copied with this mode."""
    files = [Path(f"{copy}{end}") for end in ("", "-wal", "-shm", ".lock")]
    for file in files:
        file.write_bytes(Path(str(file).replace(str(copy), str(path))).read_bytes())
        file.chmod(given)
    return files


@pytest.mark.parametrize("given", [0o644, 0o640, 0o666, 0o660])
async def test_a_journal_that_was_copied_here_is_closed_to_others_before_it_is_used(path: Path, given: int) -> None:
    journal = await opened(path)
    await journal.insert(a_transfer("1"))
    # Copied while it is in use, so that there is a log, and memory that both share.
    copy = path.parent / "copy.db"
    files = copied(path, copy, given)
    await journal.close()
    with capture_logs() as lines:
        again = await opened(copy)
    assert {file: mode(file) for file in files} == dict.fromkeys(files, 0o600)
    told = [(line["file"], line["mode"]) for line in lines if line["event"] == TAKEN]
    assert sorted(told) == sorted((str(file), f"{given:04o}") for file in files)
    assert await again.find(key_of("1")) == a_transfer("1")
    await again.close()


async def test_of_a_journal_that_is_its_owners_alone_nothing_is_said(path: Path) -> None:
    with capture_logs() as lines:
        for _ in range(2):
            await (await opened(path)).close()
    assert [line for line in lines if "open a file of the journal" in line["event"]] == []


@pytest.mark.parametrize("content", ["", "somebody's text\n", "4711"])
def test_the_lock_is_no_link_and_what_one_leads_to_stays_as_it_is(path: Path, content: str) -> None:
    target = path.parent / "target"
    target.write_text(content)
    Path(f"{path}.lock").symlink_to(target)
    with pytest.raises(JournalMisconfigured, match=r"it is a symbolic link; name the file itself: .*journal\.db\.lock"):
        hold_lock(str(path)).__enter__()
    assert target.read_text() == content
    assert not path.exists()


def test_a_link_to_nothing_makes_nothing(path: Path) -> None:
    target = path.parent / "target"
    Path(f"{path}.lock").symlink_to(target)
    with pytest.raises(JournalMisconfigured, match="symbolic link"):
        hold_lock(str(path)).__enter__()
    assert not target.exists()


def test_another_file_in_place_of_the_lock_is_left_alone(path: Path) -> None:
    target = path.parent / "target"
    target.write_text("somebody's text, of which nothing may be lost")
    os.link(target, f"{path}.lock")
    with pytest.raises(JournalMisconfigured, match="is not the lock file of a journal: it holds something else"):
        hold_lock(str(path)).__enter__()
    assert target.read_text() == "somebody's text, of which nothing may be lost"


def test_a_pipe_in_place_of_the_lock_is_refused(path: Path) -> None:
    os.mkfifo(f"{path}.lock")
    with pytest.raises(JournalMisconfigured, match="is not the lock file"):
        hold_lock(str(path)).__enter__()


@pytest.mark.parametrize("content", ["", "4711", "1234567890"])
def test_a_lock_that_an_earlier_process_left_is_taken_over(path: Path, content: str) -> None:
    lock = Path(f"{path}.lock")
    lock.write_text(content)
    for _ in range(2):
        with hold_lock(str(path)):
            assert lock.read_text() == f"{os.getpid():<10}"


def test_a_journal_may_lie_where_a_link_of_its_name_says(path: Path) -> None:
    elsewhere = path.parent / "elsewhere.db"
    elsewhere.touch()
    elsewhere.chmod(0o644)
    path.symlink_to(elsewhere)
    with hold_lock(str(path)):
        assert mode(elsewhere) == 0o600


def test_what_belongs_to_another_user_is_told_and_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.touch()
    path.chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    with capture_logs() as lines, hold_lock(str(path)):
        assert mode(path) == 0o644
    assert [(line["event"], line["file"], line["mode"]) for line in lines] == [(LEFT, str(path), "0644")]


def test_root_changes_no_file_that_a_link_leads_to(path: Path, not_tried: Callable[[str], None]) -> None:
    if os.geteuid() != 0:
        not_tried("links in a folder of another user: the tests are not root's")
        return
    target = path.parent / "target"
    folder = path.parent / "theirs"
    folder.mkdir()
    target.touch(mode=0o644)
    target.chmod(0o644)
    os.chown(folder, NOBODY, NOBODY)
    for end in ("-wal", "-shm"):
        (folder / f"journal.db{end}").symlink_to(target)
    with hold_lock(str(folder / "journal.db")):
        assert mode(target) == 0o644
    (folder / "linked.db").symlink_to(target)
    with pytest.raises(JournalMisconfigured, match="a link to a file of another user"):
        hold_lock(str(folder / "linked.db")).__enter__()
    assert mode(target) == 0o644
    assert not Path(f"{target}.lock").exists()


def test_one_file_has_one_lock_however_many_links_lead_to_it(path: Path) -> None:
    link = path.parent / "link.db"
    with hold_lock(str(path)):
        link.symlink_to(path)
        with pytest.raises(JournalMisconfigured, match=f"in use by process {os.getpid()}"):
            hold_lock(str(link)).__enter__()
    with hold_lock(str(link)), pytest.raises(JournalMisconfigured, match=f"in use by process {os.getpid()}"):
        hold_lock(str(path)).__enter__()


def test_a_link_to_a_journal_that_is_not_there_makes_none(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere.db")
    with pytest.raises(JournalMisconfigured, match="No such file"):
        hold_lock(str(path)).__enter__()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("end", ["", "-wal", "-shm", ".lock"])
def test_a_file_with_a_second_name_is_not_written_to(path: Path, end: str) -> None:
    target = path.parent / "target"
    target.touch(mode=0o644)
    os.link(target, f"{path}{end}")
    with pytest.raises(JournalMisconfigured, match=rf"{path.name}{end} .*second name"):
        hold_lock(str(path)).__enter__()
    assert target.read_bytes() == b""
    assert mode(target) == 0o644


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_a_pipe_in_place_of_a_journals_file_is_named(path: Path, end: str) -> None:
    os.mkfifo(f"{path}{end}")
    with pytest.raises(JournalMisconfigured, match=rf"{path.name}{end} is not a regular file"):
        hold_lock(str(path)).__enter__()
