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

from tests.support.fresh_environment import FreshEnvironment
from tests.tidy.tree import ROOT

PAGE = (ROOT / "docs" / "adapters" / "new.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh(?P<background> background)?\n(?P<script>.*?)^```$", re.MULTILINE | re.DOTALL)
DOCKERFILE = re.compile(r"^```dockerfile\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TEMPLATE = ROOT / "gateway" / "scaffold" / "package"
PORTS = ("8080", "9090", "9100")
"""The ports that the page and the package print; a test takes free ones instead."""


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


def play(environment: FreshEnvironment, parent: Path) -> list[str]:
    """Runs all commands of the page as printed but for the ports, and returns what each block prints."""
    folder, outputs = parent, []
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    with ExitStack() as stack:
        for block in BLOCK.finditer(PAGE):
            script = with_ports(block["script"], ports)
            if block["background"]:
                stack.enter_context(in_background(environment, with_sandbox_port(script, ports), folder))
                continue
            done = environment.run(script, folder)
            assert done.status == 0, f"{script}\n{done.printed}"
            outputs.append(done.printed)
            if folder is parent:
                folder = parent / "acme"
                config = folder / "gateway.yaml"
                config.write_text(with_ports(config.read_text(), ports))
    return outputs


def with_ports(text: str, ports: dict[str, str]) -> str:
    return re.sub("|".join(PORTS), lambda found: ports[found[0]], text)


def with_sandbox_port(script: str, ports: dict[str, str]) -> str:
    """The sandbox's command names no port: 9100 is its default."""
    return f"{script.strip()} --port {ports['9100']}" if " sandbox " in script else script.strip()


def test_every_command_of_the_page_does_what_the_page_says(tmp_path: Path) -> None:
    """One test, since its environment is expensive and its commands build on one another."""
    environment = FreshEnvironment(tmp_path / "fresh")
    made, tried, played, ended, faults, demo = play(environment, tmp_path)
    assert_green_at_once(made)
    assert_tried_and_checked(tried)
    assert_a_purchase_is_confirmed_and_another_rolled_back(played, ended)
    assert_faults_sessions_and_wire_are_within_reach(faults)
    assert demo.splitlines()[-1].endswith("40 purchases, 1 operators, 1 kill -9: ledger and journal agree")
    assert_the_image_installs_it_beside_the_gateway(environment, tmp_path)


def assert_green_at_once(made: str) -> None:
    assert re.search(r"\b\d{2,} passed", made), made
    assert "failed" not in made
    assert "made acme/; next, in that folder:" in made


def assert_tried_and_checked(tried: str) -> None:
    assert "receipt, balance 997.5 EUR" in tried
    assert "X-Key: [hidden]" in tried
    assert "acme: grade " in tried
    assert "FAILED" not in tried


def assert_a_purchase_is_confirmed_and_another_rolled_back(played: str, ended: str) -> None:
    answers = [json.loads(line) for line in played.splitlines()]
    assert [answer.get("errorCode") for answer in answers] == [None] * 5
    assert [answer["balance"]["amount"] for answer in answers] == [1000, 997.5, 997.5, 995, 997.5]
    transfers, _, ledger = ended.rpartition("\n{")
    assert re.search(r"order-1 +confirmed", transfers)
    assert re.search(r"order-2 +rolled_back", transfers)
    books = json.loads("{" + ledger)
    assert {hold["id"]: hold["state"] for hold in books["holds"]} == {"order-1": "confirmed", "order-2": "undone"}
    assert books["violations"] == []


def assert_faults_sessions_and_wire_are_within_reach(printed: str) -> None:
    rules, ended, wire = printed.splitlines()
    assert json.loads(rules)[0]["fault"] == "hang_after"
    assert json.loads(ended) == {"token": "token-of-player-2"}
    seen = json.loads(wire)[1]
    assert (seen["call"], seen["headers"]["x-key"], seen["answer"]["status"]) == ("withdraw", "the sandbox's key", 200)


def test_the_image_of_the_page_is_the_one_of_the_package() -> None:
    (printed,) = DOCKERFILE.findall(PAGE)
    assert printed == (TEMPLATE / "Dockerfile").read_text(encoding="utf-8")


def assert_the_image_installs_it_beside_the_gateway(environment: FreshEnvironment, parent: Path) -> None:
    dockerfile = (parent / "acme" / "Dockerfile").read_text()
    (install,) = re.findall(r"^RUN (.*)$", dockerfile, re.MULTILINE)
    done = environment.run(install.replace("/tmp/acme", str(parent / "acme")), parent)
    assert done.status == 0, done.printed
    found = environment.run("python -c 'import acme; print(acme.__file__)'", parent)
    assert "site-packages" in found.printed
    checked = environment.run("mm-gateway check --config acme/gateway.yaml", parent)
    assert "the configuration can be used: 1 operators" in checked.printed
