"""The board Process and edge: each gateway as a process, and what reaches it from outside."""

from __future__ import annotations

from typing import Final

from boards import links
from boards.colours import Colour
from boards.expressions import INSTANCE, NOW, gauge, increase, quantile, total, where
from boards.links import runbook
from boards.panel import Board, Column, Kind, Panel, Query, Section, Step

_DAY_S: Final = 86400
_MEMORY: Final = (
    f"{gauge('process_resident_memory_bytes', INSTANCE, 'max', 'instance')}"
    f" / {gauge('memory_limit_bytes', INSTANCE, 'max', 'instance')}"
)
_OPEN_FILES: Final = gauge("process_open_fds", INSTANCE, "max", "instance")
_FILES: Final = f"{_OPEN_FILES} / {gauge('process_max_fds', INSTANCE, 'max', 'instance')}"
_CONNECTIONS: Final = (
    f"{gauge('connections', where(INSTANCE, listener='wallet'), 'max', 'instance')}"
    f" / {gauge('connections_limit', where(INSTANCE, listener='wallet'), 'min', 'instance')}"
)
_CERTIFICATE_DAYS: Final = (
    f"({gauge('certificate_expiry_timestamp_seconds', INSTANCE, 'min', 'certificate')} - time()) / {_DAY_S}"
)
_LAG: Final = (Step(0.25, Colour.WAITING), Step(1, Colour.FAILED))
_NEAR: Final = (Step(0.85, Colour.WAITING), Step(0.95, Colour.FAILED))
_ENDS: Final = (Step(2, Colour.WAITING), Step(14, Colour.OK))

NOW_ROW: Final = (
    Panel(
        "Gateways up",
        "Do all gateways answer?",
        Kind.STAT,
        "percentunit",
        (Query(f"avg (up{{{INSTANCE}}})"),),
        good="100 %.",
        act="See which instance is missing in the table below, and the log of systemd or of the container runtime.",
        links=(runbook("Down"), runbook("AllDown"), links.OVERVIEW),
        steps=(Step(0.001, Colour.WAITING), Step(1, Colour.OK)),
        base=Colour.FAILED,
        width=3,
        height=3,
        decimals=0,
    ),
    Panel(
        "Since last restart",
        "Was a gateway restarted?",
        Kind.STAT,
        "s",
        (Query(f"min (time() - process_start_time_seconds{{{INSTANCE}}})"),),
        good="As long ago as the last deployment.",
        act="Minutes, without a deployment: it is killed. Out of memory, a failing liveness check, or somebody.",
        links=(runbook("Down"), runbook("MemoryNearLimit"), links.OVERVIEW),
        steps=(Step(600, Colour.OK),),
        base=Colour.WAITING,
        width=3,
        height=3,
    ),
    Panel(
        "Loop lag, p99",
        "Does anything keep the event loop busy?",
        Kind.STAT,
        "s",
        (Query(quantile(0.99, "loop_lag_seconds", INSTANCE, window=NOW)),),
        good="Below 250 ms.",
        act="Every call waits this long in addition. See CPU: near one core, add an instance.",
        links=(runbook("LoopStalls"), links.OVERVIEW),
        steps=_LAG,
        width=3,
        height=3,
    ),
    Panel(
        "Memory used",
        "Will one be killed for its memory?",
        Kind.STAT,
        "percentunit",
        (Query(f"max ({_MEMORY})"),),
        good="Below 85 % of the limit of its control group, on the fullest gateway.",
        act="It keeps growing: report it, and restart that gateway before the kernel does.",
        links=(runbook("MemoryNearLimit"), links.OVERVIEW),
        steps=_NEAR,
        width=3,
        height=3,
        decimals=0,
        empty="no limit",
    ),
    Panel(
        "Descriptors used",
        "Will connections be refused?",
        Kind.STAT,
        "percentunit",
        (Query(f"max ({_FILES})"),),
        good="Below 85 % of the allowed number, on the fullest gateway.",
        act="Raise `ulimit -n`, or lower `server.max_connections`.",
        links=(runbook("ConnectionsFull"), links.OVERVIEW),
        steps=_NEAR,
        width=3,
        height=3,
        decimals=0,
    ),
    Panel(
        "Certificate ends in",
        "Is a certificate about to end?",
        Kind.STAT,
        "d",
        (Query(f"min ({_CERTIFICATE_DAYS})"),),
        good="More than two weeks.",
        act="Renew it, then reload the gateway: SIGHUP loads the new one without losing a call.",
        links=(runbook("CertificateEndsSoon"), runbook("CertificateEnds"), links.OVERVIEW),
        steps=_ENDS,
        base=Colour.FAILED,
        width=3,
        height=3,
        decimals=0,
        empty="no certificates",
    ),
    Panel(
        "Last reload",
        "Do all gateways run the newest configuration?",
        Kind.STAT,
        "short",
        (Query(gauge("config_reload_ok", INSTANCE, "min")),),
        good="applied.",
        act="refused: the former configuration is still in use; `mm-gateway check` says what is wrong with the new "
        "one.",
        links=(runbook("ConfigNotReloaded"), links.CHECK_FILE, links.OVERVIEW),
        states={0: ("refused", Colour.FAILED), 1: ("applied", Colour.OK)},
        steps=(Step(1, Colour.OK),),
        base=Colour.FAILED,
        width=3,
        height=3,
    ),
    Panel(
        "Log lines lost, 1 h",
        "Is the log complete?",
        Kind.STAT,
        "short",
        (Query(increase("log_lines_dropped_total", INSTANCE, window="1h")),),
        good="0.",
        act="What reads the log does not keep up: a full disk, or a collector that is stuck. Calls go on.",
        links=(runbook("LogLinesDropped"), links.OVERVIEW),
        steps=(Step(0.5, Colour.WAITING),),
        width=3,
        height=3,
        decimals=0,
    ),
)

PROCESS: Final = (
    Panel(
        "Loop lag by gateway (p99)",
        "Which gateway is too busy?",
        Kind.LINES,
        "s",
        (Query(quantile(0.99, "loop_lag_seconds", INSTANCE, "instance"), "{{instance}}"),),
        good="All below 250 ms.",
        act="One: its machine. All: the load; add an instance.",
        links=(runbook("LoopStalls"), links.OVERVIEW),
        steps=_LAG,
    ),
    Panel(
        "CPU by gateway",
        "How near is each gateway to one core for each of its workers?",
        Kind.LINES,
        "percentunit",
        (
            Query(
                f"sum by (instance) (rate(process_cpu_seconds_total{{{INSTANCE}}}[$__rate_interval]))"
                f" / {gauge('workers', INSTANCE, 'max', 'instance')}",
                "{{instance}}",
            ),
        ),
        good="Below 70 %: the rest is for peaks. Of several workers it is the average.",
        act="Add a worker where a core is free, or an instance; the journal is shared, so it takes its part of the "
        "load at once.",
        links=(runbook("LoopStalls"), links.OVERVIEW),
        maximum=1,
        steps=(Step(0.7, Colour.WAITING), Step(0.95, Colour.FAILED)),
    ),
    Panel(
        "Workers by gateway",
        "Do workers end and come back?",
        Kind.LINES,
        "short",
        (
            Query(gauge("workers", INSTANCE, "max", "instance"), "{{instance}}"),
            Query(increase("workers_replaced_total", INSTANCE, "instance", window="15m"), "{{instance}} replaced"),
        ),
        good="As many as `workers` of the configuration, and none replaced.",
        act="Some are replaced: the gateway's log says how they ended.",
        links=(runbook("WorkersEnd"), links.OVERVIEW),
    ),
    Panel(
        "Memory by gateway",
        "Does memory grow?",
        Kind.LINES,
        "bytes",
        (
            Query(gauge("process_resident_memory_bytes", INSTANCE, "max", "instance"), "{{instance}}"),
            Query(gauge("memory_limit_bytes", INSTANCE, "min"), "limit of memory", optional=True),
        ),
        good="Level after the first hour.",
        act="It grows for days: report it, with the number of remembered sessions beside.",
        links=(runbook("MemoryNearLimit"), links.OVERVIEW),
        colours={"limit of memory": Colour.LIMIT},
    ),
    Panel(
        "Sessions in memory",
        "Is what it remembers bounded?",
        Kind.LINES,
        "short",
        (Query(gauge("sessions_remembered", INSTANCE, "max", "instance"), "{{instance}}"),),
        good="Follows the number of players, up to its bound.",
        act="At the bound nothing is lost: the session is looked up in the journal.",
        links=(runbook("MemoryNearLimit"), links.OVERVIEW),
    ),
    Panel(
        "Time of a scrape",
        "What does watching cost?",
        Kind.LINES,
        "s",
        (Query(f"max by (instance) (scrape_duration_seconds{{{INSTANCE}}})", "{{instance}}"),),
        good="Below half a second.",
        act="It is part of the loop's lag. Many operators: scrape less often.",
        links=(runbook("LoopStalls"), links.OVERVIEW),
        steps=(Step(0.5, Colour.WAITING), Step(2, Colour.FAILED)),
    ),
    Panel(
        "Series in a scrape",
        "How many series does each gateway give?",
        Kind.LINES,
        "short",
        (Query(f"max by (instance) (scrape_samples_scraped{{{INSTANCE}}})", "{{instance}}"),),
        good="Level: it depends on the operators, never on players or transfers.",
        act="It grows with the load: report it.",
        links=(runbook("MemoryNearLimit"), links.OVERVIEW),
        steps=(Step(200_000, Colour.WAITING),),
    ),
)

EDGE: Final = (
    Panel(
        "The game's connections, by gateway",
        "Can more connections be opened?",
        Kind.LINES,
        "percentunit",
        (Query(_CONNECTIONS, "{{instance}}"),),
        good="Well below 80 % of `server.max_connections`.",
        act="Near the limit: the game or the balancer opens more than it uses; then raise `server.max_connections`.",
        links=(runbook("ConnectionsFull"), links.CHECK_FILE, links.OVERVIEW),
        steps=_NEAR,
        width=6,
    ),
    Panel(
        "Refused before a call, by reason",
        "Who is refused before a call, and why?",
        Kind.STACK,
        "reqps",
        (Query(f"{total('refused_total', INSTANCE, 'reason')} > 0", "{{reason}}"),),
        good="Nothing.",
        act="credentials: somebody guesses, or a password was changed on one side only. guessing: more wrong ones than "
        "are looked at. address: not on the allow list. connections: the limit is reached. malformed, slow, tls: no "
        "game does that. certificate: the game's is missing or not trusted. descriptors: raise `ulimit -n`.",
        links=(runbook("CredentialsGuessed"), links.OVERVIEW),
        steps=(Step(0.1, Colour.WAITING),),
        colours={
            "credentials": Colour.FAILED,
            "guessing": Colour.FAILED,
            "connections": Colour.WAITING,
            "address": Colour.DECLINED,
        },
        width=6,
        empty="nothing refused",
    ),
    Panel(
        "Days until certificates end",
        "Which certificate has to be renewed?",
        Kind.BARS,
        "d",
        (Query(f"bottomk(10, {_CERTIFICATE_DAYS})", "{{certificate}}"),),
        good="More than two weeks each.",
        act="Renew it, then send SIGHUP to every gateway.",
        links=(runbook("CertificateEndsSoon"), runbook("CertificateEnds"), links.OVERVIEW),
        steps=_ENDS,
        base=Colour.FAILED,
        maximum=90,
        decimals=0,
        width=6,
        empty="no certificates",
    ),
    Panel(
        "Reloads, clock steps, lost log lines",
        "Was the configuration or the clock changed?",
        Kind.STACK,
        "short",
        (
            Query(
                increase("config_reloads_total", where(INSTANCE, result="ok"), window="$__rate_interval"), "reloaded"
            ),
            Query(
                increase("config_reloads_total", where(INSTANCE, result="failed"), window="$__rate_interval"),
                "reload refused",
            ),
            Query(increase("clock_steps_total", INSTANCE, window="$__rate_interval"), "clock stepped"),
            Query(increase("log_lines_dropped_total", INSTANCE, window="$__rate_interval"), "log lines dropped"),
        ),
        good="Empty, but for reloads that somebody made.",
        act="Reload refused: `mm-gateway check`. Clock stepped: the machine's time service, or a paused machine.",
        links=(runbook("ConfigNotReloaded"), runbook("ClockStepped"), runbook("LogLinesDropped"), links.OVERVIEW),
        steps=(Step(1, Colour.WAITING),),
        colours={
            "reloaded": Colour.OK,
            "reload refused": Colour.FAILED,
            "clock stepped": Colour.WAITING,
            "log lines dropped": Colour.OTHER,
        },
        width=6,
    ),
    Panel(
        "What runs where",
        "Do all gateways run the same version and configuration?",
        Kind.TABLE,
        "short",
        (),
        good="One row for each gateway, with the same version and hash.",
        act="Another hash: that gateway was not reloaded. Another version: an upgrade is not finished.",
        links=(runbook("ConfigNotReloaded"), runbook("Down"), links.OVERVIEW),
        key="instance, version, build, python, hash",
        columns=(
            Column(
                "configuration loaded",
                f"1000 * (max by (instance) (mm_gateway_config_loaded_timestamp_seconds{{{INSTANCE}}})"
                f" * on (instance) group_left (version, build, python) mm_gateway_build_info{{{INSTANCE}}}"
                f" * on (instance) group_left (hash) mm_gateway_config_info{{{INSTANCE}}})",
                "dateTimeAsIso",
            ),
        ),
        width=24,
        height=6,
    ),
)

BOARD: Final = Board(
    "process",
    "Wallet gateway: Process and edge",
    "Each gateway as a process (loop, CPU, memory, files), and what reaches it from outside.",
    (
        Section("", NOW_ROW),
        Section("The process", PROCESS),
        Section("The edge, and what runs", EDGE),
    ),
    variables=("datasource", "job", "instance"),
)
