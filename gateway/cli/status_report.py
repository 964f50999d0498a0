"""What `mm-gateway status` prints: sections for people, one object for programs."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.cli.printing import print_json, print_line, print_table
from gateway.cli.status_advice import ADVICE
from gateway.cli.status_facts import Facts
from gateway.cli.status_judge import StatusFinding, StatusSection, most_urgent
from gateway.cli.times import time_text
from gateway.cli.views import View
from gateway.telemetry import logs


def print_status(sections: Sequence[StatusSection]) -> None:
    """Prints each section: its subject and urgency, its facts, and beside each finding what to do."""
    for section in sections:
        print_line(f"{section.subject}: {section.urgency}")
        if section.facts:
            columns = tuple(dict.fromkeys(name for row in section.facts for name in row))
            print_table([{name: _shown(value) for name, value in row.items()} for row in section.facts], columns)
        for finding in section.findings:
            _print_finding(finding)
        print_line("")


def _print_finding(finding: StatusFinding) -> None:
    advice = ADVICE[finding.code]
    print_line(f"  {finding.urgency.upper()}  {logs.redact(finding.text)}")
    print_line(f"       {advice.means}")
    for command in finding.commands:
        print_line(f"       $ {command}")
    if advice.runbook:
        print_line(f"       {advice.runbook}")


def _shown(value: object) -> object:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def print_status_json(facts: Facts, sections: Sequence[StatusSection]) -> None:
    """Prints the same as JSON."""
    print_json(
        {
            "at": time_text(facts.at),
            "version": facts.version,
            "urgency": most_urgent(section.urgency for section in sections),
            "sections": [_section_view(section) for section in sections],
        }
    )


def _section_view(section: StatusSection) -> View:
    return {
        "subject": section.subject,
        "urgency": section.urgency,
        "facts": section.facts,
        "findings": [_finding_view(finding) for finding in section.findings],
    }


def _finding_view(finding: StatusFinding) -> View:
    advice = ADVICE[finding.code]
    return {
        "code": finding.code,
        "urgency": finding.urgency,
        "text": logs.redact(finding.text),
        "means": advice.means,
        "commands": finding.commands,
        "runbook": advice.runbook,
    }
