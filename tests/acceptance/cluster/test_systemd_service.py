"""The service of docs/deploy/one-machine.md as its unit runs it: its credentials, and what is left of /proc."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.commands import PROGRAM, Ran, run
from tests.support.deploy_pages import page

ROOT = Path(__file__).parents[3]
PAGE = page("one-machine")
UNIT = (ROOT / "config" / "systemd" / "mm-gateway.service").read_text(encoding="utf-8")
JOURNAL_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
HIDEPID = {"default": "off", "noaccess": "1", "invisible": "2", "ptraceable": "4"}
PROCESS_METRICS = {
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
}


def unit_value(key: str, default: str) -> str:
    found = re.search(rf"^{key}=(.*)$", UNIT, re.MULTILINE)
    return default if found is None else found[1]


class Machine:
    """Where the page was followed: its folders are in a folder of the test's own, and nothing runs yet."""

    def __init__(self, folder: Path) -> None:
        self.secrets, self.state = folder / "secrets", folder / "state"
        self.config = folder / "gateway.yaml"
        for each in (self.secrets, self.state):
            each.mkdir(mode=0o700)
        for name in re.findall(r"^LoadCredential=(\w+):", UNIT, re.MULTILINE):
            self.rotate(name, JOURNAL_KEY if name == "journal_key" else f"secret-{name}")
        printed = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
        assert printed is not None
        content = yaml.safe_load(printed[1].replace("/var/lib/mm-gateway", str(self.state)))
        content |= {"server": {"host": "127.0.0.1", "port": 0}, "admin": {"port": 0}}
        content["journals"] = {"next": {"url": f"sqlite:///{self.state / 'next.db'}"}}
        self.config.write_text(yaml.safe_dump(content), encoding="utf-8")

    def rotate(self, name: str, secret: str) -> None:
        (self.secrets / name).write_text(f"{secret}\n")

    def command(self, *words: str, credentials: Path | None) -> Ran:
        environ = {} if credentials is None else {"CREDENTIALS_DIRECTORY": str(credentials)}
        return run(*words, "--config", str(self.config), environ=environ)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


COMMANDS = (
    ("check",),
    ("migrate",),
    ("transfers",),
    ("rollbacks",),
    ("journal", "copy", "--from", "default", "--to", "next"),
)


def test_each_command_works_as_the_page_has_it_while_the_service_is_stopped(machine: Machine) -> None:
    exports = [line for line in PAGE.splitlines() if line.startswith("export ")]
    assert [re.findall(r"(\w+)=\S+", line) for line in exports] == [["CREDENTIALS_DIRECTORY", "PATH"]]
    assert machine.command("migrate", credentials=machine.secrets).status == 0
    for words in COMMANDS:
        ran = machine.command(*words, credentials=machine.secrets)
        assert ran.status == 0, (words, ran)


def test_what_needs_no_secret_works_without_them_and_the_rest_says_what_to_do(machine: Machine) -> None:
    assert machine.command("migrate", credentials=None).status == 0
    for name in ("acme_password", "game_password"):
        (machine.secrets / name).unlink()
    for words in COMMANDS[1:]:
        assert machine.command(*words, credentials=machine.secrets).status == 0, words
    for words in (("check",), ("transfers",)):
        ran = machine.command(*words, credentials=None)
        assert ran.status == 2
        assert "set CREDENTIALS_DIRECTORY to the folder" in ran.err


def test_a_value_that_is_no_secret_is_still_asked_for(machine: Machine) -> None:
    content = yaml.safe_load(machine.config.read_text())
    content["operators"]["acme"]["timeout"] = "${ACME_TIMEOUT}"
    machine.config.write_text(yaml.safe_dump(content))
    ran = machine.command("migrate", credentials=machine.secrets)
    assert ran.status == 2
    assert "the environment variable ACME_TIMEOUT is not set" in ran.err


def test_a_file_that_root_makes_belongs_to_the_owner_of_its_folder(
    machine: Machine, not_tried: Callable[[str], None]
) -> None:
    if os.geteuid() != 0:
        not_tried("commands that root runs beside the service: the tests are not root's")
        return
    os.chown(machine.state, 65534, 65534)
    for words in COMMANDS:
        assert machine.command(*words, credentials=machine.secrets).status == 0
    made = list(machine.state.iterdir())
    assert {path.name for path in made} >= {"journal.db", "journal.db.lock", "next.db"}
    assert [path.name for path in made if path.stat().st_uid != 65534] == []


@pytest.fixture
def namespace(not_tried: Callable[[str], None]) -> Iterator[list[str] | None]:
    """Words before a command, with which it gets a /proc as the unit has it; None where that cannot be had."""
    options = f"hidepid={HIDEPID[unit_value('ProtectProc', 'default')]}"
    if unit_value("ProcSubset", "all") == "pid":
        options += ",subset=pid"
    mount = f"mount -t proc -o {options} proc /proc"
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    words = ["unshare", *users, "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        not_tried("the service's own /proc: this machine allows no namespaces")
        yield None
    else:
        yield words


async def test_every_metric_of_the_process_is_there_behind_the_units_hardening(
    machine: Machine, namespace: list[str] | None
) -> None:
    words = ["serve", "--config", str(machine.config)]
    environ = {**os.environ, "CREDENTIALS_DIRECTORY": str(machine.secrets)}
    gateway = await asyncio.create_subprocess_exec(
        *(namespace or []), str(PROGRAM), *words, env=environ, stdout=asyncio.subprocess.PIPE
    )
    assert gateway.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = (await gateway.stdout.readline()).decode()
        page = await read_page(int(line.rpartition(":")[2]))
    finally:
        gateway.kill()
        await gateway.wait()
    found = {each.partition("{")[0].partition(" ")[0] for each in page.splitlines() if not each.startswith("#")}
    assert found >= PROCESS_METRICS
    assert "mm_gateway_build_info" in found


async def read_page(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
    page = (await reader.read()).decode()
    writer.close()
    return page


def test_the_unit_hides_nothing_of_proc_that_metrics_are_read_from() -> None:
    assert unit_value("ProcSubset", "all") == "all"
    assert shlex.split(unit_value("ExecStart", ""))[1:2] == ["serve"]
