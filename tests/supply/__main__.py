"""`make licences`, `make audit` and `make digests`: what the gateway is made of, besides its own code. `make release`:
what is published of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.supply import advisories, images, licences, release
from tests.tidy.tree import files

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
COMPOSE = ROOT / "config" / "compose"


def main(what: str) -> int:
    """Does it, prints a summary, and returns the exit status."""
    match what:
        case "licences":
            found = licences.of_requirements([REQUIREMENTS / "run.txt", REQUIREMENTS / "tracing.txt"])
            lines, summary, status = licences.report(found)
        case "audit":
            lines, summary, status = advisories.report(
                [REQUIREMENTS / "run.txt", REQUIREMENTS / "build.txt"], os.environ
            )
        case "digests":
            lines, summary, status = images.write_digests(COMPOSE / "compose.yaml", COMPOSE / ".env")
        case "release":
            lines, summary, status = release.report(
                ROOT / "dist", ROOT / "build" / "sbom.json", rehearsal=bool(os.environ.get("REHEARSAL")), files=files()
            )
        case _:
            lines, summary, status = [], "say which: licences, audit, digests, release", 2
    sys.stdout.writelines(f"{line}\n" for line in [*lines, f"make {what}: {summary}"])
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or ["nothing"]))
