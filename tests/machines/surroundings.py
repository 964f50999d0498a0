"""What a new system needs of the machine that it is on: where packages come from, and how the network is reached."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

CERTIFICATES: Final = Path("/usr/local/share/ca-certificates")
PIP_CERTIFICATE: Final = Path("/etc/ssl/pip.crt")
NETWORK: Final = ("/etc/resolv.conf", "/etc/hosts")
PROXIES: Final = frozenset({"http_proxy", "https_proxy", "no_proxy"})
PIP: Final = frozenset({"index_url", "extra_index_url", "trusted_host", "proxy", "timeout", "default_timeout", "cert"})
"""Settings of pip that say how packages are reached. All others are this machine's own affair."""


def mirror() -> str | None:
    """The Debian mirror that this machine's apt uses; None if it uses none."""
    if shutil.which("apt-get") is None:
        return None
    fields = "$(RELEASE) $(REPO_URI)"
    return mirror_among(_output("apt-get", "indextargets", "--format", fields, "Created-By: Packages"))


def mirror_among(targets: str) -> str | None:
    """The first of these lines of `release URI` that is no addition (updates, security) to a release."""
    lines = (line.split() for line in targets.splitlines())
    return next((line[1] for line in lines if len(line) == 2 and "-" not in line[0]), None)


def environment() -> dict[str, str]:
    """The variables that a command in the new system is given."""
    proxies = {name: value for name, value in os.environ.items() if name.lower() in PROXIES}
    return {**proxies, **pip_variables(_output(sys.executable, "-m", "pip", "config", "list"))}


def pip_variables(listed: str) -> dict[str, str]:
    """What `pip config list` says, as variables for the pip of the new system; files of this machine are left out."""
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), reverse=True):  # what the environment says comes last, and holds
        place, _, value = line.partition("=")
        name = place.rpartition(".")[2].replace("-", "_")
        if name in PIP:
            reached = [word for word in ast.literal_eval(value).split() if not word.startswith("file:")]
            if reached:
                found[f"PIP_{name.upper()}"] = " ".join(reached)
    return found


def settle(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Gives the new system names, hosts and certificates of this machine; returns the variables as they hold there."""
    for each in NETWORK:
        if Path(each).exists():
            shutil.copyfile(each, folder / each.lstrip("/"))
    if CERTIFICATES.is_dir():
        shutil.copytree(CERTIFICATES, folder / str(CERTIFICATES).lstrip("/"), dirs_exist_ok=True)
    if "PIP_CERT" not in variables:
        return dict(variables)
    shutil.copyfile(variables["PIP_CERT"], folder / str(PIP_CERTIFICATE).lstrip("/"))
    return {**variables, "PIP_CERT": str(PIP_CERTIFICATE)}


def _output(*command: str) -> str:
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
