from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gateway.settings.files import MAX_FILE, as_text, read_file, read_given_file
from gateway.settings.interpolation import InterpolationError, interpolate


def reason(path: Path | str) -> str:
    with pytest.raises(OSError, match=r"\[Errno [0-9]+\] ") as caught:
        read_file(Path(path))
    return str(caught.value.strerror)


def test_a_file_is_read_whole_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * MAX_FILE)
    assert len(read_file(file)) == MAX_FILE
    file.write_bytes(b"x" * (MAX_FILE + 1))
    assert reason(file) == "it is larger than 1 MiB"


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null", "/dev/tty"])
def test_a_device_is_not_read(device: str) -> None:
    assert reason(device) == "it is not a regular file"


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert reason(tmp_path / "pipe") == "it is not a regular file"
    (tmp_path / "link").symlink_to("pipe")
    assert reason(tmp_path / "link") == "it is not a regular file"


def test_neither_a_folder_nor_a_socket_is_read(tmp_path: Path) -> None:
    assert reason(tmp_path) == "Is a directory"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert reason(tmp_path / "socket") == "it is not a regular file"


def test_a_file_that_says_it_is_empty_is_read() -> None:
    assert Path("/proc/self/status").stat().st_size == 0
    assert read_file(Path("/proc/self/status")).startswith(b"Name:")


def test_a_file_with_holes_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "sparse"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)
    assert reason(file) == "it is larger than 1 MiB"


def test_what_a_shell_hands_over_is_read_up_to_the_limit() -> None:
    for size in (5, 60_000):
        ours, its = os.pipe()
        os.write(its, b"x" * size)
        os.close(its)
        assert read_given_file(Path(f"/dev/fd/{ours}")) == b"x" * size
        os.close(ours)
    with open(os.devnull, "rb") as null, pytest.raises(OSError, match="not a regular file"):  # noqa: PTH123 - its descriptor is what is asked for
        read_given_file(Path(f"/proc/self/fd/{null.fileno()}"))


def test_a_secret_from_a_device_is_refused() -> None:
    with pytest.raises(InterpolationError, match="the file /dev/zero cannot be read: it is not a regular file"):
        interpolate("${file:/dev/zero}", {}, {})


def test_ends_of_lines_are_read_alike() -> None:
    assert as_text(b"a\r\nb\rc\n") == "a\nb\nc\n"
    with pytest.raises(ValueError, match="utf-8"):
        as_text("a".encode("utf-16"))
