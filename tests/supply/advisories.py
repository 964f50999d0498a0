"""Known vulnerabilities of the pinned packages, by pip-audit from each source of advisories that can be reached."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

PIP_AUDIT: Final = Path(__file__).parents[2] / ".venv-audit" / "bin" / "pip-audit"
SOURCES: Final = ("pypi", "osv")
TIMEOUT_S: Final = 300


class Audited(NamedTuple):
    """What one source says: how many packages it knows, which it does not, and what it has against them."""

    known: int
    unknown: list[str]
    findings: list[str]


def report(files: list[Path], environ: Mapping[str, str], program: Path = PIP_AUDIT) -> tuple[list[str], str, int]:
    """Lines about what was found, a summary, and the exit status. With `CI` in the environment it is an error if no
    source can be reached, or none knows a package."""
    audited = {source: _audited(source, files, program) for source in SOURCES}
    reached = {source: one for source, one in audited.items() if one is not None and one.known}
    if not reached:
        return [], f"not tried: no source of advisories ({', '.join(SOURCES)}) could be asked", int("CI" in environ)
    findings = sorted({finding for one in reached.values() for finding in one.findings})
    unasked = sorted(set.intersection(*(set(one.unknown) for one in reached.values())))
    lines = [*findings, *(f"not tried: {name} is not known there" for name in unasked)]
    known, sources = max(one.known for one in reached.values()), " and ".join(reached)
    verdict = f"{len(findings)} VULNERABILITIES" if findings else "no known vulnerability"
    failed = findings or (unasked and "CI" in environ)
    return lines, f"{verdict} in {known} packages, by {sources}; {len(unasked)} not known there", int(bool(failed))


def _audited(source: str, files: list[Path], program: Path) -> Audited | None:
    """None if the source could not be asked."""
    command = [str(program), "--disable-pip", "--require-hashes", "--vulnerability-service", source, "--format", "json"]
    named = [word for file in files for word in ("--requirement", str(file))]
    done = subprocess.run(
        [*command, "--progress-spinner", "off", "--timeout", "15", *named],
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    try:
        return _read(json.loads(done.stdout))
    except ValueError:
        return None


def _read(told: Any) -> Audited:
    packages = told["dependencies"]
    known = [package for package in packages if "skip_reason" not in package]
    findings = [
        f"{package['name']} {package['version']}: {each['id']}, corrected in {', '.join(each['fix_versions']) or '?'}"
        for package in known
        for each in package["vulns"]
    ]
    return Audited(len(known), [package["name"] for package in packages if "skip_reason" in package], findings)
