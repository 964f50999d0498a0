"""The board Operator: one operator, from the game's calls down to the ends that wait for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from boards import links
from boards.colours import Colour
from boards.expressions import (
    HOLDS,
    NOW,
    OPERATOR,
    at_end,
    breaker,
    burn,
    failed_holds,
    gauge,
    increase,
    oldest_undelivered,
    or_zero,
    quantile,
    total,
    where,
    worst,
)  # fmt: skip
from boards.links import runbook
from boards.panel import Board, Kind, Panel, Query, Section, Step
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
    VERDICT_COLOURS,
)  # fmt: skip
from boards.waiting import PARKED, UNDELIVERED

_IN_USE: Final = gauge("operator_calls_in_use", OPERATOR, "max")
_LIMIT: Final = gauge("operator_calls_limit", OPERATOR, "max")

KINDS: Final = {
    "reads": "verifySession|getBalance|lookUp",
    "withdraws and deposits": HOLDS,
    "confirms": "confirmWithdrawal|confirmDeposit",
    "rollbacks": "rollbackWithdrawal|rollbackDeposit",
}
KIND_COLOURS: Final = {
    "reads": Colour.OTHER,
    "withdraws and deposits": Colour.LOAD,
    "confirms": Colour.OK,
    "rollbacks": Colour.UNDONE,
}


def _kind(calls: str, name: str) -> Query:
    return Query(or_zero(total("call_seconds_count", where(OPERATOR, call=calls))), name)


NOW_ROW: Final = (
    Panel(
        "Failed holds, 5 min",
        "Can players buy?",
        Kind.STAT,
        "percentunit",
        (Query(failed_holds("", window=NOW)),),
        good="Below 1 %. Declines are not counted.",
        act="The panels below say how they fail; inform the operator. Money is safe: what failed is rolled back.",
        links=(runbook("HoldsFailing"), links.ROLLBACKS),
        steps=FAILING_STEPS,
        width=3,
        height=3,
        empty="no calls",
    ),
    Panel(
        "Answers, p95",
        "Is the operator fast?",
        Kind.STAT,
        "s",
        (Query(quantile(0.95, "operator_call_seconds", OPERATOR, window=NOW)),),
        good="Below a second.",
        act="Inform the operator. Slow calls keep slots busy: look at the slots in use.",
        links=(runbook("OperatorSlow"), links.OVERVIEW),
        steps=SLOW_STEPS,
        width=3,
        height=3,
        empty="no calls",
    ),
    Panel(
        "Circuit breaker",
        "Are calls held back because the operator is silent?",
        Kind.STAT,
        "short",
        (Query(breaker("")),),
        good="closed.",
        act="open: it was silent several times in a row. half open: one call at a time tries whether it is back.",
        links=(runbook("BreakerNotClosed"), links.OVERVIEW),
        states=BREAKER_STATES,
        steps=BREAKER_STEPS,
        width=3,
        height=3,
    ),
    Panel(
        "Slots in use",
        "Are slots free for more calls?",
        Kind.STAT,
        "percentunit",
        (Query(f"max ({gauge('operator_calls_in_use', OPERATOR, 'max', 'instance, operator')}"
               f" / {gauge('operator_calls_limit', OPERATOR, 'max', 'instance, operator')})"),),
        good="Below 80 % on the fullest gateway.",
        act="The operator is slow, or `limits.concurrency` is too low for this load.",
        links=(runbook("OperatorRefusing"), runbook("OperatorSlow"), links.OVERVIEW),
        steps=(Step(0.8, Colour.WAITING), Step(1, Colour.FAILED)),
        width=3,
        height=3,
        decimals=0,
    ),
    replace(
        UNDELIVERED,
        act="Call the operator; after two days the transfer is parked. When it is back, "
        '`mm-gateway retry --all-undelivered --operator NAME --who you --why "outage over"` saves the wait.',
    ),
    replace(
        PARKED,
        question="Does money of this operator wait for a person?",
        act="`mm-gateway transfers --state parked --operator NAME` lists them; agree with the operator, then "
        "`mm-gateway retry` or `mm-gateway resolve`.",
    ),
    Panel(
        "Late arrivals, 1 h",
        "Was a hold sent after it was given up?",
        Kind.STAT,
        "short",
        (Query(increase("late_arrivals_total", OPERATOR, window="1h")),),
        good="0. Each one is rolled back once more, so money is safe.",
        act="A gateway's machine pauses, or its clock jumps.",
        links=(runbook("LateArrivals"), links.PROCESS),
        steps=(Step(0.5, Colour.WAITING),),
        width=3,
        height=3,
        decimals=0,
    ),
    Panel(
        "Budget burn, 1 h",
        "Is the promise being kept?",
        Kind.STAT,
        "short",
        (Query(f"max ({burn('1h')})"),),
        good="Below 1.",
        act="Above 14 a month's budget is gone in two days.",
        links=(runbook("BudgetBurnsFast"), runbook("BudgetBurnsSlow"), links.OVERVIEW),
        steps=BURN_STEPS,
        width=3,
        height=3,
        decimals=1,
        empty="no objectives",
    ),
)  # fmt: skip

GAME: Final = (
    Panel(
        "Calls by answer",
        "How are the game's calls answered?",
        Kind.STACK,
        "reqps",
        ANSWERS,
        good="Blue, with a little grey.",
        act="Vermilion: see which error in the panel on the right. Orange: ends wait for the operator, and are sent "
        "again.",
        links=(runbook("HoldsFailing"), runbook("DeliveryFailing"), links.ROLLBACKS),
        colours=ANSWER_COLOURS,
    ),
    Panel(
        "Calls by kind",
        "What does the game ask for?",
        Kind.LINES,
        "reqps",
        tuple(_kind(calls, name) for name, calls in KINDS.items()),
        good="Withdraws and deposits together are as many as confirms and rollbacks.",
        act="Confirms stay away: the game leaves transfers held. No calls at all: the game or the balancer does not "
        "reach this gateway.",
        links=(runbook("Abandoned"), links.HELD, links.ROLLBACKS),
        colours=KIND_COLOURS,
    ),
    Panel(
        "Errors by name, six most frequent",
        "Which errors does the game get?",
        Kind.STACK,
        "reqps",
        (
            Query(
                worst(
                    f"{total('call_errors_total', OPERATOR, 'error')} > 0",
                    at_end(total("call_errors_total", OPERATOR, "error", "$__range")),
                    6,
                    "error",
                ),
                "{{error}}",
            ),
        ),
        good="funds, session and limit are the players' own. Everything else is rare.",
        act="unclear: the operator gave no clear answer. not_sent: it is not reachable, too busy, or its breaker is "
        "open. other_player: the game mixes up sessions. The page of errors says what each means.",
        links=(
            runbook("HoldsDeclined"),
            runbook("ReadsFailing"),
            runbook("OtherPlayer"),
            links.ROLLBACKS,
        ),
        colours={
            "funds": Colour.DECLINED,
            "session": Colour.DECLINED,
            "limit": Colour.DECLINED,
            "pending": Colour.WAITING,
        },
        shades=Colour.FAILED,
        empty="no errors",
    ),
)

ANSWERED: Final = (
    Panel(
        "Operator's answers by verdict",
        "What does the operator make of our calls?",
        Kind.STACK,
        "reqps",
        (Query(total("operator_call_seconds_count", OPERATOR, "verdict"), "{{verdict}}"),),
        good="success, and a few declined.",
        act="unknown: no answer in time, a 5xx or an answer that is not of its protocol; each such withdraw is rolled "
        "back. unsent: no connection.",
        links=(runbook("HoldsFailing"), runbook("OperatorSlow"), links.ROLLBACKS),
        colours=VERDICT_COLOURS,
    ),
    Panel(
        "Time of the operator's answers",
        "How long do answers take, all of them?",
        Kind.HEATMAP,
        "s",
        (Query(total("operator_call_seconds_bucket", OPERATOR, "le"), "{{le}}", exemplars=True),),
        good="One dark band, low.",
        act="Two bands: some calls, or one of the operator's machines, are slow. A band at the top: calls run into "
        "the time limit.",
        links=(runbook("OperatorSlow"), links.OVERVIEW),
        steps=SLOW_STEPS,
    ),
    Panel(
        "Time of answers by kind of call (p95)",
        "Which of its calls is slow?",
        Kind.LINES,
        "s",
        tuple(
            Query(quantile(0.95, "operator_call_seconds", where(OPERATOR, call=calls)), name)
            for name, calls in KINDS.items()
        ),
        good="All below a second.",
        act="One kind alone: the operator's handling of these calls. All: its whole system, or the network.",
        links=(runbook("OperatorSlow"), links.OVERVIEW),
        steps=SLOW_STEPS,
        colours=KIND_COLOURS,
        empty="no calls",
    ),
)

HELD_BACK: Final = (
    Panel(
        "Circuit breaker by group of calls",
        "Since when has which group been held back?",
        Kind.STATES,
        "short",
        (Query(breaker("calls"), "{{calls}}"),),
        good="closed, all the time. Shown is the worst of the gateways.",
        act="holds: withdraws and deposits are refused at once. ends: confirms and rollbacks wait. It closes by "
        "itself when the operator answers.",
        links=(runbook("BreakerNotClosed"), links.OVERVIEW),
        states=BREAKER_STATES,
        steps=BREAKER_STEPS,
    ),
    Panel(
        "Running and waiting calls, fullest gateway",
        "Is the limit of concurrent calls reached?",
        Kind.LINES,
        "short",
        (
            Query(_IN_USE, "running"),
            Query(gauge("operator_calls_waiting", OPERATOR, "max"), "waiting for a slot"),
            Query(_LIMIT, "limit of running calls"),
        ),
        good="Running calls well below the limit, none waits.",
        act="The operator is slow, or `limits.concurrency` is too low. Beyond `limits.waiting` calls are refused.",
        links=(runbook("OperatorRefusing"), links.OVERVIEW),
        colours={
            "running": Colour.LOAD,
            "waiting for a slot": Colour.WAITING,
            "limit of running calls": Colour.LIMIT,
        },
    ),
    Panel(
        "Calls not sent, by reason",
        "Which calls does the gateway refuse by itself?",
        Kind.STACK,
        "reqps",
        (Query(total("operator_refusals_total", OPERATOR, "reason"), "{{reason}}"),),
        good="0.",
        act="breaker: the operator was silent. queue: too many calls wait. slot: no slot became free in time.",
        links=(runbook("OperatorRefusing"), runbook("BreakerNotClosed"), links.OVERVIEW),
        steps=(Step(0.05, Colour.WAITING),),
        colours={"breaker": Colour.FAILED, "queue": Colour.WAITING, "slot": Colour.OTHER},
    ),
)

ENDS: Final = (
    Panel(
        "Delivery tries by verdict",
        "Does the operator acknowledge confirms and rollbacks?",
        Kind.STACK,
        "reqps",
        (Query(total("delivery_tries_total", OPERATOR, "verdict"), "{{verdict}}"),),
        good="success.",
        act="Other verdicts: `mm-gateway transfers show ID` has the operator's answer to each try.",
        links=(runbook("DeliveryFailing"), links.UNDELIVERED, links.ROLLBACKS),
        colours=VERDICT_COLOURS,
        width=6,
    ),
    Panel(
        "Oldest undelivered end, and the next try",
        "When will it be sent again?",
        Kind.LINES,
        "s",
        (
            Query(oldest_undelivered(), "age of the oldest"),
            Query(gauge("delivery_due_seconds", OPERATOR, "min"), "until the next try"),
        ),
        good="Nothing old; the next try is never overdue (below 0) for long.",
        act="Tries come less often the longer an outage lasts, up to one an hour: after it, use `mm-gateway retry`. "
        "Overdue: the circuit breaker holds tries back, or no gateway runs.",
        links=(runbook("Undelivered"), links.UNDELIVERED, links.ROLLBACKS),
        steps=AGE_STEPS,
        colours={"age of the oldest": Colour.WAITING, "until the next try": Colour.LOAD},
        width=6,
    ),
    Panel(
        "Transfers that wait for their end",
        "How much is unfinished?",
        Kind.STACK,
        "short",
        UNFINISHED,
        good="A level that follows the load. Parked: none.",
        act="Orange grows: the operator does not acknowledge. Blue grows: the game does not decide.",
        links=(runbook("Abandoned"), links.UNDELIVERED, links.ROLLBACKS),
        colours=UNFINISHED_COLOURS,
        width=6,
    ),
    Panel(
        "Budget burn by objective, 1 h",
        "Which promise is at risk?",
        Kind.LINES,
        "short",
        (Query(burn("1h", "objective"), "{{objective}}"),),
        good="Below 1.",
        act="calls: they fail. latency: they are slow. At 14 a month's budget is gone in two days.",
        links=(runbook("BudgetBurnsFast"), runbook("BudgetBurnsSlow"), links.OVERVIEW),
        steps=BURN_STEPS,
        colours={"calls": Colour.LOAD, "latency": Colour.OTHER},
        width=6,
        empty="no objectives",
    ),
)

PAYMENTS: Final = (
    Panel(
        "Payment callbacks by outcome",
        "What does its payment system tell of?",
        Kind.STACK,
        "reqps",
        (Query(f"{total('payments_total', OPERATOR, 'outcome')} > 0", "{{outcome}}"),),
        good="received, and repeated now and then.",
        act="forged or other_content: somebody tries to buy without paying, or a secret was changed on one side. "
        "wrong_price: the catalogues differ. not_recorded: the journal fails.",
        links=(runbook("PaymentContradicted"), links.JOURNAL),
        colours={
            "received": Colour.OK,
            "repeated": Colour.LOAD,
            "not_recorded": Colour.FAILED,
            "forged": Colour.WAITING,
            "other_content": Colour.UNDONE,
        },
        shades=Colour.DECLINED,
        width=12,
        empty="no payments",
    ),
    Panel(
        "Tries to tell the game, by verdict",
        "Does the game acknowledge payments?",
        Kind.STACK,
        "reqps",
        (Query(total("delivery_tries_total", where(OPERATOR, decision="payment"), "verdict"), "{{verdict}}"),),
        good="success.",
        act="Other verdicts: the game does not acknowledge. `mm-gateway transfers show ID` has its answer to each try; "
        "call its people.",
        links=(runbook("DeliveryFailing"), links.UNDELIVERED, links.ROLLBACKS),
        colours=VERDICT_COLOURS,
        width=12,
        empty="no payments",
    ),
)

BOARD: Final = Board(
    "operator",
    "Wallet gateway: Operator",
    "One operator: its calls, how it answers, what holds calls back, and the ends that wait for it.",
    (
        Section("", NOW_ROW),
        Section("The game's calls", GAME),
        Section("The operator's answers", ANSWERED),
        Section("What holds calls back", HELD_BACK),
        Section("Confirms and rollbacks on their way", ENDS),
        Section("Payments", PAYMENTS),
    ),
    variables=("datasource", "job", "instance", "operator"),
    one_operator=True,
)
