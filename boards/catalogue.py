"""The boards that there are."""

from __future__ import annotations

from typing import Final

from boards import journal, operator, overview, process, rollbacks
from boards.panel import Board

BOARDS: Final[tuple[Board, ...]] = (overview.BOARD, operator.BOARD, rollbacks.BOARD, journal.BOARD, process.BOARD)
