"""A minimal Debian with buildah in it, which builds images without a Docker engine: from a Dockerfile, step by step.

The images that a Dockerfile begins with lie in registries, which not every machine reaches. Here it begins with a
minimal Debian that has Python: what the Dockerfile does is tried, not what its base image brings.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.machines import surroundings
from tests.machines.debian import Debian, Failed, copy_checkout, folder_for, missing
from tests.support.programs import Unobtainable

ROOT: Final = Path(__file__).parents[2]
SYSTEMS: Final = ROOT / "build" / "images"
RELEASE: Final = "trixie"
"""Its Python is of the version that the Dockerfile asks for."""

PYTHON: Final = "python3,python3-venv,ca-certificates"
TOOLS: Final = "buildah netavark docker-compose"
BASE: Final = "localhost/python"
EPOCH: Final = 315532800
"""The Dockerfile's SOURCE_DATE_EPOCH: all files and the image are said to be of that time."""

WORK: Final = "work"
PREPARE: Final = f"""
update-ca-certificates > /dev/null
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends {TOOLS} > /dev/null
mkdir -p /etc/containers
echo '{{"default": [{{"type": "insecureAcceptAnything"}}]}}' > /etc/containers/policy.json
"""
BEGIN: Final = "export BUILDAH_ISOLATION=chroot; "
MAKE_BASE: Final = f"""
made=$(buildah from scratch)
buildah add --quiet "$made" /{WORK}/base / > /dev/null
buildah config --env PATH=/usr/local/bin:/usr/bin:/bin "$made"
buildah commit --quiet "$made" {BASE} > /dev/null
"""
BUILD: Final = """
buildah build --pull=never --format docker --network host --timestamp {epoch} \\
  {limits} {arguments} --tag {tag} {context} > /{work}/log 2>&1
buildah push --quiet {tag} oci:/{work}/oci/{name}:{name}
buildah inspect --type image {tag} > /{work}/{name}.json
cp -a "$(buildah mount $(buildah from --pull=never {tag}))" /{work}/{name}.root
"""


class Image(NamedTuple):
    """What was built: its digest as an OCI image, its Docker configuration, its files in a folder of this machine."""

    digest: str
    config: dict[str, Any]
    root: Path


class Builder:
    """Builds images in this system."""

    def __init__(self, system: Debian) -> None:
        self._system = system
        self._work = system.folder / WORK

    def build(self, name: str, context: Path, arguments: Mapping[str, str]) -> Image:
        """From the Dockerfile in this folder. Raises `Failed`, with the end of what was printed."""
        there = self._work / f"context-{name}"
        shutil.copytree(context, there)
        words = " ".join(f"--build-arg {shlex.quote(f'{key}={value}')}" for key, value in arguments.items())
        values = {"arguments": words, "limits": _limits(), "epoch": EPOCH, "work": WORK, "name": name}
        script = BUILD.format(tag=self.tag(name), context=f"/{WORK}/{there.name}", **values)
        (self._work / "oci").mkdir(exist_ok=True)
        try:
            self._system.run("root", BEGIN + script)
        except Failed:
            raise Failed((self._work / "log").read_text(errors="replace")[-2000:]) from None
        return self._image(name)

    def tag(self, name: str) -> str:
        """What a later build may begin with."""
        return f"localhost/{name}"

    def check_compose(self, checkout: Path) -> None:
        """Has docker-compose read our file. Raises `Failed`."""
        copy_checkout(checkout, self._work / "compose")
        self._system.run("root", f"docker-compose -f /{WORK}/compose/config/compose/compose.yaml config --quiet")

    def _image(self, name: str) -> Image:
        index = json.loads((self._work / "oci" / name / "index.json").read_text())
        inspected = json.loads((self._work / f"{name}.json").read_text())
        return Image(index["manifests"][0]["digest"], inspected["Docker"]["config"], self._work / f"{name}.root")


def _limits() -> str:
    """This machine's own: buildah's are higher than some machines let anybody have."""
    limits = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    return " ".join("--ulimit {}={}:{}".format(name, *resource.getrlimit(limit)) for name, limit in limits.items())


@contextmanager
def builder() -> Iterator[Builder]:
    """A new one, gone with all it has built at the end. Raises `Unobtainable`, `Failed`."""
    if lacking := missing(os.geteuid()):
        raise Unobtainable(
            f"images are built in a Debian of their own, for which this machine lacks: {', '.join(lacking)}"
        )
    with folder_for(RELEASE, SYSTEMS) as folder:
        plain = Debian(folder, {})
        plain.install(RELEASE, surroundings.mirror(), PYTHON)
        base = folder / WORK / "base"
        base.mkdir(parents=True)
        _copy(folder, base)
        _make_python(base)
        system = Debian(folder, surroundings.settle(folder, surroundings.environment()))
        system.run("root", PREPARE)
        system.run("root", BEGIN + MAKE_BASE)
        yield Builder(system)


def _copy(system: Path, base: Path) -> None:
    """All of it that an image needs."""
    for each in system.iterdir():
        if each.name not in {WORK, "dev", "proc", "sys"}:
            if each.is_dir() and not each.is_symlink():
                shutil.copytree(each, base / each.name, symlinks=True)
            else:
                shutil.copy2(each, base, follow_symlinks=False)
    for name in ("dev", "proc", "sys"):
        (base / name).mkdir()
    for name in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(base / name, ignore_errors=True)


def _make_python(base: Path) -> None:
    """What the official image has besides: the name `python`; and how pip gets through from this machine."""
    (base / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")
    found = surroundings.settle(base, surroundings.environment()).items()
    settings = (f"{name.removeprefix('PIP_').lower()} = {value}" for name, value in found if name.startswith("PIP_"))
    (base / "etc" / "pip.conf").write_text("\n".join(["[global]", *settings, ""]))
