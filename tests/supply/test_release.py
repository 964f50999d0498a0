"""`make release`: what it makes is whole, the same bytes each time, and what should not be published is refused."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tarfile
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.supply import release
from tests.tidy.tree import PRODUCT, ROOT, files

VERSION = release.version_of(ROOT)
WHEEL = f"mm_wallet_gateway-{VERSION}-py3-none-any.whl"
SDIST = f"mm_wallet_gateway-{VERSION}.tar.gz"
CONTEXT = f"mm_wallet_gateway-{VERSION}-image.tar.gz"
DATED = f"## Unreleased\n\n## {VERSION} - 2026-12-01\n"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git(root: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=T", "-c", "user.email=t@example.com", *words],
        cwd=root,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a release is made of in a repository of its own: committed, dated, all migrations listed."""
    root = tmp_path / "clone"
    for path in files():
        if path.parts[0] in {*release.PACKED, "Dockerfile"}:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes((ROOT / path).read_bytes())
    (root / "CHANGELOG.md").write_text(DATED)
    (root / release.RELEASED_MIGRATIONS).parent.mkdir(parents=True)
    lines = [f"{digest(path.read_bytes())}  {name}\n" for name, path in release.migration_files(root).items()]
    (root / release.RELEASED_MIGRATIONS).write_text("".join(lines))
    git(root, "init")
    git(root, "add", "--all")
    git(root, "commit", "--message", "A release")
    return root


@pytest.fixture
def sbom(tmp_path: Path) -> Path:
    """In place of `make sbom`, which needs an environment of its own."""
    path = tmp_path / "sbom.json"
    path.write_text("{}")
    return path


def made(clone: Path, into: Path, sbom: Path) -> dict[str, bytes]:
    release.make(clone, files(), into, sbom, rehearsal=False)
    return {path.name: path.read_bytes() for path in into.iterdir()}


def test_a_release_is_whole_and_the_same_bytes_each_time(clone: Path, tmp_path: Path, sbom: Path) -> None:
    first = made(clone, tmp_path / "first", sbom)
    assert sorted(first) == sorted([WHEEL, SDIST, CONTEXT, "SHA256SUMS", "run.txt", "sbom.json"])
    os.utime(clone / "README.md", (0, 0))
    assert made(clone, tmp_path / "second", sbom) == first
    for line in first["SHA256SUMS"].decode().splitlines():
        told, name = line.split("  ")
        assert digest(first[name]) == told
    assert first["SHA256SUMS"].count(b"\n") == len(first) - 1

    ours = {str(path) for path in files() if path.parts[0] in PRODUCT} | {release.BUILD_MODULE}
    wheel = ZipFile(tmp_path / "first" / WHEEL)
    described = f"mm_wallet_gateway-{VERSION}.dist-info/"
    assert {name for name in wheel.namelist() if not name.startswith(described)} == ours
    entry_points = wheel.read(f"{described}entry_points.txt").decode()
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    assert [name for name in groups if f"[{name}]" not in entry_points] == []
    assert "mm-gateway = gateway.cli:main" in entry_points
    commit = release.commit_of(clone)
    assert wheel.read(release.BUILD_MODULE).decode() == commit.module
    assert re.fullmatch(r'COMMIT = "[0-9a-f]{40}"\nDATE = "20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"\n', commit.module)

    with tarfile.open(tmp_path / "first" / CONTEXT) as context:
        names = set(context.getnames())
    requirements = {f"requirements/{name}" for name in ("run.in", "run.txt", "build.txt", "tracing.in", "tracing.txt")}
    assert names == ours | requirements | {"Dockerfile", "pyproject.toml", "README.md", "LICENSE"}


def test_a_release_that_would_not_be_what_its_number_says_is_refused(clone: Path, tmp_path: Path, sbom: Path) -> None:
    assert release.objections(clone) == []
    git(clone, "tag", f"v{VERSION}")
    (clone / "CHANGELOG.md").write_text("## Unreleased\n")
    (clone / "gateway" / "journal" / "sqlite" / "migrations" / "0099_new.sql").write_text("")
    changed, undated, tagged, unlisted = release.objections(clone)
    assert "in no commit: commit them" in changed
    assert f"no heading `## {VERSION} - YYYY-MM-DD`" in undated
    assert f"{VERSION} is released, as the tag v{VERSION} says: raise `version`" in tagged
    assert "sqlite/migrations/0099_new.sql is not listed" in unlisted
    with pytest.raises(release.Refused, match="date the section"):
        release.make(clone, files(), tmp_path / "made", sbom, rehearsal=False)
    assert not (tmp_path / "made").exists()


def test_a_rehearsal_is_made_all_the_same_and_says_so_of_itself(clone: Path, tmp_path: Path, sbom: Path) -> None:
    (clone / "README.md").write_text("Changed.")
    release.make(clone, files(), tmp_path / "made", sbom, rehearsal=True)
    module = ZipFile(tmp_path / "made" / WHEEL).read(release.BUILD_MODULE).decode()
    assert " and changes" in module


def test_a_migration_that_was_released_is_as_it_was() -> None:
    found = release.migration_files(ROOT)
    for line in (ROOT / release.RELEASED_MIGRATIONS).read_text(encoding="utf-8").splitlines():
        told, name = line.split("  ")
        assert digest(found[name].read_bytes()) == told, name
