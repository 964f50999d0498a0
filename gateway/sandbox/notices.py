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
        return self.hand_out(self.write_down(body))

    def write_down(self, body: bytes) -> str:
        """Keeps a notice. Returns its order. Raises as `take` does."""
        notice: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        order = str(notice.get("cpOrderId"))
        self.bodies.setdefault(order, []).append(body)
        return order

    def hand_out(self, order: str) -> bool:
        """Hands out an order's goods. Returns whether it is the first time; else it has them already."""
        is_first = order not in self.goods
        if is_first:
            self.goods[order] += 1
        return is_first
