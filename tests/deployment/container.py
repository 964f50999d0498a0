"""A program of an image, run as Kubernetes would: as any user id, with the image read-only, and nothing besides."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.deployment.builder import Image

ALONE: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
ENTER: Final = """
root=$1 state=$2 config=$3 user=$4; shift 4
mount --bind "$root" "$root" && mount -o remount,bind,ro "$root" &&
mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc" && mount -t tmpfs tmpfs "$root/tmp" &&
mount --bind "$state" "$root/var/lib/mm-gateway" &&
mount --bind "$config" "$root/etc/mm-gateway" && mount -o remount,bind,ro "$root/etc/mm-gateway" &&
exec setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"
"""
IN_FOLDER: Final = ("/bin/sh", "-c", 'cd "$0" && exec "$@"')


class Container:
    """Programs of this image, with the folder of the configuration and the one for state mounted."""

    def __init__(self, image: Image, config: Path, state: Path, user: str) -> None:
        self._image = image
        self._arguments = (str(image.root), str(state), str(config), user)
        (image.root / "etc" / "mm-gateway").mkdir(exist_ok=True)  # as whoever runs an image does for what it mounts
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *words: str) -> None:
        """The image's entry point with these words, or its own; it goes on."""
        config = self._image.config
        self._process = await self._spawn(*config["Entrypoint"], *(words or config["Cmd"]))

    async def run(self, *words: str) -> tuple[int, str]:
        """Another program beside it: exit status and all output."""
        process = await self._spawn(*words)
        output, _ = await process.communicate()
        return await process.wait(), output.decode(errors="replace")

    async def stop(self) -> int:
        """Sends what the image wants to be stopped with to its first process, and returns the exit status."""
        assert self._process is not None
        os.kill(_child_of(self._process.pid), signal.Signals[self._image.config["StopSignal"]])
        return await self._process.wait()

    async def end(self) -> str:
        """Ends it, however it stands; returns what it has printed."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        output, _ = await self._process.communicate()
        return output.decode(errors="replace")

    async def _spawn(self, *words: str) -> asyncio.subprocess.Process:
        config = self._image.config
        environment = ("/usr/bin/env", "--ignore-environment", *config["Env"])
        return await asyncio.create_subprocess_exec(
            *ALONE, "/bin/sh", "-c", ENTER, "enter", *self._arguments,
            *environment, *IN_FOLDER, config["WorkingDir"], *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip


def _child_of(pid: int) -> int:
    """The first process of the namespace that it has made."""
    (first,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(first)
