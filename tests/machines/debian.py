"""A minimal Debian in a folder: what a newcomer's new machine has, and nothing else.

Whatever is mounted for it is mounted in a namespace of its own, and so is gone with the last process in it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PACKAGES: Final = "python3,python3-venv,make,git,ca-certificates"
SCRIPTS: Final = Path("/usr/share/debootstrap/scripts")
ALONE: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
ENTER: Final = """
mount --bind "$1" "$1" && mount --rbind /dev "$1/dev" && mount --rbind /sys "$1/sys" && mount -t proc proc "$1/proc" &&
exec chroot --userspec="$2:$2" "$1" /bin/sh -ec "cd && $3"
"""
REMOVALS: Final = 50
HOMES: Final = {"user": Path("/home") / "user", "root": Path("/root")}


class Failed(Exception):
    """What was run ended badly."""


class Debian:
    """The system in `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = environment

    def install(self, release: str, mirror: str | None, packages: str = PACKAGES) -> None:
        """Puts a minimal one there, with an ordinary user in it, from this mirror or from debootstrap's own choice."""
        script = SCRIPTS / (release if (SCRIPTS / release).exists() else "sid")
        places = (mirror, str(script)) if mirror else ()
        command = ("debootstrap", "--variant=minbase", f"--include={packages}", release, str(self.folder), *places)
        log = self.folder.with_name(f"{self.folder.name}.log")
        try:
            with log.open("wb") as out:
                done = subprocess.run([*ALONE, *command], check=False, stdout=out, stderr=out)
            if done.returncode != 0:
                raise Failed(f"debootstrap cannot make a Debian {release}: {log.read_text(errors='replace')[-1000:]}")
        finally:
            log.unlink()
        self.run("root", f"useradd --create-home --home-dir {HOMES['user']} --shell /bin/sh user")

    def run(self, who: str, script: str) -> None:
        """Runs a shell's script there as `user` or `root`, in their home."""
        command = (*ALONE, "/bin/sh", "-c", ENTER, "enter", str(self.folder), who, script)
        own = {"HOME": str(HOMES[who]), "USER": who, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        done = subprocess.run(command, check=False, env={**self._environment, **own}, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Failed(f"as {who}: {script}: status {done.returncode}")

    def bring(self, checkout: Path, who: str, name: str) -> None:
        """Copies every file that belongs to the checkout, as it stands, to a folder in the home of `user` or `root`."""
        copy_checkout(checkout, self.folder / HOMES[who].relative_to("/") / name)
        self.run("root", f"chown -R {who}:{who} {HOMES[who]}/{name}")
        self.run(who, f"git init --quiet {name}")


def copy_checkout(checkout: Path, to: Path) -> None:
    """Copies every file that belongs to it, as it stands."""
    listed = _output("git", "-C", str(checkout), "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for each in filter(None, listed.split("\0")):
        if (checkout / each).is_file():
            (to / each).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / each, to / each, follow_symlinks=False)


@contextmanager
def folder_for(release: str, among: Path) -> Iterator[Path]:
    """A new folder for a system, gone with everything in it at the end."""
    among.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{release}-", dir=among))
    folder.chmod(0o755)  # it is going to be somebody's /
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Those who were ended by an interrupt may still write for a moment."""
    for _ in range(REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    shutil.rmtree(folder)


def missing(euid: int, which: Callable[[str], str | None] = shutil.which) -> list[str]:
    """What this machine lacks to make one."""
    programs = [program for program in ("debootstrap", "unshare", "chroot", "git") if which(program) is None]
    return [*(["root"] if euid != 0 else []), *programs]


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
