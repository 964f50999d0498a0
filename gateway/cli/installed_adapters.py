"""The adapters that are installed, as commands show and check them."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple

from gateway.operators import registry
from gateway.operators.adapter import Adapter, implements_look_up
from gateway.sandbox.simulated import ENTRY_POINTS, simulated_operators
from gateway.testing.subject import Subject, has_deposits
from gateway.testing.suite import Report, check_adapter


class InstalledAdapter(NamedTuple):
    """An adapter and the distribution that brought it. `subject` is what the suite tests; it is None if the adapter
    cannot be loaded or has no simulated operator, and `problem` says why."""

    name: str
    distribution: str
    version: str
    interface: int | None = None
    capabilities: tuple[str, ...] = ()
    subject: Subject | None = None
    problem: str = ""


def installed_adapters() -> list[InstalledAdapter]:
    """Every adapter that is installed, by name, broken ones included."""
    entries = {entry.name: entry for entry in entry_points(group=registry.GROUP)}
    return [_describe(entries[name]) for name in registry.names()]


async def report_of(installed: InstalledAdapter) -> Report:
    """Plays the suite on it."""
    assert installed.subject is not None
    return await check_adapter(installed.name, installed.subject)


def _describe(entry: EntryPoint) -> InstalledAdapter:
    found = InstalledAdapter(
        entry.name, entry.dist.name if entry.dist else "", entry.dist.version if entry.dist else ""
    )
    problem = registry.problem(entry.name)
    if problem is not None:
        return found._replace(problem=problem)
    adapter = registry.adapter(entry.name)
    found = found._replace(interface=adapter.interface, capabilities=_capabilities(adapter))
    try:
        simulated = simulated_operators()[entry.name].load()
    except KeyError:
        return found._replace(problem=f"it brings no simulated operator (entry point group {ENTRY_POINTS})")
    except Exception as error:  # noqa: BLE001 - a plugin's own code, in which anything can go wrong
        return found._replace(problem=f"its simulated operator does not load: {error!r}")
    return found._replace(subject=Subject(adapter, simulated))


def _capabilities(adapter: type[Adapter]) -> tuple[str, ...]:
    can = {
        "deposits": has_deposits(adapter),
        "look_up": implements_look_up(adapter),
        "needs_player": adapter.needs_player,
    }
    fresh = (f"fresh {part}" for part in sorted(adapter.fresh))
    return (*(name for name, has in can.items() if has), *fresh)
