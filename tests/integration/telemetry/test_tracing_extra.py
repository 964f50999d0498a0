"""OpenTelemetry is an extra: without it the gateway runs, and with `tracing` configured it says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import operator
from tests.support.runtimes import FarOperator, operator_to, running, settings_for

NOT_INSTALLED = """
import sys

class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent)
"""
"""A `sitecustomize.py` that hides OpenTelemetry from every program which finds it on its path."""

PROBLEM = (
    "mm-gateway: gateway.yaml:1:10: tracing: needs OpenTelemetry, which is not installed: "
    "pip install 'mm-wallet-gateway[tracing]'; or remove it\n"
)
LOADED = """
import sys
import gateway.cli.main, gateway.runtime.process
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def run_without_the_extra(folder: Path, command: str, tracing: str) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(NOT_INSTALLED)
    (folder / "gateway.yaml").write_text(f"{tracing}operators:\n  acme: {operator('JohnDoe')}\n")
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", command, "--config", "gateway.yaml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["check", "serve"])
def test_tracing_without_the_extra_is_told_with_its_line_and_what_to_install(tmp_path: Path, command: str) -> None:
    ran = run_without_the_extra(tmp_path, command, "tracing: {share: 10%}\n")
    assert (ran.returncode, ran.stderr) == (2, PROBLEM)


def test_who_does_not_trace_does_not_need_the_extra(tmp_path: Path) -> None:
    ran = run_without_the_extra(tmp_path, "check", "")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_who_does_not_trace_does_not_load_it() -> None:
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "[]\n"


async def test_without_tracing_a_gateway_is_made_of_the_plain_parts(tmp_path: Path, far: FarOperator) -> None:
    settings: dict[str, Any] = {"acme": operator_to(far)}
    async with running(settings_for(tmp_path, settings)) as gateway:
        runtime = gateway.runtime
        (one,) = runtime._operators.operators.values()
        parts: list[object] = [
            runtime._handlers.wallet,
            runtime._coordinator,
            runtime._operators._delivery_try,
            one,
            one.adapter.http,
            *runtime._journals.open.values(),
        ]
        assert [type(part).__module__ for part in parts] == [
            "gateway.http.wallet",
            "gateway.transfers.coordinator",
            "gateway.transfers.delivery_try",
            "gateway.operators.operator",
            "gateway.operators.http_client.client",
            "gateway.journal.sqlite.journal",
        ]
