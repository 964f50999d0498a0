"""The real SQLite store without its threads: every commit happens on the loop, in virtual time, in the same order."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Self

from gateway.journal.group_commit import Batch, GroupCommit, GroupedWrites
from gateway.journal.interface import JournalMeasures, JournalUnavailable, Position, ReasonFilter, TransferFilter
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import SqliteFile
from gateway.journal.sqlite.store import SqliteStore
from gateway.journal.writes import CheckWritable, NamePlayer
from gateway.records import (
    Instance,
    Key,
    KeyedReason,
    MovedOperator,
    ReasonTotal,
    Recipient,
    Session,
    Timeline,
    Transfer,
    UnfinishedCount,
)
from gateway.telemetry.metrics import Metrics


class InlineJournal(GroupedWrites):
    """`Journal` over one store that several instances of a simulation may share. A commit takes `commit_s`.

    While `away` is set, writes and reads fail with its text; with `ambiguous` they are made durable all the same.
    """

    exclusive = False

    @classmethod
    def at(cls, path: Path, commit_s: float = 0.001) -> Self:
        store = SqliteStore(SqliteFile(str(path), exclusive=True), Sealer([]))
        store._connection.pragma("synchronous", "OFF")  # two virtual days would wait for the disk otherwise
        return cls(store, commit_s)

    def __init__(self, store: SqliteStore, commit_s: float = 0.001) -> None:
        self._store = store
        self._reads = store.reads
        self._commit_s = commit_s
        self._loop = asyncio.get_running_loop()
        self.away = ""
        self.ambiguous = False
        self.commits = 0
        super().__init__(GroupCommit("default", self._send, Metrics()))

    async def measure(self) -> JournalMeasures:
        self._require()
        return JournalMeasures(schema=0, transfers=0, sessions=0, data_bytes=0)

    async def last_lease(self) -> float | None:
        self._require()
        return self._reads.last_lease()

    async def moved_operators(self) -> list[MovedOperator]:
        self._require()
        return self._reads.moved_operators()

    async def instances(self) -> list[Instance]:
        self._require()
        return self._reads.instances()

    async def find(self, key: Key) -> Transfer | None:
        self._require()
        return self._reads.find(key)

    async def find_session(self, operator: str, token: str) -> Session | None:
        self._require()
        return self._reads.find_session(operator, token)

    async def next_due(self, operator: str, recipient: Recipient = Recipient.OPERATOR) -> float | None:
        self._require()
        return self._reads.next_due(operator, recipient)

    async def timeline(self, key: Key) -> Timeline | None:
        self._require()
        return self._reads.timeline(key)

    async def list_transfers(
        self, where: TransferFilter, *, limit: int, after: Position | None = None
    ) -> list[Transfer]:
        self._require()
        return self._reads.list_transfers(where, limit, after)

    async def list_reasons(
        self, where: ReasonFilter, *, limit: int, after: Position | None = None
    ) -> list[KeyedReason]:
        self._require()
        return self._reads.list_reasons(where, limit, after)

    async def count_transfers(self, where: TransferFilter) -> int:
        self._require()
        return self._reads.count_transfers(where)

    async def count_listed_reasons(self, where: ReasonFilter) -> int:
        self._require()
        return self._reads.count_listed_reasons(where)

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        self._require()
        return self._reads.count_reasons(where)

    async def count_unfinished(self, abandoned_before: float) -> list[UnfinishedCount]:
        self._require()
        return self._reads.count_unfinished(abandoned_before)

    async def name_player(self, key: Key, player_id: str) -> None:
        await self._group.write(NamePlayer(key=key, player_id=player_id))

    async def check_writable(self) -> None:
        await self._group.write(CheckWritable())

    async def close(self) -> None:
        await self._group.close()

    def _send(self, batch: Batch) -> None:
        self._loop.call_later(self._commit_s, self._commit, batch)

    def _commit(self, batch: Batch) -> None:
        self.commits += 1
        if self.away and not self.ambiguous:
            self._group.fail(batch, JournalUnavailable(self.away))
            return
        answers = self._store.apply(batch.writes)
        if self.away:
            self._group.fail(batch, JournalUnavailable(self.away))
        else:
            self._group.settle(batch, answers, self._commit_s)

    def _require(self) -> None:
        if self.away:
            raise JournalUnavailable(self.away)
