from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.runtime import systemd


@pytest.fixture(params=["file", "abstract"])
def listening(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """The socket on which systemd would listen."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        if request.param == "file":
            bound.bind(path)
            monkeypatch.setenv("NOTIFY_SOCKET", path)
        else:
            bound.bind(f"\0{path}")
            monkeypatch.setenv("NOTIFY_SOCKET", f"@{path}")
        bound.settimeout(5)
        yield bound


def test_systemd_is_told_what_becomes_of_the_service(listening: socket.socket) -> None:
    systemd.reloading()
    systemd.ready()
    systemd.stopping()
    told = [listening.recv(1024).split(b"\n") for _ in range(3)]
    assert [lines[0] for lines in told] == [b"RELOADING=1", b"READY=1", b"STOPPING=1"]
    name, _, microseconds = told[0][1].partition(b"=")
    assert (name, microseconds.isdigit()) == (b"MONOTONIC_USEC", True)


@pytest.mark.parametrize("where", [None, "", "vsock:2:1"])
def test_where_nobody_listens_nobody_is_told(where: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if where is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", where)
    assert systemd.ready() is None  # type: ignore[func-returns-value]  # it returns at all
