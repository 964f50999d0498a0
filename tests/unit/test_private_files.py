"""Files that concern nobody but their owner."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

from gateway.private_files import open_itself, others_may, take_from_others
from gateway.sandbox.stores import FileStore
from gateway.scaffold import ScaffoldError, new_package
from gateway.telemetry.audit import open_file


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def target_of(link: Path) -> Path:
    """A file that must stay as it is, and this link to it."""
    target = link.with_name("target")
    target.write_text("somebody's text, of which the last line has no end")
    link.symlink_to(target)
    return target


def test_a_link_is_named_and_its_target_stays(tmp_path: Path) -> None:
    target = target_of(tmp_path / "link")
    for flags in (os.O_RDWR, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
        with pytest.raises(OSError, match="it is a symbolic link; name the file itself"):
            open_itself(tmp_path / "link", flags)
    assert target.read_text().startswith("somebody's text")
    with pytest.raises(FileNotFoundError):
        open_itself(tmp_path / "missing", os.O_RDWR)


def test_a_pipe_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    pipe = tmp_path / "audit.log"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="it is a pipe that nobody reads"):
        open_file(str(pipe))
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    handle = open_file(str(pipe))
    assert os.get_blocking(handle)
    os.write(handle, b"a line\n")
    assert os.read(reader, 100) == b"a line\n"
    os.close(handle)
    os.close(reader)


def test_only_a_file_can_be_open_to_others(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for given, said in ((0o600, None), (0o400, None), (0o640, "0640"), (0o601, "0601")):
        file.chmod(given)
        assert others_may(file.stat()) == said
    assert others_may(tmp_path.stat()) is None
    assert others_may(Path("/dev/null").stat()) is None


def test_what_is_taken_from_others_is_left_to_the_owner(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o764)
    assert take_from_others(file, 0o007)
    assert mode(file) == 0o760
    assert take_from_others(file)
    assert mode(file) == 0o700
    assert not take_from_others(tmp_path / "missing")


def test_the_audit_file_is_no_link_unless_the_system_made_it(tmp_path: Path) -> None:
    target = target_of(tmp_path / "audit.log")
    before = target.read_text()
    with pytest.raises(OSError, match="symbolic link"):
        open_file(str(tmp_path / "audit.log"))
    assert target.read_text() == before
    handle = open_file("/dev/null")
    assert stat.S_ISCHR(os.fstat(handle).st_mode)
    os.close(handle)


@pytest.mark.parametrize("given, becomes", [(0o644, 0o640), (0o666, 0o640), (0o640, 0o640), (0o600, 0o600)])
def test_the_audit_file_is_read_by_its_group_at_most(tmp_path: Path, given: int, becomes: int) -> None:
    file = tmp_path / "audit.log"
    file.touch()
    file.chmod(given)
    os.close(open_file(str(file)))
    assert mode(file) == becomes


def test_a_ledger_is_no_link_and_its_owners_alone(tmp_path: Path) -> None:
    target = target_of(tmp_path / "ledger")
    before = target.read_text()
    with pytest.raises(OSError, match="symbolic link"):
        FileStore(tmp_path / "ledger")
    assert target.read_text() == before
    copied = tmp_path / "copied"
    copied.touch()
    copied.chmod(0o644)
    FileStore(copied).close()
    assert mode(copied) == 0o600


@pytest.mark.parametrize("content", ["a: 1\nb: 2", "one line without an end", '{"type":"Booked"}\n', '{"a": 1}'])
def test_what_is_not_a_ledger_is_not_made_one(tmp_path: Path, content: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(content)
    file.chmod(0o644)
    with pytest.raises(msgspec.DecodeError):
        FileStore(file)
    assert file.read_text() == content
    assert mode(file) == 0o644


def test_a_pipe_is_no_ledger(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ledger")
    with pytest.raises(OSError, match="it is not a regular file"):
        FileStore(tmp_path / "ledger")


def test_a_new_adapter_is_written_over_nothing(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "my_wallet").symlink_to(target)
    with pytest.raises(ScaffoldError):
        new_package("my_wallet", tmp_path)
    assert not target.exists()
