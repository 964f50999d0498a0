"""What `mm-gateway status` says, as tests read it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.support.gateway_process import GatewayProcess

ROOT: Final = str(Path(__file__).parents[2])
ON_ODD_MACHINE: Final = (sys.executable, "-m", "tests.support.command_on_odd_machine")
"""The program's command; `FINDABLE` belongs into its environment, since it runs in another folder."""

FINDABLE: Final = {"PYTHONPATH": ROOT}


class Status:
    """One answer of the command."""

    def __init__(self, status: int, output: str) -> None:
        body, _, self.said = output.rpartition("}\n")
        self.exit_status = status
        self.content: dict[str, Any] = msgspec.json.decode(body + "}")
        self.sections = {section["subject"]: section for section in self.content["sections"]}

    @property
    def codes(self) -> set[str]:
        """Of all findings."""
        return {finding["code"] for section in self.sections.values() for finding in section["findings"]}

    def finding(self, code: str) -> dict[str, Any]:
        """The first finding of that code."""
        findings = [each for section in self.sections.values() for each in section["findings"]]
        first: dict[str, Any] = next(each for each in findings if each["code"] == code)
        return first

    def facts(self, subject: str) -> list[dict[str, Any]]:
        """The rows of a section."""
        rows: list[dict[str, Any]] = self.sections[subject]["facts"]
        return rows


async def status_of(gateway: GatewayProcess) -> Status:
    """Asks beside the gateway, whether it runs or not."""
    return Status(*await gateway.command("status", "--json"))
