"""The service of docs/deploy/one-machine.md as its unit runs it: its secrets, and what is left of /proc.

`make deployment` boots Debians, and follows the page there.
"""

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
FOLDER = "/etc/mm-gateway/secrets"
SECRETS = re.findall(rf"\${{file:{FOLDER}/(\w+)}}", PAGE)
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
        for name in SECRETS:
            self.rotate(name, JOURNAL_KEY if name == "journal_key" else f"secret-{name}-secret")
        printed = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
        assert printed is not None
        here = printed[1].replace("/var/lib/mm-gateway", str(self.state)).replace(FOLDER, str(self.secrets))
        content = yaml.safe_load(here)
        content |= {"server": {"host": "127.0.0.1", "port": 0}, "admin": {"port": 0}}
        there = content["journals"] = {"next": {"url": f"sqlite:///{self.state / 'next.db'}"}}
        there["next"]["encryption_key"] = content["journal"]["encryption_key"]
        self.config.write_text(yaml.safe_dump(content), encoding="utf-8")

    def rotate(self, name: str, secret: str) -> None:
        (self.secrets / name).write_text(f"{secret}\n")

    def command(self, *words: str, credentials: Path | None = None) -> Ran:
        environ = {} if credentials is None else {"CREDENTIALS_DIRECTORY": str(credentials)}
        return run(*words, "--config", str(self.config), environ=environ)

    def use_credentials(self) -> None:
        """As on the page, where systemd keeps the secrets encrypted."""
        text = self.config.read_text().replace(str(self.secrets), "/run/credentials/mm-gateway.service")
        self.config.write_text(text)


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


ACTING = (
    ("retry", "nowhere", "--operator", "acme", "--who", "me", "--why", "a trial"),
    ("resolve", "nowhere", "--as", "confirmed", "--operator", "acme", "--who", "me", "--why", "a trial"),
)
"""These end with what is wrong with the transfer, once the configuration is read."""


def test_each_command_works_while_the_service_is_stopped(machine: Machine) -> None:
    assert len(SECRETS) == 3
    assert machine.command("migrate").status == 0
    for words in COMMANDS:
        ran = machine.command(*words)
        assert ran.status == 0, (words, ran)


def test_what_needs_no_secret_of_an_operator_works_without_them_and_the_rest_says_what_to_do(machine: Machine) -> None:
    assert machine.command("migrate").status == 0
    for name in ("acme_password", "game_password"):
        (machine.secrets / name).unlink()
    for words in COMMANDS[1:]:
        assert machine.command(*words).status == 0, words
    for acting in ACTING:
        ran = machine.command(*acting)
        assert "nowhere" in ran.err, ran
        assert "cannot be read" not in ran.err, ran
    ran = machine.command("check")
    assert ran.status == 2
    assert "acme_password cannot be read" in ran.err


def test_rules_need_no_secret_at_all(machine: Machine) -> None:
    for name in SECRETS:
        (machine.secrets / name).unlink()
    ran = machine.command("rules")
    assert ran.status == 0, ran.err
    assert "MmGateway" in ran.out


def test_credentials_of_systemd_are_found_where_it_says(machine: Machine) -> None:
    machine.use_credentials()
    for words in COMMANDS:
        ran = machine.command(*words, credentials=machine.secrets)
        assert ran.status == 0, (words, ran)
    for words in (("check",), ("transfers",)):
        ran = machine.command(*words)
        assert ran.status == 2
        assert "set CREDENTIALS_DIRECTORY to the folder" in ran.err


def test_a_value_that_is_no_secret_is_still_asked_for(machine: Machine) -> None:
    content = yaml.safe_load(machine.config.read_text())
    content["operators"]["acme"]["timeout"] = "${ACME_TIMEOUT}"
    machine.config.write_text(yaml.safe_dump(content))
    ran = machine.command("migrate")
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
    gateway = await asyncio.create_subprocess_exec(
        *(namespace or []), str(PROGRAM), *words, stdout=asyncio.subprocess.PIPE
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


def test_the_unit_says_nothing_that_systemd_249_does_not_know() -> None:
    """The newest of these is ProtectProc, of 247; `make deployment` starts the unit with that version."""
    given = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))
    assert given["Type"] == "notify"  # notify-reload: 253
    assert given["ExecReload"] == "/opt/mm-gateway/bin/mm-gateway reload"
    assert set(given) <= KNOWN_TO_249


KNOWN_TO_249 = {
    "Description", "Documentation", "Wants", "After", "StartLimitIntervalSec", "WantedBy", "Type",
    "NotifyAccess", "ExecStart", "ExecReload", "TimeoutStopSec", "Restart", "RestartSec", "OOMPolicy", "User",
    "Group", "UMask", "StateDirectory", "StateDirectoryMode", "WorkingDirectory", "KeyringMode",
    "LimitNOFILE", "LimitCORE", "MemoryMax", "TasksMax", "NoNewPrivileges", "CapabilityBoundingSet",
    "AmbientCapabilities", "ProtectSystem", "ProtectHome", "ProtectProc", "ProtectClock", "ProtectHostname",
    "ProtectControlGroups", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables",
    "PrivateTmp", "PrivateDevices", "PrivateUsers", "RemoveIPC", "RestrictAddressFamilies",
    "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality",
    "SystemCallArchitectures", "SystemCallFilter",
}  # fmt: skip
