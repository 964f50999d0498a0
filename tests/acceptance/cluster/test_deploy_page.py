"""Every command on the pages about deploying: the gateway's own are run, what they and others name is there.

Dumps and restores are run by `test_backup`, what the pages say of upgrades by `test_upgrading`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import Deployment, a_timeline, run
from tests.support.deploy_pages import page, pages, shell_blocks
from tests.support.postgres import binaries, create_schema, drop_schema
from tests.support.postgres_shelf import server_url

ROOT = Path(__file__).parents[3]
PAGES = pages().replace(page("kubernetes"), "")  # test_kubernetes_page tries that one's
ELSEWHERE = {"/etc/mm-gateway/gateway.yaml", "/etc/mm-gateway/owner.yaml"}


def commands() -> list[list[str]]:
    """In the order of the pages, as a shell would split them."""
    return [shlex.split(line) for block in shell_blocks(PAGES) for line in block.splitlines()]


def of(program: str) -> Iterator[list[str]]:
    return (words for words in commands() if words[0] == program)


@pytest.fixture
async def next_journal() -> Any:
    url = await create_schema(server_url())
    yield url
    await drop_schema(url)


async def test_every_command_of_the_gateway_runs_as_it_is_shown(tmp_path: Path, next_journal: str) -> None:
    shown = list(of("mm-gateway"))
    assert len(shown) >= 7
    deployment = Deployment(tmp_path)
    deployment.configure(journals={"next": {"url": next_journal}, "big": {"url": deployment.url("big")}})
    for words in shown:
        here = [str(deployment.config) if word in ELSEWHERE else word for word in words[1:]]
        ran = run(*here, stdin="a-password-of-the-game\n")
        if "--probe" in here:
            assert "writes are durable" in ran.out, ran.err
        else:
            assert ran.status == 0, (words, ran.err)


def test_the_journal_that_is_copied_arrives(tmp_path: Path) -> None:
    copy = next(words for words in of("mm-gateway") if "copy" in words)
    deployment = Deployment(tmp_path)
    deployment.configure(journals={"next": {"url": deployment.url("next")}, "big": {"url": deployment.url("big")}})
    timeline = a_timeline("1234abcd")
    deployment.keep("default", timeline)
    assert run(*copy[1:-1], str(deployment.config)).status == 0
    assert deployment.find("next", timeline.transfer.key) == timeline


def names_a_file_of_ours(words: list[str]) -> bool:
    """Whether each relative path among the words is in the repository, or is a secret that the pages make."""
    paths = [word for word in words if re.match(r"(config|requirements)/", word) and "/secrets" not in word]
    return all((ROOT / path).exists() for path in paths)


def is_about_a_service_of_ours(words: list[str]) -> bool:
    compose = yaml.safe_load((ROOT / "config" / "compose" / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    if words[1] == "volume":
        return words[-1] in {f"{compose['name']}_{volume}" for volume in compose["volumes"]}
    if words[1] != "compose":
        return words[1] in {"build", "run"} or words[1:4] == ["exec", "mm-gateway", "mm-gateway"]
    _, _, _, file, verb, *rest = words
    named = {word for word in rest if word in services} | set(re.findall(r"gateways/(gateway-\d)", " ".join(rest)))
    about_services = verb in {"build", "up", "run", "exec", "stop"}
    return (ROOT / file).exists() and (
        verb == "down" or (about_services and (bool(named) or rest == ["-d", "--build"]))
    )


def starts_the_sandboxes(words: list[str]) -> bool:
    """Each variable is one that Compose or its file reads; what the page's `curl` commands say is tried elsewhere."""
    _, profiles, config, *command = words
    compose = (ROOT / "config" / "compose" / "compose.yaml").read_text(encoding="utf-8")
    name, _, file = config.partition("=")
    return (
        profiles == "COMPOSE_PROFILES=sandbox"
        and f"${{{name}:-gateway.yaml}}" in compose
        and (ROOT / "config" / "compose" / file).exists()
        and is_about_a_service_of_ours(command)
    )


def makes_a_secret_that_is_used(words: list[str]) -> bool:
    target = Path(words[-1])
    folders = (ROOT / "config" / "compose", ROOT / "config" / "systemd")
    used = "".join(
        path.read_text(encoding="utf-8") for folder in folders for path in folder.iterdir() if path.is_file()
    )
    return target.name in used


KNOWN: dict[str, Callable[[list[str]], bool]] = {
    "mm-gateway": lambda words: True,
    "python3": lambda words: words[1:3] == ["-m", "venv"],
    "/opt/mm-gateway/bin/pip": names_a_file_of_ours,
    "useradd": lambda words: words[-1] == "mm-gateway",
    "install": names_a_file_of_ours,
    "umask": lambda words: words[1:] == ["077"],
    "rm": lambda words: all(re.fullmatch(r"/var/lib/mm-gateway/journal\.db-(wal|shm)", word) for word in words[2:]),
    "chmod": names_a_file_of_ours,
    "openssl": makes_a_secret_that_is_used,
    "export": lambda words: words[1:] == ["PATH=/opt/mm-gateway/bin:$PATH"],
    "runuser": lambda words: words[1:5] == ["-u", "mm-gateway", "--", "mm-gateway"],  # booted by `make deployment`
    "systemd-creds": lambda words: words[1] == "encrypt",  # the same
    "systemd-run": lambda words: "/opt/mm-gateway/bin/mm-gateway" in words,  # the same
    "systemctl": lambda words: words[-1] in {"mm-gateway", "daemon-reload"},
    "docker": is_about_a_service_of_ours,
    "env": starts_the_sandboxes,
    "curl": lambda words: "http://127.0.0.1:" in " ".join(words),
    "sqlite3": lambda words: "VACUUM INTO" in words[-1],
    "psql": lambda words: (binaries() / words[0]).exists() and names_a_file_of_ours([words[1].rpartition("=")[2]]),
    "pg_dump": lambda words: (binaries() / words[0]).exists(),
    "pg_restore": lambda words: (binaries() / words[0]).exists(),
}
"""What can be said of a command that is not run here."""


@pytest.mark.parametrize("words", [pytest.param(words, id=" ".join(words)[:70]) for words in commands()])
def test_every_command_names_what_there_is(words: list[str]) -> None:
    assert KNOWN[words[0]](words)


def test_every_secret_of_the_compose_file_is_explained() -> None:
    compose = yaml.safe_load((ROOT / "config" / "compose" / "compose.yaml").read_text(encoding="utf-8"))
    assert [name for name in compose["secrets"] if name not in page("several")] == []


def test_every_secret_that_the_page_makes_is_used() -> None:
    made = set(re.findall(r"^install -m 0640 .*/etc/mm-gateway/secrets/(\w+)$", page("one-machine"), re.MULTILINE))
    assert made == set(re.findall(r"\$\{file:/etc/mm-gateway/secrets/(\w+)\}", page("one-machine")))
    assert len(made) == 3
