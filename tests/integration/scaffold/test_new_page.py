"""The page on new adapters, command by command, in a fresh environment that has the gateway's wheel: the package is
made, is green at once, is installed beside the gateway, and plays a purchase over real sockets."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.fresh_environment import FreshEnvironment
from tests.tidy.tree import ROOT

PAGE = (ROOT / "docs" / "adapters" / "new.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh(?P<background> background)?\n(?P<script>.*?)^```$", re.MULTILINE | re.DOTALL)
DOCKERFILE = re.compile(r"^```dockerfile\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TEMPLATE = ROOT / "gateway" / "scaffold" / "package"
PORTS = ("8080", "9090", "9100")
"""The ports that the page and the package print; a test takes free ones instead."""


class Printed(NamedTuple):
    """What each block of the page printed, in order."""

    outputs: list[str]
    folder: Path


def free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [str(each.getsockname()[1]) for each in taken]


@contextmanager
def in_background(environment: FreshEnvironment, command: str, folder: Path) -> Iterator[None]:
    """The command while it serves; its first line says that it does."""
    with subprocess.Popen(
        ["/bin/sh", "-c", f"exec {command}"],
        cwd=folder,
        env=environment.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert "http://127.0.0.1:" in process.stdout.readline()
            yield
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> FreshEnvironment:
    return FreshEnvironment(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def page(environment: FreshEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Printed:
    """All commands of the page, run as printed but for the ports."""
    parent = tmp_path_factory.mktemp("new")
    folder, outputs = parent, []
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    with ExitStack() as stack:
        for block in BLOCK.finditer(PAGE):
            script = with_ports(block["script"], ports)
            if block["background"]:
                stack.enter_context(in_background(environment, script_with_port(script, ports), folder))
                continue
            done = environment.run(script, folder)
            assert done.status == 0, f"{script}\n{done.printed}"
            outputs.append(done.printed)
            if folder is parent:
                folder = parent / "acme"
                config = folder / "gateway.yaml"
                config.write_text(with_ports(config.read_text(), ports))
    return Printed(outputs, folder)


def with_ports(text: str, ports: dict[str, str]) -> str:
    return re.sub("|".join(PORTS), lambda found: ports[found[0]], text)


def script_with_port(script: str, ports: dict[str, str]) -> str:
    """The sandbox's command names no port: 9100 is its default."""
    return f"{script.strip()} --port {ports['9100']}" if " sandbox " in script else script.strip()


def test_the_package_that_is_made_is_green_at_once(page: Printed) -> None:
    made = page.outputs[0]
    assert re.search(r"\b\d{3,} passed", made), made
    assert "failed" not in made
    assert "made acme/; next, in that folder:" in made


def test_a_call_can_be_tried_at_once(page: Printed) -> None:
    tried = page.outputs[1]
    assert "receipt, balance 997.5 EUR" in tried
    assert "X-Key: [hidden]" in tried


def test_a_purchase_is_confirmed_and_another_one_rolled_back_over_real_sockets(page: Printed) -> None:
    answers = [json.loads(line) for line in page.outputs[2].splitlines()]
    assert [answer.get("errorCode") for answer in answers] == [None] * 5
    assert [answer["balance"]["amount"] for answer in answers] == [1000, 997.5, 997.5, 995, 997.5]
    transfers, _, ledger = page.outputs[3].rpartition("\n{")
    assert re.search(r"order-1 +confirmed", transfers)
    assert re.search(r"order-2 +rolled_back", transfers)
    books = json.loads("{" + ledger)
    assert {hold["id"]: hold["state"] for hold in books["holds"]} == {"order-1": "confirmed", "order-2": "undone"}
    assert books["violations"] == []


def test_faults_sessions_and_the_wire_are_within_reach(page: Printed) -> None:
    rules, ended, wire = page.outputs[4].splitlines()
    assert json.loads(rules)[0]["fault"] == "hang_after"
    assert json.loads(ended) == {"token": "token-2"}
    seen = json.loads(wire)[1]
    assert (seen["call"], seen["headers"]["x-key"], seen["answer"]["status"]) == ("withdraw", "the sandbox's key", 200)


def test_the_demo_plays_it(page: Printed) -> None:
    assert page.outputs[5].splitlines()[-1].endswith("20 purchases, 1 operators, 1 kill -9: ledger and journal agree")


def test_the_image_of_the_page_is_the_one_of_the_package() -> None:
    (printed,) = DOCKERFILE.findall(PAGE)
    assert printed == (TEMPLATE / "Dockerfile").read_text(encoding="utf-8")


def test_what_the_image_runs_installs_the_adapter_beside_the_gateway(
    environment: FreshEnvironment, page: Printed
) -> None:
    dockerfile = (page.folder / "Dockerfile").read_text()
    (install,) = re.findall(r"^RUN (.*)$", dockerfile, re.MULTILINE)
    done = environment.run(install.replace("/tmp/acme", str(page.folder)), page.folder.parent)
    assert done.status == 0, done.printed
    found = environment.run("python -c 'import acme; print(acme.__file__)'", page.folder.parent)
    assert "site-packages" in found.printed
    checked = environment.run("mm-gateway check --config acme/gateway.yaml", page.folder.parent)
    assert "the configuration can be used: 1 operators" in checked.printed
