"""What the gateway is made of besides its own code: pinned, under licences that are allowed, and told truly."""

from __future__ import annotations

import re
from email.message import Message
from importlib.metadata import PackageMetadata
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tests.supply import advisories, images, licences
from tests.support.deploy_pages import page

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "config" / "compose" / "compose.yaml"
DIGEST = f"sha256:{'a' * 64}"


def test_every_package_that_the_gateway_runs_on_may_be_used() -> None:
    packages = licences.of_requirements([ROOT / "requirements" / "run.txt", ROOT / "requirements" / "tracing.txt"])
    lines, summary, status = licences.report(packages)
    assert status == 0, lines
    assert summary.endswith("all allowed")
    assert len([package for package in packages if package.licence]) > 30


@pytest.mark.parametrize(
    "expression, allowed",
    [
        ("MIT", True),
        ("Apache-2.0 AND BSD-2-Clause", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR GPL-3.0-only) AND ISC", False),
        ("AGPL-3.0-or-later", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_an_expression_is_met_with_allowed_licences_or_it_is_not(expression: str, allowed: bool) -> None:
    assert licences.is_allowed(expression) is allowed


@pytest.mark.parametrize(
    "fields, licence",
    [
        ([("License-Expression", "MIT")], "MIT"),
        ([("License", "Apache 2.0")], "Apache-2.0"),
        ([("License", "the whole text"), ("Classifier", "License :: OSI Approved :: MIT License")], "MIT"),
        ([("Classifier", "License :: OSI Approved :: GNU General Public License v3 (GPLv3)")],
         "GNU General Public License v3 (GPLv3)"),
        ([("Classifier", "License :: OSI Approved")], "unknown"),
    ],
)  # fmt: skip
def test_a_licence_is_found_in_newer_and_older_metadata(fields: list[tuple[str, str]], licence: str) -> None:
    told = Message()
    for name, value in fields:
        told[name] = value
    assert licences.licence_of(cast("PackageMetadata", told)) == licence


def test_a_licence_that_is_not_allowed_fails() -> None:
    lines, summary, status = licences.report([licences.Package("good", "MIT"), licences.Package("bad", "GPL-3.0-only")])
    assert lines == ["bad: GPL-3.0-only is not in the list of allowed licences"]
    assert (summary, status) == ("1 of 2 packages are NOT ALLOWED", 1)


def a_source(folder: Path, printed: str) -> Path:
    """A program in place of pip-audit."""
    program = folder / "pip-audit"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\n")
    program.chmod(0o755)
    return program


KNOWN = '{"name": "good", "version": "1", "vulns": []}'
SKIPPED = '{"name": "rare", "skip_reason": "not found"}'
BAD = '{"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}'


@pytest.mark.parametrize(
    "printed, environ, summary, status",
    [
        (f'{{"dependencies": [{KNOWN}]}}', {"CI": "1"}, "no known vulnerability in 1 packages", 0),
        (f'{{"dependencies": [{KNOWN}, {BAD}]}}', {}, "1 VULNERABILITIES in 2 packages", 1),
        (
            f'{{"dependencies": [{KNOWN}, {SKIPPED}]}}',
            {},
            "no known vulnerability in 1 packages, by pypi and osv; 1",
            0,
        ),
        (f'{{"dependencies": [{KNOWN}, {SKIPPED}]}}', {"CI": "1"}, "no known vulnerability", 1),
        (f'{{"dependencies": [{SKIPPED}]}}', {}, "not tried: no source of advisories", 0),
        (f'{{"dependencies": [{SKIPPED}]}}', {"CI": "1"}, "not tried", 1),
        ("Traceback: the network is down", {}, "not tried: no source of advisories (pypi, osv) could be asked", 0),
        ("Traceback: the network is down", {"CI": "1"}, "not tried", 1),
    ],
)
def test_an_audit_says_what_was_not_tried(
    tmp_path: Path, printed: str, environ: dict[str, str], summary: str, status: int
) -> None:
    _, said, ended = advisories.report([tmp_path / "run.txt"], environ, a_source(tmp_path, printed))
    assert said.startswith(summary)
    assert ended == status


def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"])


def pinned(image: str) -> bool:
    """Whether an image has a digest, or a variable that takes one and that the page names."""
    variable = images.VARIABLE.fullmatch(image)
    return bool(images.DIGEST.search(image)) or (variable is not None and f"`{variable[1]}`" in page("several"))


def test_every_image_of_the_compose_file_has_a_digest_or_a_variable_for_one() -> None:
    theirs = {name: service["image"] for name, service in services().items() if "build" not in service}
    assert len(theirs) == 5
    assert [name for name, image in theirs.items() if not pinned(image)] == []
    assert not pinned("postgres:18")
    assert not pinned("${OTHER_IMAGE:-postgres:18}")
    (argument,) = {service["build"]["args"]["PYTHON_IMAGE"] for service in services().values() if "build" in service}
    assert pinned(argument)


@pytest.mark.parametrize("file", [ROOT / "Dockerfile", ROOT / "gateway" / "scaffold" / "package" / "Dockerfile"])
def test_every_base_image_is_a_build_argument(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    declared = set(re.findall(r"^ARG (\w+)=", text.partition("FROM")[0], re.MULTILINE))
    assert bases
    assert [base for base in bases if base.strip("${}") not in declared] == []


def docker(folder: Path, monkeypatch: pytest.MonkeyPatch, printed: str) -> None:
    (folder / "docker").write_text(f"#!/bin/sh\necho '{printed}'\n")
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_the_digests_are_written_where_compose_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker(tmp_path, monkeypatch, DIGEST)
    lines, _, status = images.write_digests(COMPOSE, tmp_path / ".env")
    assert status == 0
    written = (tmp_path / ".env").read_text()
    assert written.splitlines() == lines
    names = {match[0] for match in images.VARIABLE.findall(COMPOSE.read_text(encoding="utf-8"))}
    assert {line.partition("=")[0] for line in lines} == names
    assert all(line.endswith(f"@{DIGEST}") for line in lines)


def test_without_an_answer_no_digest_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker(tmp_path, monkeypatch, "no such image")
    lines, summary, status = images.write_digests(COMPOSE, tmp_path / ".env")
    assert (len(lines), summary, status) == (6, "nothing written", 1)
    assert not (tmp_path / ".env").exists()


def test_nothing_is_built_with_a_tool_that_has_no_hash() -> None:
    """pip fetches what builds a package by itself, and looks at no hash, unless it is told not to."""
    files = ("docs/deploy/one-machine.md", "docs/releasing.md", "Dockerfile", "Makefile")
    builds = [
        line
        for file in files
        for line in (ROOT / file).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
        if re.search(r"pip\S*( --\S+)* (install|wheel)\b|\$\(PIP\) install", line) and re.search(r" \.( |$|`)", line)
    ]
    assert len(builds) >= 4
    assert [line for line in builds if "--no-build-isolation" not in line] == []
    assert "install --require-hashes -r requirements/build.txt -r requirements/run.txt" in page("one-machine")
