"""`check` refuses what `serve` would refuse, in the same words, up to the sockets."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.http.listener import Listener, resolve
from gateway.runtime.listeners import shared_addresses, why_unbound
from gateway.runtime.rehearsal import rehearse, unwritable
from gateway.settings import JournalSettings, ServerSettings, Settings
from tests.support.certificates import Authority
from tests.support.commands import Deployment, operator

NOBODY = 65534


def local_address() -> str:
    """What `localhost` means here: an address of IPv4 or of IPv6."""
    return str(resolve("localhost", 0).address[0])


def shown(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def wrong_configurations(folder: Path) -> Iterator[tuple[str, dict[str, Any], str]]:
    authority = Authority(folder, "authority")
    one, other = authority.certificate("a.example"), authority.certificate("b.example")
    empty = folder / "empty.pem"
    empty.touch()
    tls = {"cert_file": str(one), "key_file": str(other)}
    yield "key", {"server": {"port": 0, "tls": tls}}, "server.tls.key_file: the key in"
    far = operator("JohnDoe", tls={"ca_file": str(empty)})
    yield "authorities", {"operators": {"acme": far}}, "operators.acme.tls.ca_file: the file"
    yield "folder", {"journal": {"url": "sqlite:////no/such/folder/journal.db"}}, "/no/such/folder"
    url = "postgresql://gateway:12/3@db.example/gateway"
    yield "password", {"journal": {"url": url}}, "percent-encode them"
    url = "postgresql://gateway@db.example/gateway?sslmode=verify-full&sslrootcert=/missing/ca.pem"
    yield "database", {"journal": {"url": url}}, "journal.url: sslrootcert: there is no file /missing/ca.pem"
    yield "ports", {"server": {"port": 7001}, "admin": {"port": 7001}}, "admin.port: is also the port of `server`"
    # What a name means is known only where it is looked up.
    named = {"server": {"host": "localhost", "port": 7001}, "admin": {"host": local_address(), "port": 7001}}
    yield "names", named, f"admin.port: listens where `server` does ({shown(local_address())}:7001 and "
    servers = {"operators_server": {"host": "localhost", "port": 7001}}
    yield "three", named | {"server": {"port": 0}} | servers, "admin.port: listens where `operators_server` does"
    yield "address", {"server": {"host": "192.0.2.7", "port": 7001}}, "it is not an address of this machine"


@pytest.mark.parametrize("case", range(9))
def test_check_says_what_serve_would_say(tmp_path: Path, case: int) -> None:
    deployment = Deployment(tmp_path)
    _, changes, said = list(wrong_configurations(tmp_path))[case]
    deployment.configure(**{"journals": {}, "operators": {"acme": operator("JohnDoe")}} | changes)
    for command in ("check", "serve"):
        ran = deployment.run(command)
        assert (ran.status, ran.out) == (2, ""), (command, ran)
        assert said in ran.err


def settings(url: str) -> Settings:
    return Settings.model_validate({"journal": {"url": url}, "operators": {"acme": operator("JohnDoe")}})


@pytest.fixture
def as_nobody() -> Iterator[bool]:
    """Whoever runs the tests without the rights of root; whether that is so."""
    if os.geteuid() != 0:
        yield True
        return
    os.seteuid(NOBODY)
    yield True
    os.seteuid(0)


def test_a_folder_that_is_not_writable_is_told(as_nobody: bool) -> None:
    assert as_nobody
    (problem,) = unwritable("default", JournalSettings(url="sqlite:////usr/journal.db"))
    assert problem == ("journal default: the folder /usr is not writable by this user; give it to the gateway's user")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user can enter, unlike those that pytest makes."""
    folder = Path(tempfile.mkdtemp(prefix="mm-check-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("end", ["", "-wal", "-shm", ".lock"])
def test_a_file_of_another_user_is_told(open_folder: Path, end: str, request: pytest.FixtureRequest) -> None:
    path = open_folder / "journal.db"
    for each in ("", "-wal", "-shm", ".lock"):
        file = Path(f"{path}{each}")
        file.touch()
        file.chmod(0o400 if each == end else 0o666)
    request.getfixturevalue("as_nobody")
    (problem,) = unwritable("default", JournalSettings(url=f"sqlite:///{path}"))
    wanted = f"journal default: the file {path}{end} is not writable by this user; give it to the gateway's user"
    assert problem == wanted


@pytest.mark.parametrize(
    "hosts, is_shared",
    [
        (("127.0.0.1", "127.0.0.2"), False),
        (("127.0.0.1", "0.0.0.0"), True),
        (("::", "127.0.0.1"), True),
    ],
)
def test_two_hosts_share_a_port_if_one_of_them_is_all_addresses(hosts: tuple[str, str], is_shared: bool) -> None:
    server, admin = ({"host": host, "port": 7001} for host in hosts)
    ours = Settings.model_validate({"server": server, "admin": admin, "operators": {"acme": operator("JohnDoe")}})
    assert bool(list(shared_addresses(ours))) is is_shared


def test_ports_that_the_system_chooses_are_not_shared() -> None:
    ours = Settings.model_validate({"server": {"port": 0}, "admin": {"host": "0.0.0.0", "port": 0}})
    assert list(shared_addresses(ours)) == []


@pytest.mark.parametrize(
    "number, remedy",
    [
        (errno.EACCES, "ports below 1024 need a right"),
        (errno.EADDRINUSE, "another program listens there"),
        (errno.EADDRNOTAVAIL, "it is not an address of this machine"),
    ],
)
def test_why_a_port_cannot_be_had_is_told_with_its_remedy(number: int, remedy: str) -> None:
    error = OSError(number, os.strerror(number))
    told = why_unbound(ServerSettings(port=80), error)
    assert told.startswith(f"cannot listen on 0.0.0.0:80: {os.strerror(number)}; {remedy}")


def test_a_port_that_is_in_use_is_nothing_to_check_without_a_probe(tmp_path: Path) -> None:
    taken = Listener.bind("127.0.0.1", 0)
    taken._socket.listen()
    url = f"sqlite:///{tmp_path}/journal.db"
    ours = settings(url).model_copy(update={"server": ServerSettings(host="127.0.0.1", port=taken.port)})
    assert asyncio.run(rehearse(ours)) == []
    taken.close()


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (problem,) = asyncio.run(rehearse(settings(f"sqlite:///{tmp_path}")))
    assert problem == f"journal default: {tmp_path} is a folder; name a file in it"


def test_what_can_be_used_is_left_as_it_is(tmp_path: Path) -> None:
    assert asyncio.run(rehearse(settings(f"sqlite:///{tmp_path}/journal.db"))) == []
    assert list(tmp_path.iterdir()) == []
