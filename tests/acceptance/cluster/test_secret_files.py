"""The secrets that the pages have one make: whoever needs them reads them, and no other user of the machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.deploy_pages import page, shell_blocks

ROOT = Path(__file__).parents[3]
BLOCKS = shell_blocks(page("one-machine") + page("several"))
COMPOSE = yaml.safe_load((ROOT / "config" / "compose" / "compose.yaml").read_text(encoding="utf-8"))

FOLDERS = {"/etc/mm-gateway/secrets": 0o750, "config/compose/secrets": 0o700}
"""With their modes: the first is also for the group of the service's user, which reads and does not write."""
STRANGER = 4711
GROUP = 10001 if os.geteuid() == 0 else os.getegid()
"""In the place of mm-gateway, which this machine need not have."""
CONTAINER_USERS = (10001, 999, 65534)
"""Of the gateway, PostgreSQL and Prometheus in their images."""


def printed(folder: str) -> list[str]:
    """The pages' commands that make this folder and what is in it."""
    lines = [line for block in BLOCKS for line in block.splitlines()]
    return [line for line in lines if re.search(rf"{folder}(/|$| )", line) and re.match(r"install|openssl|chmod", line)]


@pytest.fixture
def machine() -> Iterator[Path]:
    """A folder that every user can enter, unlike those that pytest makes."""
    folder = Path(tempfile.mkdtemp(prefix="mm-secrets-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def followed(folder: str, machine: Path, umask: str = "022") -> Path:
    """The folder on this machine, once the page was followed and the secrets that it only names are there, too."""
    here = machine / folder.lstrip("/")
    here.parent.mkdir(parents=True)
    here.mkdir(mode=0o711)  # as earlier versions of the page had it
    script = (
        "\n".join([f"umask {umask}", *printed(folder)])
        .replace(folder, str(here))
        .replace("-g mm-gateway", f"-g {GROUP}")
    )
    subprocess.run(["sh", "-euc", script], check=True, capture_output=True)
    for name in ("acme_password", "game_password"):
        if not (here / name).exists():
            (here / name).write_text("a secret\n")
    return here


def reads(path: Path, user: int) -> bool:
    """Whether a process of this user can read the file."""
    who: dict[str, Any] = {"user": user, "group": user, "extra_groups": []}
    return subprocess.run(["cat", str(path)], capture_output=True, check=False, **who).returncode == 0


@pytest.mark.parametrize("umask", ["022", "077"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_folder_lets_no_other_user_in(folder: str, umask: str, machine: Path) -> None:
    here = followed(folder, machine, umask)
    assert here.stat().st_mode & 0o777 == FOLDERS[folder]
    assert len(list(here.iterdir())) >= 3


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_other_user_reads_a_secret(folder: str, machine: Path, not_tried: Callable[[str], None]) -> None:
    here = followed(folder, machine)
    if os.geteuid() != 0:
        not_tried("reading the page's secrets as another user: the tests are not root's")
        return
    (machine / "open").write_text("for everybody")
    (machine / "open").chmod(0o644)
    assert reads(machine / "open", STRANGER)
    assert [secret.name for secret in here.iterdir() if reads(secret, STRANGER)] == []


@pytest.mark.parametrize("umask", ["022", "077"])
def test_the_services_user_reads_its_secrets_and_changes_none(
    umask: str, machine: Path, not_tried: Callable[[str], None]
) -> None:
    here = followed("/etc/mm-gateway/secrets", machine, umask)
    if os.geteuid() != 0:
        not_tried("reading the page's secrets as the service's user: the tests are not root's")
        return
    here.parent.chmod(0o755)
    here.parent.parent.chmod(0o755)
    for secret in here.iterdir():
        assert reads(secret, GROUP)
        assert secret.stat().st_mode & 0o777 == 0o640
        assert (secret.stat().st_uid, secret.stat().st_gid) == (0, GROUP)
    assert here.stat().st_uid == 0


@pytest.mark.parametrize("umask", ["022", "077"])
def test_each_containers_user_reads_the_secrets_that_are_mounted_for_it(
    umask: str, machine: Path, not_tried: Callable[[str], None]
) -> None:
    here = followed("config/compose/secrets", machine, umask)
    made = [name for name in COMPOSE["secrets"] if name in " ".join(printed("config/compose/secrets"))]
    assert len(made) >= 3
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        not_tried("mounting the page's secrets as Docker does: the tests are not root's, or have no namespaces")
        return
    (machine / "mounted").touch()
    for name in made:
        for user in CONTAINER_USERS:
            mount = f"mount --bind {here / name} {machine / 'mounted'}"
            read = f"setpriv --reuid={user} --regid={user} --clear-groups cat {machine / 'mounted'}"
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-euc", f"{mount}; {read}"], capture_output=True, check=True
            )
            assert done.stdout == (here / name).read_bytes() != b"", (name, user)
