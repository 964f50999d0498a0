"""Every canary of every adapter."""

from __future__ import annotations

from typing import Final

from tests.adapter_canaries import hub88, pragmatic, quantum

CANARIES: Final = (*quantum.CANARIES, *hub88.CANARIES, *pragmatic.CANARIES)
