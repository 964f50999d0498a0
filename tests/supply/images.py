"""The container images that a deployment is made of: each has a digest, or a variable that takes one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

VARIABLE: Final = re.compile(r"\$\{([A-Z]+_IMAGE):-([\w./-]+:[\w.-]+)\}")
"""How a Compose file names an image that may be given another way: its variable, and what it is without."""

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
ASK: Final = ("docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}")


def write_digests(compose: Path, environment: Path) -> tuple[list[str], str, int]:
    """Asks each image's registry for the digest that its tag has now, and writes all where `docker compose` reads them.

    Returns lines about each, a summary, and the exit status; where one cannot be had, nothing is written.
    """
    wanted = dict(VARIABLE.findall(compose.read_text(encoding="utf-8")))
    digests = {name: _digest(image) for name, image in wanted.items()}
    if missing := [wanted[name] for name, digest in digests.items() if digest is None]:
        return [f"no digest could be had of {image}" for image in missing], "nothing written", 1
    lines = [f"{name}={wanted[name]}@{digest}" for name, digest in digests.items()]
    environment.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return lines, f"{len(lines)} images pinned in {environment.name} beside {compose.name}", 0


def _digest(image: str) -> str | None:
    try:
        done = subprocess.run([*ASK, image], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    found = done.stdout.strip()
    return found if DIGEST.fullmatch(found) else None
