"""The board Overview: is money safe, are calls fast, who is in trouble. It fits on one screen of 1440x900."""

from __future__ import annotations

from typing import Final

from boards import links
from boards.colours import Colour
from boards.expressions import (
    INSTANCE,
    NOW,
    OPERATOR,
    at_end,
    breaker,
    burn,
    failed_holds,
    increase,
    journal_gauge,
    quantile,
    worst,
)  # fmt: skip
from boards.links import runbook
from boards.panel import Board, Column, Kind, Panel, Query, Section, Step
from boards.series import (
    AGE_STEPS,
    ANSWER_COLOURS,
    ANSWERS,
    BREAKER_STATES,
    BREAKER_STEPS,
    BURN_STEPS,
    FAILING_STEPS,
    SLOW_STEPS,
    UNFINISHED,
    UNFINISHED_COLOURS,
)  # fmt: skip
from boards.waiting import ABANDONED, PARKED, UNDELIVERED, age_of_count

_OPERATORS: Final = 10

SAFE: Final = (
    PARKED,
    UNDELIVERED,
    ABANDONED,
    Panel(
        "Failed commits, 5 min",
        "Can every transfer be recorded?",
        Kind.STAT,
        "short",
        (Query(increase("journal_failures_total", INSTANCE, window=NOW)),),
        good="0. Every commit is durable.",
        act="Disk full or read-only, or the database is away: all withdraws are refused until it is back. It recovers "
        "by itself; `mm-gateway check --probe` says what is wrong.",
        links=(runbook("JournalFails"), links.JOURNAL, links.CHECK),
        steps=(Step(0.5, Colour.FAILED),),
        width=3,
        height=3,
        decimals=0,
    ),
    age_of_count(),
    Panel(
        "Gateways up",
        "Do all gateways answer?",
        Kind.STAT,
        "percentunit",
        (Query(f"avg (up{{{INSTANCE}}})"),),
        good="100 %. One that is missing costs no money: the others take over its transfers.",
        act="See which instance is gone, and the log of systemd or of the container runtime.",
        links=(runbook("Down"), runbook("AllDown"), links.PROCESS),
        steps=(Step(0.001, Colour.WAITING), Step(1, Colour.OK)),
        base=Colour.FAILED,
        width=3,
        height=3,
        decimals=0,
    ),
    Panel(
        "Alerts that fire",
        "Is anybody being paged?",
        Kind.STAT,
        "short",
        (Query('count(ALERTS{alertname=~"MmGateway.+", alertstate="firing"}) or vector(0)'),),
        good="0.",
        act="The panel Firing and pending alerts names them; each has a runbook.",
        links=(links.RUNBOOKS, links.OPERATOR, links.ROLLBACKS, links.JOURNAL, links.PROCESS),
        steps=(Step(1, Colour.FAILED),),
        width=3,
        height=3,
    ),
    Panel(
        "Budget burn, 1 h",
        "Is a promise to an operator about to be broken?",
        Kind.STAT,
        "short",
        (Query(f"max ({burn('1h')})"),),
        good="Below 1, at the operator where it is fastest: at 1 an error budget lasts exactly for its period.",
        act="Above 14 the budget of a month is gone in two days. The board Operator shows which calls fail or are "
        "slow.",
        links=(runbook("BudgetBurnsFast"), runbook("BudgetBurnsSlow"), links.OPERATOR),
        steps=BURN_STEPS,
        width=3,
        height=3,
        decimals=1,
        empty="no objectives",
    ),
)

FAST: Final = (
    Panel(
        "Calls by answer",
        "How are the game's calls answered?",
        Kind.STACK,
        "reqps",
        ANSWERS,
        good="Blue, with a little grey: players without funds are declined every day.",
        act="Vermilion: see the next panel for the operator. Orange alone: an operator does not acknowledge ends.",
        links=(runbook("HoldsFailing"), links.OPERATOR),
        colours=ANSWER_COLOURS,
        width=6,
    ),
    Panel(
        "Failed withdraws and deposits, worst five",
        "At which operators can players not buy?",
        Kind.LINES,
        "percentunit",
        (
            Query(
                worst(failed_holds(), at_end(failed_holds(window="$__range"))),
                "{{operator}}",
            ),
        ),
        good="Below 1 %. Declines are not counted.",
        act="One operator: its own fault, inform it. All of them: the journal or this network.",
        links=(runbook("HoldsFailing"), links.OPERATOR),
        steps=FAILING_STEPS,
        shades=Colour.FAILED,
        width=6,
        empty="no calls",
        series_link=links.operators_board(),
    ),
    Panel(
        "Time of the game's calls",
        "Are calls fast?",
        Kind.LINES,
        "s",
        (
            Query(quantile(0.5, "call_seconds", OPERATOR), "half are faster (p50)"),
            Query(quantile(0.95, "call_seconds", OPERATOR), "19 of 20 are faster (p95)", exemplars=True),
        ),
        good="p95 below a second.",
        act="Most of the time is the operator's: compare with the p95 in the table. If operators are fast, look at "
        "the journal's commits and the loop's lag.",
        links=(runbook("OperatorSlow"), runbook("LoopStalls"), links.OPERATOR, links.JOURNAL, links.PROCESS),
        steps=SLOW_STEPS,
        colours={"half are faster (p50)": Colour.OTHER, "19 of 20 are faster (p95)": Colour.LOAD},
        width=6,
    ),
    Panel(
        "Transfers that wait for their end",
        "How much is unfinished?",
        Kind.STACK,
        "short",
        UNFINISHED,
        good="A level that follows the load. Parked: none.",
        act="Orange grows: an operator does not acknowledge. Blue grows: the game does not decide.",
        links=(runbook("DeliveryFailing"), runbook("Abandoned"), links.UNDELIVERED, links.ROLLBACKS),
        colours=UNFINISHED_COLOURS,
        width=6,
    ),
)

_FAILED_NOW: Final = failed_holds(window=NOW)
_SLOW_NOW: Final = quantile(0.95, "operator_call_seconds", OPERATOR, "operator", NOW)
_BREAKER: Final = breaker("operator")
_OLDEST: Final = journal_gauge("undelivered_oldest_seconds", OPERATOR, "operator")
_REFUSED: Final = increase("operator_refusals_total", OPERATOR, "operator", NOW)

WHO: Final = (
    Panel(
        "Operators in trouble, worst first",
        "Who is in trouble, and in what way?",
        Kind.TABLE,
        "short",
        (),
        good="No coloured cell.",
        act="Click an operator for its board. Several at once: look for a common cause first, at the journal and the "
        "network.",
        links=(
            *map(runbook, ("ManyOperatorsDown", "BreakerNotClosed", "OperatorRefusing", "OperatorSlow")),
            links.OPERATOR,
        ),
        width=14,
        height=8,
        key="operator",
        columns=(
            Column("failed holds", f"topk({_OPERATORS}, {_FAILED_NOW})", "percentunit",
                   FAILING_STEPS),
            Column("answers, p95", f"topk({_OPERATORS}, {_SLOW_NOW})", "s",
                   SLOW_STEPS),
            Column("breaker", f"topk({_OPERATORS}, {_BREAKER})", "short",
                   BREAKER_STEPS, BREAKER_STATES),
            Column("not sent, 5 min", f"topk({_OPERATORS}, {_REFUSED})", "short", (Step(1, Colour.WAITING),)),
            Column("oldest undelivered", f"topk({_OPERATORS}, {_OLDEST})", "s",
                   AGE_STEPS),
        ),
        series_link=links.operators_board_of_row(),
    ),
    Panel(
        "Firing and pending alerts",
        "Since when has which alert been firing?",
        Kind.STATES,
        "short",
        (
            Query(
                'max by (alertname) (2 * ALERTS{alertname=~"MmGateway.+", alertstate="firing"} '
                'or ALERTS{alertname=~"MmGateway.+", alertstate="pending"})',
                "{{alertname}}",
            ),
        ),
        good="Empty.",
        act="Each alert has a runbook of its own name, and the alert itself links to it.",
        links=(links.RUNBOOKS, links.OPERATOR, links.ROLLBACKS, links.JOURNAL, links.PROCESS),
        states={1: ("pending", Colour.WAITING), 2: ("firing", Colour.FAILED)},
        steps=BREAKER_STEPS,
        width=10,
        height=8,
        empty="no alert",
    ),
)  # fmt: skip

BOARD: Final = Board(
    "overview",
    "Wallet gateway: Overview",
    "Begin here: is money safe, are calls fast, who is in trouble.",
    (Section("", SAFE), Section("", FAST), Section("", WHO)),
    variables=("datasource", "job", "instance", "operator"),
)
