"""The README's two commands in a minimal Debian made for them, as a newcomer would give them: `make test-on`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Final

from tests.machines import surroundings
from tests.machines.debian import Debian, Failed, folder_for, missing

ROOT: Final = Path(__file__).parents[2]
SYSTEMS: Final = ROOT / "build" / "machines"
CHECKOUT: Final = "gateway"
COMMANDS: Final = ("make demo", "make test")


def tried(release: str, who: list[str], workers: int) -> None:
    """Raises `Failed` at the first command that ends badly."""
    with folder_for(release, SYSTEMS) as folder:
        say(f"{release}: installing it in {folder.relative_to(ROOT)}")
        system = Debian(folder, {})
        system.install(release, surroundings.mirror())
        system = Debian(folder, surroundings.settle(folder, surroundings.environment()))
        system.run("root", "update-ca-certificates > /dev/null && python3 --version")
        for each in who:
            system.bring(ROOT, each, CHECKOUT)
            for command in COMMANDS:
                say(f"{release}, as {each}: {command}")
                system.run(each, f"cd {CHECKOUT} && {command} WORKERS={workers}")
            system.run("root", f"rm -rf ~{each}/{CHECKOUT} ~{each}/.cache")
    say(f"{' and '.join(COMMANDS)} passed on {release} as {' and as '.join(who)}")


def say(what: str) -> None:
    print(f"make test-on: {what}", flush=True)  # noqa: T201 - a command's own output


def main() -> int:
    parser = argparse.ArgumentParser(prog="make test-on")
    parser.add_argument("--dist", required=True, help="a release of Debian, by its name: trixie")
    parser.add_argument("--as", dest="who", choices=("user", "root"), help="both if not given")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    lacking = missing(os.geteuid())
    if lacking:
        say(f"makes a Debian in a folder and enters it, for which this machine lacks: {', '.join(lacking)}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        tried(given.dist, [given.who] if given.who else ["user", "root"], given.workers)
    except Failed as failed:
        say(f"{given.dist}: {failed}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; nothing is left")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
