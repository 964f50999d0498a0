"""The figures from which something is wrong: alerts fire there, and `mm-gateway status` says so. In seconds, where no
other unit is named."""

from __future__ import annotations

from typing import Final

DAY_S: Final = 86_400

CLOCK_OFF_S: Final = 5
CERTIFICATE_ENDS_SOON_DAYS: Final = 2
CERTIFICATE_ENDS_DAYS: Final = 14
UNDELIVERED_MINUTES: Final = 30

DESCRIPTORS_NEAR_LIMIT: Final = 0.8
MEMORY_NEAR_LIMIT: Final = 0.85
JOURNAL_QUEUE_FULL: Final = 0.9
"""The last three are shares of a limit."""

FREE_BYTES: Final = 10**9
"""On the disk of a SQLite journal. No alert has it, since whoever runs the machine has one on every disk."""
