"""Who uses a journal at this moment, for what needs it unused: a copy, and most migrations."""

from __future__ import annotations

from gateway.journal.interface import JournalInUse
from gateway.records import Leases
from gateway.telemetry.audit import time_text


def require_silence(journal: str, leases: Leases, doing: str) -> None:
    """Raises `JournalInUse` if a lease on the journal is live. `doing` is what needs it unused."""
    if leases.live:
        each = ", ".join(f"{one.id} (until {time_text(one.lease_until)})" for one in leases.live)
        raise JournalInUse(
            f"{doing} is refused while gateways use the journal {journal}: {each}; each name is a host, a process id "
            "and a random number. Stop these gateways, and run it again: one that was killed counts until then. "
            "--force does it all the same; its help says what that risks"
        )
