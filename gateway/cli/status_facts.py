"""What `mm-gateway status` finds out before it judges: facts, and why some of them could not be had."""

from __future__ import annotations

import msgspec

from gateway.journal.interface import JournalMeasures
from gateway.records import Instance, KeyedReason, Timeline, UnfinishedCount


class ConfigurationFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration's file. `hash` as `runtime.configuration_hash` makes it; empty where that cannot be told.

    `problems`: why a gateway would refuse it. `unreadable`: secrets that this user, in this environment, cannot read.
    """

    file: str
    hash: str = ""
    problems: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """A circuit breaker that is not closed, for one group of calls to an operator."""

    operator: str
    calls: str
    state: str


class GatewayFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway that this machine runs, as its admin listener tells.

    `problem`: why it could not be asked; `metrics_problem`: why its metrics could not, and then the rest is empty.
    `certificates`: when each one in use ends (Unix seconds). `used`: shares of limits, by name.
    """

    address: str = ""
    problem: str = ""
    metrics_problem: str = ""
    liveness_problems: tuple[str, ...] = ()
    readiness_problems: tuple[str, ...] = ()
    version: str = ""
    configuration: str = ""
    reload_ok: bool = True
    breakers: tuple[Breaker, ...] = ()
    certificates: dict[str, float] = {}
    used: dict[str, float] = {}


class JournalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One journal at the time `now` by its own clock (Unix seconds). What could not be read is None or empty.

    `problem`: why it could not be read, `problem_code` the finding that this is. `write_problem`: why a write
    would not be durable. `undelivered`: some of the transfers that the operator has not acknowledged, of each operator
    the newest. `reasons`: why the gateway itself has rolled back lately, newest first.
    """

    name: str
    store: str
    now: float
    problem: str = ""
    problem_code: str = "journal_unreachable"
    write_problem: str = ""
    measures: JournalMeasures | None = None
    instances: tuple[Instance, ...] = ()
    unfinished: tuple[UnfinishedCount, ...] = ()
    undelivered: tuple[Timeline, ...] = ()
    reasons: tuple[KeyedReason, ...] = ()
    log_readers: tuple[str, ...] = ()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known at one moment, by this machine's clock (Unix seconds).

    `version` is this command's own. `operators`: those of the configuration, None where that cannot be read.
    `certificates`: when each one in the configuration's files ends (Unix seconds).
    """

    at: float
    version: str
    configuration: ConfigurationFacts
    gateway: GatewayFacts
    journals: tuple[JournalFacts, ...]
    operators: frozenset[str] | None
    certificates: dict[str, float]
