"""`make release`: what is published of a version: wheel, sdist, the context of the image, the SBOM, the pinned
dependencies and the checksums. Whoever builds the same commit with the same Python has the same bytes.

A release is refused where it would not be what its number says. `REHEARSAL=yes` builds all the same.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parents[2]
PACKED: Final = frozenset({"gateway", "adapters", "pyproject.toml", "README.md", "LICENSE", "requirements"})
"""What wheel and sdist are made from."""

RELEASED_MIGRATIONS: Final = "tests/supply/released_migrations.sha256"
BUILD_MODULE: Final = "gateway/_build.py"

_HOOK: Final = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
_COPY: Final = re.compile(r"^COPY (?!--from)(.+)$", re.MULTILINE)


class Refused(Exception):
    """The release would not be what its number says: each line is one reason, and what to do."""


class Commit(msgspec.Struct, frozen=True):
    """What is built: the commit's name, when it was made in Unix seconds, and whether the files are exactly its."""

    name: str
    made_at: int
    exact: bool

    @property
    def module(self) -> str:
        """The module that tells it to the program."""
        date = datetime.fromtimestamp(self.made_at, UTC).isoformat()
        return f'COMMIT = "{self.name}{"" if self.exact else " and changes"}"\nDATE = "{date}"\n'


def version_of(root: Path) -> str:
    """The version, from the one place where it stands."""
    project: dict[str, str] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["version"]


def commit_of(root: Path) -> Commit:
    """The commit that is checked out there."""
    name, made_at = _git(root, "log", "-1", "--format=%H %ct").split()
    return Commit(name, int(made_at), exact=not _git(root, "status", "--porcelain"))


def objections(root: Path) -> list[str]:
    """Why this may not be released, each with what to do; empty if it may."""
    version = version_of(root)
    found = []
    if _git(root, "status", "--porcelain"):
        found.append("there are changes that are in no commit: commit them, or take them back (git status)")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d{{2}}-\d{{2}}$", changelog, re.MULTILINE):
        found.append(f"CHANGELOG.md has no heading `## {version} - YYYY-MM-DD`: date the section of this version")
    if _git(root, "tag", "--list", f"v{version}"):
        found.append(f"{version} is released, as the tag v{version} says: raise `version` in pyproject.toml")
    listed = (root / RELEASED_MIGRATIONS).read_text(encoding="utf-8")
    found += [
        f"{name} is not listed in {RELEASED_MIGRATIONS}: list it with `make released-migrations`"
        for name in migration_files(root)
        if f"  {name}\n" not in listed
    ]
    return found


def migration_files(root: Path) -> dict[str, Path]:
    """Every migration, by its path below gateway/journal."""
    folder = root / "gateway" / "journal"
    return {str(path.relative_to(folder)): path for path in sorted(folder.glob("*/migrations/*.sql"))}


def make(root: Path, files: Iterable[Path], into: Path, sbom: Path, *, rehearsal: bool) -> list[str]:
    """Builds all of it from these files of `root` into the folder, which is emptied. Returns the names of what it made.

    Raises `Refused`.
    """
    if (why := objections(root)) and not rehearsal:
        raise Refused("\n".join(why))
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    commit = commit_of(root)
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "source"
        export(root, files, source, commit)
        wheel_of(source, into, commit.made_at, sdist_too=True)
        context = [source / "Dockerfile", *_copied_by(source / "Dockerfile")]
        _pack(source, context, into / f"mm_wallet_gateway-{version_of(root)}-image.tar.gz", commit.made_at)
    shutil.copyfile(sbom, into / "sbom.json")
    shutil.copyfile(root / "requirements" / "run.txt", into / "run.txt")
    names = sorted(path.name for path in into.iterdir())
    sums = [f"{hashlib.sha256((into / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (into / "SHA256SUMS").write_text("".join(sums))
    return [*names, "SHA256SUMS"]


def export(root: Path, files: Iterable[Path], into: Path, commit: Commit | None) -> None:
    """Copies the files, relative to `root`, and writes the module that names the build, if it is one."""
    for path in files:
        if path.parts[0] in {*PACKED, "Dockerfile"}:
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, into / path)
    if commit is not None:
        (into / BUILD_MODULE).write_text(commit.module)


def wheel_of(source: Path, into: Path, made_at: int, *, sdist_too: bool = False) -> Path:
    """Builds the sdist, and the wheel from what is in it, so that both are whole. Returns the wheel's path."""
    with tempfile.TemporaryDirectory() as place:
        made = source / "dist" / _build(source, "build_sdist", made_at)
        with tarfile.open(made) as archive:
            archive.extractall(place, filter="data")
        (unpacked,) = Path(place).iterdir()
        if sdist_too:
            _pack(unpacked.parent, [unpacked], into / made.name, made_at)
        made.unlink()
        name = _build(unpacked, "build_wheel", made_at)
        return Path(shutil.move(unpacked / "dist" / name, into / name))


def report(into: Path, sbom: Path, *, rehearsal: bool, files: Iterable[Path]) -> tuple[list[str], str, int]:
    """Lines, a summary and an exit status for `make release`."""
    try:
        names = make(ROOT, files, into, sbom, rehearsal=rehearsal)
    except Refused as refused:
        return str(refused).splitlines(), "REFUSED; REHEARSAL=yes builds all the same, for a trial", 1
    what = f"a rehearsal of {version_of(ROOT)}" if rehearsal else version_of(ROOT)
    return [f"{into.name}/{name}" for name in names], f"{what} is in {into.name}", 0


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def _build(source: Path, hook: str, made_at: int) -> str:
    """Calls a hook of the build backend (PEP 517) there, with its result in `dist`. Returns the result's file name."""
    (source / "dist").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _HOOK, hook, "dist"],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(made_at)},
        umask=0o022,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()[-1]


def _copied_by(dockerfile: Path) -> list[Path]:
    """What the instructions COPY take from the context."""
    copied = [name for words in _COPY.findall(dockerfile.read_text(encoding="utf-8")) for name in words.split()[:-1]]
    return [dockerfile.parent / name for name in copied]


def _pack(root: Path, contents: Iterable[Path], archive: Path, made_at: int) -> None:
    """A tar file of these files and folders with nothing in it of this machine, this user or this moment."""
    paths = {file for path in contents for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()}
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=made_at) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(paths):
            entry = tarfile.TarInfo(str(path.relative_to(root)))
            content = path.read_bytes()
            entry.size, entry.mtime, entry.mode = len(content), made_at, 0o644
            tar.addfile(entry, io.BytesIO(content))
