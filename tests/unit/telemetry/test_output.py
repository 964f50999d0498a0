from __future__ import annotations

import io
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from gateway.telemetry.output import DirectOutput, QueuedOutput, dropped_lines

PATIENCE_S: Final = 20.0
FULL_PIPE: Final = 1024 * 1024
"""More than a pipe holds."""


def notice(count: int) -> bytes:
    return f"missing {count}\n".encode()


class Pipe:
    """A pipe whose reader reads when it is told to."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def read_until(self, end: bytes) -> bytes:
        found = b""
        while not found.endswith(end):
            found += os.read(self.reader, FULL_PIPE)
        return found

    def close(self) -> None:
        with suppress(OSError):
            os.close(self.reader)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def written(path: Path) -> list[str]:
    return path.read_text().splitlines()


def to_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def test_lines_are_written_in_their_order_and_the_last_ones_at_the_close(tmp_path: Path) -> None:
    output = QueuedOutput(to_file(tmp_path / "log"), notice)
    for number in range(1000):
        output.write(b"%d\n" % number)
    assert output.close(PATIENCE_S)
    assert written(tmp_path / "log") == [str(number) for number in range(1000)]


def test_lines_of_several_threads_stay_whole(tmp_path: Path) -> None:
    output = QueuedOutput(to_file(tmp_path / "log"), notice)

    def write(letter: bytes) -> None:
        for _ in range(200):
            output.write(letter * 99 + b"\n")

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert output.close(PATIENCE_S)
    lines = written(tmp_path / "log")
    assert sorted(lines) == ["a" * 99] * 200 + ["b" * 99] * 200 + ["c" * 99] * 200


def test_while_nobody_reads_nothing_waits_and_afterwards_the_log_says_how_much_is_missing(pipe: Pipe) -> None:
    before = dropped_lines()
    output = QueuedOutput(pipe.writer, notice, limit=FULL_PIPE)
    line = b"x" * 1023 + b"\n"
    for _ in range(3000):
        output.write(line)
    dropped = dropped_lines() - before
    assert 3000 - dropped <= 1100, "the queue and the pipe hold no more"
    assert not output.flush(0)
    found = b""
    while found.count(line) + missing_in(found) < 3000:
        found += pipe.read_until(b"\n")
    assert missing_in(found) == dropped
    output.write(b"again\n")
    assert pipe.read_until(b"again\n").endswith(b"again\n")
    assert output.close(PATIENCE_S)


def missing_in(found: bytes) -> int:
    return sum(int(each.split()[1]) for each in found.splitlines() if each.startswith(b"missing"))


def test_a_close_waits_no_longer_than_it_may_for_a_reader_that_stands_still(pipe: Pipe) -> None:
    output = QueuedOutput(pipe.writer, notice)
    output.write(b"x" * FULL_PIPE)
    assert not output.close(0.01)
    before = dropped_lines()
    output.write(b"too late\n")
    assert dropped_lines() == before + 1
    pipe.read_until(notice(1))


def test_a_reader_that_has_gone_costs_the_lines_and_nothing_else(pipe: Pipe) -> None:
    output = QueuedOutput(pipe.writer, notice)
    before = dropped_lines()
    pipe.close()
    output.write(b"one\ntwo\n", 2)
    assert output.flush(PATIENCE_S)
    assert dropped_lines() == before + 2
    assert output.close(PATIENCE_S)


def test_a_descriptor_that_somebody_made_non_blocking_loses_no_line(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    output = QueuedOutput(pipe.writer, notice)
    output.write(b"x" * FULL_PIPE + b"\n")
    assert len(pipe.read_until(b"\n")) == FULL_PIPE + 1
    assert output.close(PATIENCE_S)


def test_after_a_rotation_lines_go_to_the_new_file(tmp_path: Path) -> None:
    output = QueuedOutput(to_file(tmp_path / "log"), notice)
    output.write(b"before\n")
    assert output.flush(PATIENCE_S)
    (tmp_path / "log").rename(tmp_path / "log.1")
    output.replace(to_file(tmp_path / "superseded"))
    output.replace(to_file(tmp_path / "log"))
    output.write(b"after\n")
    assert output.close(PATIENCE_S)
    assert written(tmp_path / "log.1") == ["before"]
    assert written(tmp_path / "log") == ["after"]
    assert written(tmp_path / "superseded") == []


def test_a_direct_output_counts_what_a_closed_stream_does_not_take() -> None:
    stream = io.StringIO()
    DirectOutput(stream).write(b"one\n")
    assert stream.getvalue() == "one\n"
    stream.close()
    before = dropped_lines()
    DirectOutput(stream).write(b"two\nthree\n", 2)
    assert dropped_lines() == before + 2


def test_lines_of_two_that_write_to_one_pipe_stay_whole(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QueuedOutput, "shared", True)
    lines, times = [letter * length + b"\n" for letter in (b"a", b"b") for length in (300, 700, 4000)], 200
    outputs = [QueuedOutput(os.dup(pipe.writer), notice) for _ in range(2)]
    for output, own in zip(outputs, (lines[:3], lines[3:]), strict=True):
        output.write(b"".join(own * times), len(own) * times)
    found = b""
    while found.count(b"\n") < len(lines) * times:
        found += os.read(pipe.reader, FULL_PIPE)
    assert all(output.close(PATIENCE_S) for output in outputs)
    os.close(pipe.writer)
    assert Counter(found.splitlines(keepends=True)) == dict.fromkeys(lines, times)
