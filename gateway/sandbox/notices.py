"""What the game is told of payments."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec


class Notices:
    """The game's books. `bodies` has the notices of each order as they came; `goods` counts how often goods were
    handed out for it."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = {}
        self.goods: Counter[str] = Counter()

    def take(self, body: bytes) -> bool:
        """Takes a notice. Returns whether it is the order's first; an order that comes again has its goods already.

        Raises `msgspec.DecodeError` where it is not a JSON object.
        """
        notice: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        order = str(notice.get("cpOrderId"))
        seen = self.bodies.setdefault(order, [])
        seen.append(body)
        is_first = len(seen) == 1
        if is_first:
            self.goods[order] += 1
        return is_first
