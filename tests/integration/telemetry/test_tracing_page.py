"""The page on tracing: its examples do what it says, and its tables name what there is."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import msgspec
import yaml

from gateway.sandbox.faults import Fault
from gateway.settings import Settings
from gateway.settings.loader import parse
from gateway.wire.calls import WalletCall
from tests.support.collector import Collector
from tests.support.doors import request
from tests.support.runtimes import FarOperator, message, operator_to, running, settings_for
from tests.tidy.tree import ROOT

PAGE = (ROOT / "docs" / "tracing.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^ *```(?P<kind>\w+)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(?P<name>[^`]+)`", re.MULTILINE)
ENVIRON = {"COLLECTOR_TOKEN": "s3cret-of-the-collector", "ACME_PASSWORD": "far-secret", "GAME_PASSWORD": "MyPass"}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def blocks(kind: str) -> list[str]:
    return [found["text"] for found in FENCE.finditer(PAGE) if found["kind"] == kind]


def shown(folder: Path, far: FarOperator, traces: Collector) -> Settings:
    """The configuration that the page shows, with the addresses and ports of this test."""
    (text,) = blocks("yaml")
    ours = yaml.safe_load(text)
    assert ours["tracing"]["endpoint"].endswith("/v1/traces")
    ours["tracing"] |= {"endpoint": traces.url, "share": "100%"}
    ours["operators"]["acme"]["settings"] = operator_to(far)["settings"]
    for listener in ("server", "admin"):
        ours[listener] = {"host": "127.0.0.1", "port": 0}
    ours["journal"] = {"url": f"sqlite:///{folder}/journal.db"}
    return parse(yaml.safe_dump(ours), "gateway.yaml", ENVIRON).settings


def table(heading: str) -> set[str]:
    """The names in the first column of the table under these words."""
    return set(ROW.findall(PAGE.partition(heading)[2].partition("\n\n")[2].partition("\n\n")[0]))


async def test_the_configuration_of_the_page_traces(tmp_path: Path, far: FarOperator, traces: Collector) -> None:
    async with running(shown(tmp_path, far, traces)) as gateway:
        assert (await gateway.call(WalletCall.WITHDRAW)).status == 200
        await traces.named("POST /wallet/withdraw")
        assert traces.headers["authorization"] == "Bearer s3cret-of-the-collector"


async def test_the_tables_of_the_page_name_every_span_and_every_attribute(
    tmp_path: Path, far: FarOperator, traces: Collector
) -> None:
    settings = settings_for(
        tmp_path, {"acme": operator_to(far, limits={"concurrency": 1})}, tracing={"endpoint": traces.url}
    )
    async with running(settings) as gateway:
        for call in (WalletCall.VERIFY_SESSION, WalletCall.GET_BALANCE, WalletCall.WITHDRAW):
            await gateway.call(call)
        far.go_wrong(Fault.DELAY, WalletCall.CONFIRM_WITHDRAWAL, delay_s=0.3)
        first, second = await gateway.connect(), await gateway.connect()
        await first.send(request("/wallet/confirmWithdrawal", message(WalletCall.CONFIRM_WITHDRAWAL)))
        await far.until_seen(WalletCall.CONFIRM_WITHDRAWAL)
        await second.asked(request("/wallet/withdraw", message(WalletCall.WITHDRAW, "2")))
        await traces.named("delivery try")
        await traces.named("POST /wallet/withdraw", 2)
        await first.close()
        await second.close()
    words = {re.sub("^(journal |operator |POST /wallet/).*", r"\1…", span.name) for span in traces.spans}
    assert words == table("## The spans") - {"GET", "POST /operators/…"}  # see test_tracing_operators.py
    ours = {name for span in traces.spans for name in span.attributes if name.startswith("mm_gateway.")}
    assert ours == table("The gateway's own are:")


def test_the_log_is_searched_as_the_page_says(tmp_path: Path) -> None:
    _, search = blocks("sh")
    lines: list[dict[str, Any]] = [{"event": "call", "trace_id": TRACE}, {"event": "call"}, {"event": "stopping"}]
    (tmp_path / "gateway.log").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    found = subprocess.run(shlex.split(search), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [json.loads(line) for line in found.stdout.splitlines()] == lines[:1]


def test_what_the_page_installs_is_the_package_s_extra_and_the_image_s_argument() -> None:
    install, _ = blocks("sh")
    assert shlex.split(install) == ["pip", "install", "mm-wallet-gateway[tracing]"]
    package = metadata("mm-wallet-gateway")
    assert "tracing" in (package.get_all("Provides-Extra") or [])
    assert "docker build --build-arg TRACING=yes ." in PAGE
    assert "ARG TRACING=no\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_gets_the_versions_that_are_tested() -> None:
    pinned = {
        name: set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("tracing.txt", "dev.txt")
    }
    assert pinned["tracing.txt"] - pinned["dev.txt"] == set()
