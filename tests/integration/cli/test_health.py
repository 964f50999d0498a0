"""`mm-gateway health` asks the gateway that runs, wherever its admin listener is."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from tests.support.certificates import Authority
from tests.support.commands import operator, run
from tests.support.gateway_process import GatewayProcess

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def config_file(folder: Path, **admin: Any) -> str:
    file = folder / "health.yaml"
    file.write_text(yaml.safe_dump({"admin": admin, "operators": {"acme": operator("JohnDoe")}}))
    return str(file)


async def test_a_gateway_is_asked_where_its_configuration_says_that_it_is(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    pem = str(authority.certificate("elsewhere.example"))
    tls = {"cert_file": pem, "key_file": pem, "client_ca_file": str(authority.file)}
    for admin in ({"host": "0.0.0.0"}, {"host": "127.0.0.2"}, {"token": "s3cret-token"}, {"tls": tls}):
        config = {"admin": {"port": free_port(), **admin}, "operators": {"acme": operator("JohnDoe")}}
        async with GatewayProcess(config, tmp_path) as gateway:
            assert await gateway.command("health") == (0, "alive\n")
            assert await gateway.command("health", "--ready") == (0, "ready\n")


def test_a_gateway_that_is_gone_is_not_alive(tmp_path: Path) -> None:
    port = free_port()
    assert run("health", "--config", config_file(tmp_path, port=port)) == (
        1,
        "",
        f"mm-gateway: no answer from the admin listener on 127.0.0.1:{port}: Connection refused\n",
    )


class Ailing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"alive": False, "problems": ["delivery to acme fails repeatedly", "so does another"]})
        self.send_response(503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def ailing_gateway() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Ailing) as server:
        Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def test_what_ails_a_gateway_is_said(tmp_path: Path) -> None:
    with ailing_gateway() as port:
        assert run("health", "--config", config_file(tmp_path, port=port)) == (
            1,
            "",
            "mm-gateway: delivery to acme fails repeatedly; so does another\n",
        )


def test_a_mistake_or_a_missing_secret_elsewhere_in_the_file_is_no_reason_to_call_it_dead(tmp_path: Path) -> None:
    with ailing_gateway() as port:
        file = tmp_path / "half.yaml"
        file.write_text(
            f"admin: {{port: {port}, token: '${{NO_SUCH}}'}}\noperators: {{acme: {{nonsense: '${{NONE}}'}}}}\n"
        )
        assert run("health", "--config", str(file)).err.startswith("mm-gateway: delivery to acme")


@pytest.mark.parametrize(
    "text, words",
    [
        ("admin: {port: 0}", "admin.port is 0, so only the gateway itself knows its port; give it a number"),
        ("admin: {port: x}", "admin.port: "),
        ("admin: [", "is not valid YAML"),
        ("", "is empty"),
    ],
)
def test_a_file_that_does_not_say_where_it_is_is_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    ran = run("health", "--config", str(file))
    assert (ran[0], ran.out) == (2, "")
    assert words in ran.err


def test_without_a_configuration_it_says_so(tmp_path: Path) -> None:
    assert run("health")[0] == 2
    assert "cannot be read" in run("health", "--config", str(tmp_path / "none.yaml")).err


def test_the_image_and_the_compose_file_ask_the_program() -> None:
    assert 'CMD ["mm-gateway", "health"]' in (ROOT / "Dockerfile").read_text()
    compose = yaml.safe_load((ROOT / "config" / "compose" / "compose.yaml").read_text())
    assert compose["x-serving"]["healthcheck"]["test"] == ["CMD", "mm-gateway", "health", "--ready"]
