"""Every query that the boards and the rules ask, put to a real Prometheus until it has returned data."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from boards.asked import queries
from tests.monitoring.prometheus import Prometheus

AS_GRAFANA_WOULD: Final = {"__rate_interval": "2s", "__range": "1m"}
AGAIN_S: Final = 2.0


class Query(msgspec.Struct, frozen=True):
    """`may_be_empty`: whether no data is a good answer."""

    where: str
    expr: str
    may_be_empty: bool = False


class Asking:
    """`unanswered` are the queries to which no data has come so far. An error ends it: see `Prometheus.query`."""

    def __init__(self, prometheus: Prometheus) -> None:
        self.unanswered: list[Query] = []
        self._prometheus = prometheus

    async def ask(self) -> None:
        """Asks again and again what is unanswered, until it is cancelled."""
        self.unanswered = [*_of_boards(), *await self._of_recordings()]
        while True:
            await self.ask_once()
            await asyncio.sleep(AGAIN_S)

    async def ask_once(self) -> None:
        for query in tuple(self.unanswered):
            if any(sample.is_number for sample in await self._prometheus.query(query.expr)):
                self.unanswered.remove(query)

    async def _of_recordings(self) -> list[Query]:
        """An alert's query is answered when it fires."""
        rules = await self._prometheus.rules()
        return [Query(rule.name, rule.name) for rule in rules if not rule.alerting]


def _of_boards() -> list[Query]:
    return [
        Query(f"{asked.board}: {asked.panel}", asked.expr, asked.may_be_empty) for asked in queries(AS_GRAFANA_WOULD)
    ]
