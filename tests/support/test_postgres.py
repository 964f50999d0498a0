from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.postgres import binaries, copied

USED = ("initdb", "pg_basebackup", "pg_ctl", "pg_dump", "pg_isready", "pg_restore", "postgres", "psql")


@pytest.mark.parametrize("version", [16, 18])
def test_postgresql_s_programs_find_their_libraries_when_copied(version: int, tmp_path: Path) -> None:
    folder = copied(binaries(version), tmp_path / "elsewhere")
    for program in USED:
        ran = subprocess.run([folder / program, "--version"], check=False, capture_output=True, text=True)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert f"(PostgreSQL) {version}." in ran.stdout
