"""`check` refuses what `serve` would refuse, in the same words, up to the sockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime.rehearsal import rehearse, unwritable
from gateway.settings import JournalSettings, Settings
from tests.support.certificates import Authority
from tests.support.commands import Deployment, operator

NOBODY = 65534


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
    yield "ports", {"server": {"port": 7001}, "admin": {"port": 7001}}, "admin.port: is also the port of `server`"


@pytest.mark.parametrize("case", range(5))
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


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (problem,) = asyncio.run(rehearse(settings(f"sqlite:///{tmp_path}")))
    assert problem == f"journal default: {tmp_path} is a folder; name a file in it"


def test_what_can_be_used_is_left_as_it_is(tmp_path: Path) -> None:
    assert asyncio.run(rehearse(settings(f"sqlite:///{tmp_path}/journal.db"))) == []
    assert list(tmp_path.iterdir()) == []
