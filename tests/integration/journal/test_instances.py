"""What a journal knows of the gateways that use it: what each said of itself when it last renewed its lease."""

from __future__ import annotations

import msgspec

from gateway.journal.copy import CopyableJournal
from gateway.records import Instance
from tests.support.journals import NOW

FIRST = Instance(id="first", started_at=NOW, lease_until=NOW + 15, version="1.0.0", configuration="0123456789ab")
SILENT = Instance(id="silent", started_at=NOW + 1, lease_until=NOW + 16)


async def test_what_an_instance_last_said_of_itself_is_known(journal: CopyableJournal) -> None:
    await journal.renew_lease(SILENT)
    await journal.renew_lease(FIRST)
    assert await journal.instances() == [FIRST, SILENT]
    reloaded = msgspec.structs.replace(FIRST, lease_until=NOW + 20, configuration="ba9876543210")
    await journal.renew_lease(reloaded)
    assert await journal.instances() == [reloaded, SILENT]


async def test_an_instance_whose_work_was_taken_over_is_forgotten(journal: CopyableJournal) -> None:
    await journal.renew_lease(FIRST)
    await journal.renew_lease(SILENT)
    await journal.release_orphans(NOW + 15.5)
    assert await journal.instances() == [SILENT]
