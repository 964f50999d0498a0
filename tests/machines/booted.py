"""A Debian of a folder that is booted: its systemd is process 1 in namespaces of its own, with no network but loopback.

Everything that runs in it and is mounted for it ends with it. Needs root, and cgroups of version 2, with or without
controllers.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.machines.debian import Failed

NAMESPACES: Final = ("--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net")
BOOT: Final = """
mount --make-rprivate / && mount --bind "$1" "$1"
mount -t proc proc "$1/proc" && mount -t sysfs -o ro sysfs "$1/sys" && mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid tmpfs "$1/dev" && mkdir "$1/dev/shm" "$1/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts" && ln -s pts/ptmx "$1/dev/ptmx"
for device in null zero full random urandom tty; do
    touch "$1/dev/$device" && mount --bind "/dev/$device" "$1/dev/$device"
done
mount -t tmpfs -o mode=755,nosuid tmpfs "$1/run" && mount -t tmpfs tmpfs "$1/tmp"
# Services get mounts of their own: for that the root has to be a mount, and shared, as on a machine.
cd "$1" && pivot_root . . && umount -l . && mount --make-rshared .
exec env -i container=mm-gateway-test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd
"""
PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.2
REMOVALS: Final = 50


class Booted:
    """The system whose process 1 has this id here."""

    def __init__(self, pid: int) -> None:
        self._enter = (
            "nsenter", f"--target={pid}", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net", "--root", "--wd",
            "env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/srv", "LC_ALL=C.UTF-8",
        )  # fmt: skip

    def run(self, script: str) -> tuple[int, str]:
        """Runs a shell's script there as root: exit status and all output."""
        done = subprocess.run(
            [*self._enter, "/bin/sh", "-euc", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", check=False, timeout=PATIENCE_S * 3,
        )  # fmt: skip
        return done.returncode, done.stdout.strip()


@contextmanager
def booted(folder: Path) -> Iterator[Booted]:
    """Gives the system once it has started all that is enabled in it. Raises `Failed` where it cannot be booted."""
    with _cgroup() as group, tempfile.TemporaryFile() as said:
        join = f'echo $$ > {group}/cgroup.procs && exec "$@"'
        command = ("/bin/sh", "-ec", join, "join", "unshare", *NAMESPACES, "--fork", "--kill-child")
        boot = ("/bin/sh", "-ec", BOOT, "boot", str(folder))
        process = subprocess.Popen([*command, *boot], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            yield _started(process)
        except TimeoutError:
            said.seek(0)
            raise Failed(f"its systemd does not start: {said.read()[-500:].decode(errors='replace')}") from None
        finally:
            process.kill()
            process.wait()


def _started(process: subprocess.Popen[bytes]) -> Booted:
    """Raises `TimeoutError`."""
    ends_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends_at and process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if children:
            system = Booted(int(children[0]))
            if system.run("systemctl is-system-running")[1] in {"running", "degraded"}:
                return system
        time.sleep(LOOK_S)
    raise TimeoutError


@contextmanager
def _cgroup() -> Iterator[Path]:
    """An own one, as the root of the system's."""
    with tempfile.TemporaryDirectory(prefix="mm-cgroup-") as mounted:
        _must("mount", "-t", "cgroup2", "cgroup2", mounted)
        try:
            own = Path(tempfile.mkdtemp(prefix="mm-gateway-", dir=mounted))
            try:
                yield own
            finally:
                _remove(own)
        finally:
            _must("umount", mounted)


def _remove(group: Path) -> None:
    """Those that were killed need a moment to be gone."""
    for _ in range(REMOVALS):
        folders = sorted((each for each in group.rglob("*") if each.is_dir()), key=lambda each: -len(each.parts))
        try:
            for each in (*folders, group):
                each.rmdir()
        except OSError:
            time.sleep(LOOK_S)
        else:
            return
    group.rmdir()


def _must(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip()}")
