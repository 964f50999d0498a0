"""A fresh virtual environment with the gateway's own wheel, made without network: what it depends on is seen in the
environment of the tests."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import Final, NamedTuple

from tests.supply import release
from tests.tidy.tree import ROOT, files

OFFLINE: Final = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # "no" set to "no": pip reads it as --no-build-isolation
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
MADE_AT: Final = 1_700_000_000

PIP: Final = """#!/bin/sh
exec {python} -m pip "$@"
"""

CURL: Final = """#!{python}
import argparse, base64, sys, urllib.error, urllib.request
options = argparse.ArgumentParser()
options.add_argument("url")
for name in ("--user", "--json", "--data", "--request"):
    options.add_argument(name)
options.add_argument("--silent", action="store_true")
options.add_argument("--show-error", action="store_true")
given = options.parse_args()
body = given.json if given.json is not None else given.data
headers = {{"Content-Type": "application/json"}} if given.json is not None else {{}}
if given.user is not None:
    headers["Authorization"] = "Basic " + base64.b64encode(given.user.encode()).decode()
method = given.request or ("GET" if body is None else "POST")
request = urllib.request.Request(given.url, None if body is None else body.encode(), headers, method=method)
try:
    answer = urllib.request.urlopen(request)
except urllib.error.HTTPError as error:
    answer = error
print(answer.read().decode())
"""
"""As much of curl as the pages use: not every machine has it."""


class Done(NamedTuple):
    """What came of commands: their exit status, and all that they printed."""

    status: int
    printed: str


class FreshEnvironment:
    """A virtual environment in this folder."""

    def __init__(self, folder: Path) -> None:
        self._bin = folder / "environment" / "bin"
        venv.create(folder / "environment", symlinks=True)
        python = self._bin / "python"
        self._show_dependencies()
        self._add_program("pip", PIP.format(python=python))
        self._add_program("curl", CURL.format(python=python))
        done = subprocess.run(
            [self._bin / "pip", "install", "--quiet", "--no-deps", _wheel(folder / "gateway")],
            env={**os.environ, **OFFLINE},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables with which its programs are found."""
        own = {name: value for name, value in os.environ.items() if name not in {"MM_GATEWAY_CONFIG", "PYTHONPATH"}}
        return {**own, **OFFLINE, "PATH": f"{self._bin}:{os.environ['PATH']}", "PYTHONUTF8": "1"}

    def run(self, script: str, folder: Path) -> Done:
        """Runs these shell commands; the first that fails ends them."""
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", script],
            cwd=folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout)

    def _add_program(self, name: str, script: str) -> None:
        program = self._bin / name
        program.write_text(script)
        program.chmod(0o755)

    def _show_dependencies(self) -> None:
        # A folder that a .pth file names is searched, but its own .pth files are not read: so the gateway that is
        # installed there for development is not seen, only what it depends on.
        paths = sysconfig.get_paths()
        site_packages = next((self._bin.parent / "lib").glob("python3*/site-packages"))
        (site_packages / "dependencies.pth").write_text(f"{paths['purelib']}\n{paths['platlib']}\n")


def _wheel(folder: Path) -> Path:
    """The wheel as `make release` makes it, from a copy of the project's files."""
    release.export(ROOT, files(), folder, commit=None)
    return release.wheel_of(folder, folder, made_at=MADE_AT)
