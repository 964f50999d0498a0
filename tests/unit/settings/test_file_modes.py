"""Files with secrets that every user of the machine can read: told when the configuration is checked."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.settings.file_modes import exposed_secret, foreign_journal
from gateway.settings.loader import parse
from tests.support.certificates import Authority

OWNER = 54321
"""A user, and a group, other than root's."""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user can enter, unlike those that pytest makes."""
    folder = Path(tempfile.mkdtemp(prefix="mm-modes-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def told(
    password: str = "a-password-of-the-game", environ: dict[str, str] | None = None, **changes: object
) -> list[str]:
    acme = {"adapter": "quantum", "credentials": [{"username": "JohnDoe", "password": password}]}
    content = {"operators": {"acme": {**acme, **changes.pop("acme", {})}}, **changes}  # type: ignore[dict-item]  # a dict
    loaded = parse(yaml.safe_dump(content), "gateway.yaml", environ or {})
    return [f"{problem.field}: {problem.text}" for problem in loaded.advice]


def about_files(advice: list[str]) -> list[str]:
    return [text for text in advice if "can read the file" in text]


def secret(folder: Path, mode: int) -> Path:
    file = folder / "secret"
    file.write_text("hunter2-hunter2-hunter2\n")
    file.chmod(mode)
    return file


@pytest.mark.parametrize("mode, is_told", [(0o644, True), (0o604, True), (0o640, False), (0o600, False)])
def test_a_secret_that_everybody_can_read_is_advised_against(open_folder: Path, mode: int, is_told: bool) -> None:
    file = secret(open_folder, mode)
    said = f"every user of this machine can read the file {file} (mode {mode:04o}); chmod "
    expected = [f"operators.acme.credentials[0].password: {said}"] if is_told else []
    assert [text.partition("chmod ")[0] + "chmod " for text in told(f"${{file:{file}}}")] == expected


@pytest.mark.parametrize(
    "user, groups, mode, remedy",
    [
        (OWNER, [OWNER], 0o644, "chmod 600 FILE"),
        (OWNER + 1, [OWNER], 0o644, "chmod o= FILE"),
        (OWNER + 1, [OWNER], 0o604, f"chgrp {OWNER + 1} FILE && chmod g=r,o= FILE"),
        (OWNER + 1, [], 0o644, f"chgrp {OWNER + 1} FILE && chmod g=r,o= FILE"),
        (0, [0], 0o644, "chmod o= FILE, once the gateway's user may read it as its owner or by its group"),
    ],
)
def test_whoever_runs_the_gateway_can_still_read_a_secret_afterwards(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, user: int, groups: list[int], mode: int, remedy: str
) -> None:
    file = secret(open_folder, mode)
    seen = Path.stat

    def of_the_owner(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        status = seen(path, follow_symlinks=follow_symlinks)
        return os.stat_result((*status[:4], OWNER, OWNER, *status[6:10]))

    monkeypatch.setattr(Path, "stat", of_the_owner)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "getegid", lambda: user)
    monkeypatch.setattr(os, "getgroups", lambda: groups)
    said = exposed_secret(str(file))
    assert said is not None
    assert said.endswith(f"; {remedy.replace('FILE', str(file))}")


def test_a_secret_within_a_folder_that_nobody_else_may_enter_is_not(open_folder: Path) -> None:
    file = secret(open_folder, 0o444)
    open_folder.chmod(0o710)
    assert told(f"${{file:{file}}}") == []


def test_a_credential_is_looked_at_where_it_is_read(open_folder: Path) -> None:
    file = secret(open_folder, 0o644)
    reference = "${file:/run/credentials/mm-gateway.service/secret}"
    (said,) = told(reference, {"CREDENTIALS_DIRECTORY": str(open_folder)})
    assert str(file) in said


def test_a_secret_of_the_environment_has_no_file(open_folder: Path) -> None:
    assert told("${SECRET}", {"SECRET": "file:" + str(secret(open_folder, 0o644))}) == []


def test_a_link_to_a_secret_is_followed_to_where_it_lies(open_folder: Path) -> None:
    file = secret(open_folder, 0o644)
    link = open_folder / "link"
    link.symlink_to(file)
    assert str(link) in told(f"${{file:{link}}}")[0]


@pytest.mark.parametrize("where", ["server", "admin", "operators_server", "acme"])
def test_a_private_key_that_everybody_can_read_is_advised_against(open_folder: Path, where: str) -> None:
    key = Authority(open_folder, "ca").certificate("gateway.example")
    certificate = open_folder / "certificate.pem"
    certificate.write_bytes(key.read_bytes().partition(b"-----BEGIN PRIVATE")[0])
    tls: Any = {"tls": {"cert_file": str(certificate), "key_file": str(key)}}
    prefix = "operators.acme" if where == "acme" else where
    key.chmod(0o644)
    (said,) = about_files(told(**{where: tls}))
    assert said.startswith(
        f"{prefix}.tls.key_file: every user of this machine can read the file {key} (mode 0644); chmod "
    )
    key.chmod(0o600)
    assert about_files(told(**{where: tls})) == []


def test_a_key_in_the_file_of_its_certificate_is_one(open_folder: Path) -> None:
    both = Authority(open_folder, "ca").certificate("gateway.example")
    both.chmod(0o644)
    (said,) = about_files(told(acme={"tls": {"cert_file": str(both)}}))
    assert said.startswith("operators.acme.tls.cert_file: ")


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_a_journal_that_others_may_open_is_advised_against(tmp_path: Path, end: str) -> None:
    for each in ("", "-wal", "-shm"):
        (tmp_path / f"journal.db{each}").touch(mode=0o600)
    file = tmp_path / f"journal.db{end}"
    journal = {"url": f"sqlite:///{tmp_path}/journal.db"}
    assert told(journal=journal) == []
    file.chmod(0o640)
    (said,) = told(journal=journal)
    assert said.startswith(f"journal.url: others than its owner may open {file} (mode 0640)")
    assert len(told(journals={"big": journal})) == 2  # no operator uses it


def test_root_is_told_of_a_journal_that_does_not_belong_to_the_owner_of_its_folder(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored = open_folder / "journal.db"
    restored.touch(mode=0o600)
    own, wanted = restored.stat().st_uid, 4242
    seen = Path.stat
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def of_another(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        status = seen(path, follow_symlinks=follow_symlinks)
        return os.stat_result((*status[:4], wanted, *status[5:10])) if path == open_folder else status

    monkeypatch.setattr(Path, "stat", of_another)
    (told,) = foreign_journal(str(restored))
    assert told.startswith(f"{restored} belongs to user {own}, and its folder to user {wanted}: ")
    assert told.endswith(f"; chown {wanted} {restored}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert list(foreign_journal(str(restored))) == []
