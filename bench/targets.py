"""The targets, each a ratio (or a bound) within one run on the same cores."""

from __future__ import annotations

from typing import Final, NamedTuple

from bench.results import TargetResult


class Target(NamedTuple):
    """A measured value must be `at_least` its bound, or else at most."""

    what: str
    bound: float
    at_least: bool = True

    def result(self, key: str, value: float, evidence: str, bound: float | None = None) -> TargetResult:
        """The result for a measured value. `bound` replaces the target's own if it depends on the machine."""
        limit = self.bound if bound is None else bound
        return TargetResult(target=key, value=value, bound=limit, at_least=self.at_least, evidence=evidence)


TARGETS: Final = {
    "rollback/fastify": Target("rollbackWithdrawal with everything on, against Fastify's http-proxy", 1.0),
    "rollback/aiohttp": Target("the same, against aiohttp as a typed pass-through", 1.6),
    "rollback/by_hand": Target("the same, against the service written by hand", 20.0),
    "rollback/dbos": Target("the same, against the saga on DBOS", 40.0),
    "balance/aiohttp": Target("getBalance, against aiohttp as a typed pass-through", 1.9),
    "hub88/one-core": Target("a purchase through Hub88, against quantum, on one core", 0.3),
    "hub88/two-cores": Target("the same with a second core", 0.55),
    "alone/added-ms": Target("one rollback alone: added p50, ms (bound: two fsyncs and 0.5 ms)", 0.5, at_least=False),
    "half/p99": Target("at half of the highest rate: p99 over p50", 10.0, at_least=False),
    "rows/calls": Target("calls on a journal full of finished transfers, against an empty one", 0.9),
    "rows/claims": Target("deliveries on a journal full of finished transfers, against an empty one", 0.9),
    "backlog/rate": Target("delivering a backlog, against the rate of calls", 0.5),
    "backlog/memory": Target("memory while delivering a backlog, above idle, MiB", 64.0, at_least=False),
    "hanging/rate": Target("another operator hanging at its limit: calls, against without it", 0.95),
    "hanging/p99": Target("the same: p99, against without it", 1.2, at_least=False),
    "postgres/rate": Target("the PostgreSQL journal, against SQLite", 0.6),
    "workers/balance": Target("two workers against one, on two cores with the load: getBalance", 1.5),
    "workers/rollback": Target("the same: rollbackWithdrawal, with PostgreSQL on these cores too", 1.5),
}
