"""The board Journal: whether every transfer can be recorded, how fast, and what is left of disk and connections."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from boards import links
from boards.colours import Colour
from boards.expressions import (
    JOURNAL,
    NOW,
    at_end,
    gauge,
    increase,
    journal_gauge,
    quantile,
    total,
    where,
    worst,
)  # fmt: skip
from boards.links import runbook
from boards.panel import Board, Kind, Panel, Query, Section, Step
from boards.waiting import age_of_count

_SLOW: Final = (Step(0.1, Colour.WAITING), Step(0.5, Colour.FAILED))
_FULL: Final = (Step(0.5, Colour.WAITING), Step(0.9, Colour.FAILED))
_OFF: Final = (Step(1, Colour.WAITING), Step(5, Colour.FAILED))
_WAITING: Final = gauge("journal_writes_waiting", JOURNAL, "max", "instance, journal")
_PLACES: Final = gauge("journal_writes_limit", JOURNAL, "max", "instance, journal")
_QUEUE: Final = f"max ({_WAITING} / {_PLACES})"
_QUEUE_OF_EACH: Final = f"max by (instance) ({_WAITING} / {_PLACES})"
_AVERAGE_BATCH: Final = (
    f"{total('journal_batch_writes_sum', JOURNAL)} / ({total('journal_batch_writes_count', JOURNAL)} > 0)"
)
_OFFSET: Final = f"abs(mm_gateway_clock_offset_seconds{{{JOURNAL}}})"

NOW_ROW: Final = (
    Panel(
        "Commits that failed, 5 min",
        "Can every transfer be recorded?",
        Kind.STAT,
        "short",
        (Query(increase("journal_failures_total", JOURNAL, window=NOW)),),
        good="0.",
        act="Withdraws are refused, nothing is sent. Free space on the disk or bring the database back; no restart is "
        "needed. `mm-gateway check --probe` says whether it can write.",
        links=(runbook("JournalFails"), links.CHECK, links.OVERVIEW),
        steps=(Step(0.5, Colour.FAILED),),
        width=4,
        height=3,
        decimals=0,
    ),
    Panel(
        "Time of a commit, p95",
        "Is it fast?",
        Kind.STAT,
        "s",
        (Query(quantile(0.95, "journal_commit_seconds", JOURNAL, window=NOW)),),
        good="Below 100 ms: every call that moves money waits for two commits.",
        act="The disk or the database is slow.",
        links=(runbook("JournalSlow"), links.PROCESS, links.OVERVIEW),
        steps=_SLOW,
        width=4,
        height=3,
        empty="no commits",
    ),
    Panel(
        "Queue in use",
        "Can more writes wait?",
        Kind.STAT,
        "percentunit",
        (Query(_QUEUE),),
        good="Near 0 on the fullest gateway.",
        act="The journal does not keep up with the load; when the queue is full, calls are refused.",
        links=(runbook("JournalQueueFull"), runbook("JournalSlow"), links.OVERVIEW),
        steps=_FULL,
        width=4,
        height=3,
        decimals=0,
    ),
    Panel(
        "Writes refused, 5 min",
        "Were calls refused because the queue was full?",
        Kind.STAT,
        "short",
        (Query(increase("journal_refusals_total", JOURNAL, window=NOW)),),
        good="0.",
        act="See the time of commits: the journal does not keep up.",
        links=(runbook("JournalQueueFull"), links.OVERVIEW),
        steps=(Step(0.5, Colour.FAILED),),
        width=4,
        height=3,
        decimals=0,
    ),
    replace(
        age_of_count(JOURNAL),
        act="This journal does not answer: what the boards say about parked, held and undelivered transfers is this "
        "old.",
        links=(runbook("Uncounted"), links.CHECK, links.OVERVIEW),
        width=4,
    ),
    Panel(
        "Largest clock offset",
        "Do the gateways' clocks agree with the database's?",
        Kind.STAT,
        "s",
        (Query(f"max ({_OFFSET})"),),
        good="Below a second. SQLite has no clock of its own, so there is none.",
        act="Leases and schedules go by these clocks. See which instance, and its time service.",
        links=(runbook("ClockOff"), links.PROCESS),
        steps=_OFF,
        width=4,
        height=3,
        empty="no database",
    ),
)

WRITING: Final = (
    Panel(
        "Time of a commit",
        "How long does it take to make a batch durable?",
        Kind.LINES,
        "s",
        (
            Query(quantile(0.5, "journal_commit_seconds", JOURNAL), "half are faster (p50)"),
            Query(quantile(0.95, "journal_commit_seconds", JOURNAL), "19 of 20 are faster (p95)"),
            Query(quantile(0.99, "journal_commit_seconds", JOURNAL), "99 of 100 are faster (p99)"),
        ),
        good="p95 below 100 ms.",
        act="All of them high: the disk or the database. p99 alone: checkpoints, or another user of the disk.",
        links=(runbook("JournalSlow"), links.PROCESS),
        steps=_SLOW,
        colours={
            "half are faster (p50)": Colour.OTHER,
            "19 of 20 are faster (p95)": Colour.LOAD,
            "99 of 100 are faster (p99)": Colour.OK,
        },
    ),
    Panel(
        "Slowest gateways (p95 of commits), worst five",
        "Is it the database, or one gateway's way to it?",
        Kind.LINES,
        "s",
        (
            Query(
                worst(
                    quantile(0.95, "journal_commit_seconds", JOURNAL, "instance"),
                    at_end(quantile(0.95, "journal_commit_seconds", JOURNAL, "instance", "$__range")),
                    by="instance",
                ),
                "{{instance}}",
            ),
        ),
        good="All alike.",
        act="One is slower: its disk, or its network to the database.",
        links=(runbook("JournalSlow"), links.PROCESS),
        steps=_SLOW,
    ),
    Panel(
        "Commits that failed, by gateway",
        "When did it fail, and where?",
        Kind.STACK,
        "short",
        (Query(increase("journal_failures_total", JOURNAL, "instance", "$__rate_interval"), "{{instance}}"),),
        good="0.",
        act="One gateway: its disk or its network. All: the database.",
        links=(runbook("JournalFails"), runbook("JournalInterrupted"), links.CHECK, links.PROCESS),
        steps=(Step(0.5, Colour.FAILED),),
        shades=Colour.FAILED,
    ),
    Panel(
        "Commits and writes",
        "How much is written?",
        Kind.LINES,
        "ops",
        (
            Query(total("journal_batch_writes_sum", JOURNAL), "writes"),
            Query(total("journal_batch_writes_count", JOURNAL), "commits"),
        ),
        good="Both follow the load; under load a commit holds several writes.",
        act="Nothing is written although the game calls: see the failures.",
        links=(runbook("JournalFails"), links.OVERVIEW),
        colours={"writes": Colour.LOAD, "commits": Colour.OTHER},
    ),
    Panel(
        "Writes in one commit",
        "How near is the journal to its limit?",
        Kind.LINES,
        "short",
        (
            Query(_AVERAGE_BATCH, "on average"),
            Query(quantile(0.95, "journal_batch_writes", JOURNAL), "19 of 20 are smaller (p95)"),
        ),
        good="Below a hundred.",
        act="Several hundred: commits are the limit. A faster disk, or another journal for some operators.",
        links=(runbook("JournalQueueFull"), links.OVERVIEW),
        steps=(Step(256, Colour.WAITING),),
        colours={"on average": Colour.OTHER, "19 of 20 are smaller (p95)": Colour.LOAD},
        empty="no commits",
    ),
    Panel(
        "Queue in use, by gateway",
        "Does a queue build up?",
        Kind.LINES,
        "percentunit",
        (Query(_QUEUE_OF_EACH, "{{instance}}"),),
        good="Near 0.",
        act="It grows: commits take too long. At the limit calls are refused.",
        links=(runbook("JournalQueueFull"), runbook("JournalSlow"), links.OVERVIEW),
        steps=_FULL,
    ),
)

RESOURCES: Final = (
    Panel(
        "Rows",
        "How fast does the journal grow?",
        Kind.LINES,
        "short",
        (Query(f"sum by (table) ({journal_gauge('journal_rows', JOURNAL, 'journal, table')})", "{{table}}"),),
        good="Level once `journal.keep` is reached: old transfers are removed.",
        act="It grows without end: pruning does not run. The log says why.",
        links=(runbook("JournalSlow"), links.OVERVIEW),
        colours={"transfers": Colour.LOAD, "sessions": Colour.OTHER},
        width=6,
    ),
    Panel(
        "Size on disk",
        "Will the disk be full?",
        Kind.LINES,
        "bytes",
        (Query(f"sum by (part) ({journal_gauge('journal_bytes', JOURNAL, 'journal, part')})", "{{part}}"),),
        good="Data follows the rows; SQLite's log stays below some hundred megabytes.",
        act="The log grows without end: a reader, such as a backup, keeps it from being emptied.",
        links=(runbook("JournalFails"), links.OVERVIEW),
        colours={"data": Colour.LOAD, "log": Colour.OTHER},
        width=6,
    ),
    Panel(
        "Database connections, fullest gateway",
        "Are there enough connections?",
        Kind.LINES,
        "short",
        (
            Query(gauge("journal_connections", where(JOURNAL, state="in_use"), "max"), "in use"),
            Query(gauge("journal_connections", where(JOURNAL, state="idle"), "max"), "idle"),
            Query(gauge("journal_connections_limit", JOURNAL, "min"), "limit of connections"),
        ),
        good="In use below the limit. SQLite has none.",
        act="At the limit for long: slow queries, or a `connections` that is too low. Neither in use nor idle: the "
        "database is away.",
        links=(runbook("JournalFails"), runbook("JournalSlow"), links.PROCESS),
        colours={"in use": Colour.LOAD, "idle": Colour.OTHER, "limit of connections": Colour.LIMIT},
        width=6,
        empty="no database",
    ),
    Panel(
        "Clocks against the database, worst five",
        "Which gateway's clock is off?",
        Kind.LINES,
        "s",
        (
            Query(
                worst(
                    f"max by (instance) (mm_gateway_clock_offset_seconds{{{JOURNAL}}})",
                    f"max by (instance) (max_over_time({_OFFSET}[$__range:] @ end()))",
                    by="instance",
                ),
                "{{instance}}",
            ),
        ),
        good="All between -1 and 1 second.",
        act="One is off: its time service. All are off alike: the database's.",
        links=(runbook("ClockOff"), runbook("ClockStepped"), links.PROCESS),
        steps=_OFF,
        width=6,
        empty="no database",
    ),
)

BOARD: Final = Board(
    "journal",
    "Wallet gateway: Journal",
    "Whether every transfer can be recorded, how fast, and what is left of disk and connections.",
    (
        Section("", NOW_ROW),
        Section("Writing", WRITING),
        Section("Disk, connections and clocks", RESOURCES),
    ),
    variables=("datasource", "job", "instance", "journal"),
)
