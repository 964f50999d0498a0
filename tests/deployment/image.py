"""The gateway's image: built, looked at, and made to serve a purchase."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.wire.calls import WalletCall
from tests.deployment.builder import ROOT, Builder, Image
from tests.deployment.container import Container
from tests.machines.debian import copy_checkout
from tests.support.deploy_pages import page
from tests.support.instances import operator
from tests.support.ports import free_port
from tests.support.runtimes import far_operator
from tests.support.wallet_client import body, post

LABELS: Final = {"VERSION": "1.2.3", "REVISION": "0123456789abcdef", "SOURCE": "https://code.example/gateway"}
USERS: Final = ("1000680000:0", "54321:54321")
"""Of OpenShift: any id, in group 0. Of others: any id and group, to whom the state's folder was given."""

HASHED: Final = b"\x01\x00\x00\x00"
"""The flags of a .pyc that is held against no file: PEP 552."""

PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.1
PLUGIN: Final = re.compile(r"^```dockerfile\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def image_is_sound(builder: Builder, folder: Path) -> str:
    """Builds it twice, and tries all of it; returns what is wrong."""
    arguments = {"PYTHON_IMAGE": "localhost/python", **LABELS}
    sources = folder / "sources"  # both builds are of the same, also where somebody works in the checkout meanwhile
    copy_checkout(ROOT, sources)
    image, again = (builder.build(name, sources, arguments) for name in ("first", "second"))
    wrong = [f"the second build is another image: {_differences(image, again)}"] if image.digest != again.digest else []
    wrong += _wrong_labels(image.config)
    wrong += _wrong_files(image.root)
    for number, user in enumerate(USERS):
        wrong += asyncio.run(_purchase(image, folder / f"user-{number}", user))
    return "\n".join(wrong)


def plugins_are_added(builder: Builder, folder: Path) -> str:
    """Whether an adapter's package is in an image that is built on ours, by the page and by the adapter's own file."""
    subprocess.run(
        (sys.executable, "-m", "gateway.cli", "adapters", "new", "acme", "--to", folder),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    wheels = folder / "by-the-page" / "plugins"
    words = (
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        wheels,
    )
    subprocess.run((*words, folder / "acme"), check=True, stdout=subprocess.DEVNULL)
    (lines,) = PLUGIN.findall(page("one-machine"))
    (wheels.parent / "Dockerfile").write_text(lines.replace("mm-wallet-gateway:local", builder.tag("first")))
    by_the_page = builder.build("by-the-page", wheels.parent, {})
    by_its_own = builder.build("by-its-own", folder / "acme", {"GATEWAY": builder.tag("first")})
    return "\n".join(text for image in (by_the_page, by_its_own) for text in asyncio.run(_lacks_adapter(image, folder)))


async def _lacks_adapter(image: Image, folder: Path) -> list[str]:
    wrong = [f"its programs run as {image.config['User']}"] if image.config["User"].split(":")[0] != "10001" else []
    state, config = folder / "state", folder / "config"
    for each in (state, config):
        each.mkdir(exist_ok=True)
    status, said = await Container(image, config, state, USERS[0]).run("mm-gateway", "adapters")
    return wrong if status == 0 and "acme" in said else [*wrong, f"the adapter acme is not in it: {said}"]


def _differences(image: Image, other: Image) -> str:
    done = subprocess.run(
        ("diff", "-rq", "--no-dereference", image.root / "opt", other.root / "opt"),
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout[-2000:] or "its files are the same, its configuration or times are not"


def _wrong_labels(config: dict[str, Any]) -> Iterator[str]:
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items() if "opencontainers" in name}
    expected = {
        **{name.lower(): value for name, value in LABELS.items()},
        "licenses": "Apache-2.0",
        "title": "mm-gateway",
    }
    yield from (f"label {name}: {labels.get(name)}" for name, value in expected.items() if labels.get(name) != value)
    if not re.fullmatch(r"[1-9]\d*:0", config["User"]):
        yield f"its user {config['User']} is no number, so that Kubernetes cannot see that it is not root"
    if config.get("Healthcheck", {}).get("Test") != ["CMD", "mm-gateway", "health"]:
        yield f"its check is {config.get('Healthcheck')}"


def _wrong_files(root: Path) -> Iterator[str]:
    """What a reproducible and contained image has not."""
    gateway = root / "opt" / "gateway"
    compiled = list(gateway.rglob("*.pyc"))
    if not compiled:
        yield "nothing in it is compiled"
    yield from (f"{path}: held against its source's time" for path in compiled if path.read_bytes()[4:8] != HASHED)
    for path in gateway.rglob("*"):
        status = path.lstat()
        if not stat.S_ISLNK(status.st_mode) and (status.st_uid != 0 or status.st_mode & (stat.S_IWOTH | stat.S_ISUID)):
            yield f"{path}: the gateway could change it, or become another by it"
    for name in ("root/.cache", "src", "opt/build"):
        if (root / name).exists():
            yield f"/{name} is left in it"


async def _purchase(image: Image, folder: Path, user: str) -> list[str]:
    """Plays one at a gateway that runs as this user."""
    config, state = folder / "config", folder / "state"
    config.mkdir(parents=True)
    shutil.copytree(image.root / "var" / "lib" / "mm-gateway", state)  # as a new volume gets what the image has there
    owner, group = (int(id) for id in user.split(":"))
    status = (image.root / "var" / "lib" / "mm-gateway").stat()
    os.chown(state, *((status.st_uid, status.st_gid) if group == 0 else (owner, group)))
    async with far_operator() as far:
        port = free_port()
        content = {
            "server": {"host": "127.0.0.1", "port": port},
            "admin": {"port": free_port()},
            "operators": {"acme": operator(far)},
        }
        (config / "gateway.yaml").write_text(yaml.safe_dump(content))
        container = Container(image, config, state, user)
        await container.start()
        try:
            return [f"as {user}: {text}" for text in await _played(container, image, f"http://127.0.0.1:{port}")]
        except TimeoutError:
            return [f"as {user}, it does not become healthy: {await container.end()}"]
        finally:
            await container.end()


async def _played(container: Container, image: Image, url: str) -> list[str]:
    check = image.config["Healthcheck"]["Test"][1:]
    async with asyncio.timeout(PATIENCE_S):
        while (await container.run(*check, "--ready"))[0] != 0:
            await asyncio.sleep(LOOK_S)
    wrong = []
    status, said = await container.run(*check)
    if status != 0:
        wrong.append(f"its own check says {said}")
    for call in (WalletCall.WITHDRAW, WalletCall.CONFIRM_WITHDRAWAL):
        answered = await post(url, call, body(call, "1234abcd"))
        if answered.status != 200:
            wrong.append(f"{call} was answered {answered.status}")
    status, said = await container.run("mm-gateway", "transfers", "show", "1234abcd")
    if status != 0 or "confirmed" not in said:
        wrong.append(f"the purchase is not confirmed: {said}")
    status, said = await container.run("touch", "/opt/gateway/mine")
    if status == 0 or "Read-only file system" not in said:
        wrong.append(f"the image is not read-only: {said}")
    stopped = await container.stop()
    return [*wrong, f"it ended with status {stopped}"] if stopped else wrong
