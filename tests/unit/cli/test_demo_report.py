from __future__ import annotations

from gateway.cli.demo_report import FAULT_TEXTS
from gateway.sandbox.faults import Fault


def test_the_report_has_words_for_every_fault() -> None:
    assert [fault for fault in Fault if fault not in FAULT_TEXTS] == []
