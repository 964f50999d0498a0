"""The board Rollbacks: why purchases are undone, and what has not been acknowledged yet."""

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
    increase,
    journal_gauge,
    share,
    total,
    transfers,
    where,
    worst,
)  # fmt: skip
from boards.links import runbook
from boards.panel import Board, Column, Kind, Panel, Query, Section, Step
from boards.series import AGE_STEPS, VERDICT_COLOURS
from boards.waiting import ABANDONED, PARKED, UNDELIVERED

_MOST: Final = 6
_REASONS: Final = "rollback_reasons_total"


def _most_frequent(by: str, labels: str = OPERATOR) -> Query:
    rate = f"{total(_REASONS, labels, by)} > 0"
    return Query(worst(rate, at_end(total(_REASONS, labels, by, "$__range")), _MOST, by), f"{{{{{by}}}}}")


_UNDONE: Final = share(
    total("transfers_ended_total", where(OPERATOR, state="rolled_back"), window="$__range"),
    total("transfers_ended_total", OPERATOR, window="$__range"),
)

_GATEWAYS_OWN: Final = share(
    total(_REASONS, where(OPERATOR, source="gateway"), window="$__range"),
    total(_REASONS, OPERATOR, window="$__range"),
)

NOW_ROW: Final = (
    Panel(
        "Undone transfers",
        "What share of all that ended was rolled back?",
        Kind.STAT,
        "percentunit",
        (Query(_UNDONE),),
        good="A few percent, the same every day. It is counted over the time that the board shows.",
        act="`mm-gateway rollbacks --since 2h --sum` says why, or the panels below.",
        links=(runbook("HoldsFailing"), links.REASONS, links.OPERATOR),
        steps=(Step(0.2, Colour.WAITING), Step(0.5, Colour.FAILED)),
        width=4,
        height=3,
        decimals=1,
        empty="nothing ended",
    ),
    Panel(
        "Begun by the gateway",
        "What share of rollbacks did the gateway begin by itself?",
        Kind.STAT,
        "percentunit",
        (Query(_GATEWAYS_OWN),),
        good="Few: each stands for an operator's answer that was not clear, or for a gateway that died.",
        act="`mm-gateway rollbacks --since 2h --source gateway` lists them.",
        links=(runbook("HoldsFailing"), links.GATEWAYS_REASONS, links.OPERATOR),
        steps=(Step(0.2, Colour.WAITING), Step(0.5, Colour.FAILED)),
        width=4,
        height=3,
        decimals=1,
        empty="no rollbacks",
    ),
    replace(
        UNDELIVERED,
        act="Call the operator before two days are over: then the transfer is parked.",
        links=(runbook("Undelivered"), links.UNDELIVERED, links.OPERATOR),
        width=4,
    ),
    replace(PARKED, links=(runbook("Parked"), links.PARKED, links.OPERATOR), width=4),
    replace(ABANDONED, links=(runbook("Abandoned"), links.HELD, links.OPERATOR), width=4),
    Panel(
        "Failed delivery tries, 5 min",
        "Do operators acknowledge?",
        Kind.STAT,
        "percentunit",
        (
            Query(
                share(
                    total("delivery_tries_total", where(OPERATOR, verdict="unsent|unknown"), window=NOW),
                    total("delivery_tries_total", OPERATOR, window=NOW),
                )
            ),
        ),
        good="Below 5 %.",
        act="The board Operator says how they fail.",
        links=(runbook("DeliveryFailing"), links.UNDELIVERED, links.OPERATOR),
        steps=(Step(0.05, Colour.WAITING), Step(0.5, Colour.FAILED)),
        width=4,
        height=3,
        empty="no tries",
    ),
)

WHY: Final = (
    Panel(
        "Rollbacks against purchases",
        "Are more purchases undone than usual?",
        Kind.LINES,
        "reqps",
        (
            Query(total("call_seconds_count", where(OPERATOR, call=HOLDS)), "withdraws and deposits"),
            Query(total("transfers_ended_total", where(OPERATOR, state="confirmed")), "confirmed"),
            Query(total("transfers_ended_total", where(OPERATOR, state="rolled_back")), "rolled back"),
        ),
        good="Purple far below blue, and confirmed close to what was begun.",
        act="Purple rises with the load: nothing new. Purple rises alone: see the reasons beside.",
        links=(runbook("HoldsFailing"), links.REASONS, links.OPERATOR),
        colours={
            "withdraws and deposits": Colour.LOAD,
            "confirmed": Colour.OK,
            "rolled back": Colour.UNDONE,
        },
    ),
    Panel(
        "Reasons by category, six most frequent",
        "Why are purchases undone?",
        Kind.STACK,
        "reqps",
        (_most_frequent("category"),),
        good="The same few categories as every day.",
        act="One grows: `mm-gateway rollbacks --category NAME` shows the texts. Much in `other`: configure categories "
        "for these texts.",
        links=(runbook("HoldsFailing"), links.REASONS, links.OPERATOR),
        shades=Colour.UNDONE,
        empty="no rollbacks",
    ),
    Panel(
        "Reasons by source",
        "Who undoes them?",
        Kind.STACK,
        "reqps",
        (Query(total(_REASONS, OPERATOR, "source"), "{{source}}"),),
        good="Nearly all from the game.",
        act="gateway: an operator's answers are not clear, or a gateway died. person: somebody on call resolves "
        "transfers.",
        links=(runbook("HoldsFailing"), links.REASONS, links.OPERATOR),
        colours={"game": Colour.UNDONE, "gateway": Colour.FAILED, "person": Colour.OTHER},
        empty="no rollbacks",
    ),
    Panel(
        "Reasons by operator, six most frequent",
        "At which operators?",
        Kind.STACK,
        "reqps",
        (_most_frequent("operator"),),
        good="In the proportion of their load.",
        act="One stands out: open its board by a click.",
        links=(runbook("HoldsFailing"), links.OPERATOR),
        shades=Colour.UNDONE,
        series_link=links.operators_board(),
        empty="no rollbacks",
    ),
    Panel(
        "Begun by the gateway, by category",
        "Why does the gateway itself undo purchases?",
        Kind.STACK,
        "reqps",
        (_most_frequent("category", where(OPERATOR, source="gateway")),),
        good="Nothing, or a thin line.",
        act="See the operator's verdicts on its board; `mm-gateway rollbacks --since 2h --source gateway` shows each "
        "one.",
        links=(
            runbook("HoldsFailing"),
            links.GATEWAYS_REASONS,
            links.OPERATOR,
        ),
        shades=Colour.FAILED,
        empty="none begun by the gateway",
    ),
    Panel(
        "Most frequent reasons",
        "What exactly was given as reason, where and by whom?",
        Kind.TABLE,
        "short",
        (),
        good="No row that is new since yesterday. It is counted over the time that the board shows.",
        act="`mm-gateway rollbacks --operator NAME --category NAME` lists the transfers of a row.",
        links=(runbook("HoldsFailing"), links.REASONS, links.OPERATOR),
        key="operator, source, category",
        columns=(
            Column(
                "times given",
                f"topk(8, round({increase(_REASONS, OPERATOR, 'operator, source, category')}) > 0)",
                "short",
            ),
        ),
        series_link=links.operators_board_of_row(),
        empty="no rollbacks",
    ),
)

WAITING_ROW: Final = (
    Panel(
        "Unacknowledged, by state",
        "What waits for operators?",
        Kind.STACK,
        "short",
        (
            Query(transfers("confirming"), "being confirmed"),
            Query(transfers("rolling_back"), "being rolled back"),
            Query(transfers("sending"), "answer not known yet"),
            Query(transfers("parked"), "parked"),
        ),
        good="Close to 0, and falling after every outage.",
        act="It grows: an operator acknowledges nothing. After an outage `mm-gateway retry --all-undelivered` with "
        "`--operator`, `--who` and `--why` saves waiting for the schedule.",
        links=(runbook("Undelivered"), runbook("Parked"), links.UNDELIVERED, links.OPERATOR),
        colours={
            "being confirmed": Colour.OK,
            "being rolled back": Colour.UNDONE,
            "answer not known yet": Colour.WAITING,
            "parked": Colour.FAILED,
        },
    ),
    Panel(
        "Age of the oldest, by state",
        "For how long has it waited?",
        Kind.LINES,
        "s",
        (Query(journal_gauge("transfers_oldest_seconds", OPERATOR, "state"), "{{state}}"),),
        good="Below a minute; held as long as players take to decide.",
        act="confirming, rolling_back: the operator does not acknowledge. sending: a gateway died and none took over. "
        "held: the game does not decide.",
        links=(runbook("Undelivered"), runbook("Abandoned"), links.UNDELIVERED, links.OPERATOR),
        steps=AGE_STEPS,
        colours={
            "confirming": Colour.OK,
            "rolling_back": Colour.UNDONE,
            "sending": Colour.WAITING,
            "parked": Colour.FAILED,
            "held": Colour.LOAD,
        },
    ),
    Panel(
        "Delivery tries by verdict",
        "How do tries end?",
        Kind.STACK,
        "reqps",
        (Query(total("delivery_tries_total", OPERATOR, "verdict"), "{{verdict}}"),),
        good="success.",
        act="Other verdicts: `mm-gateway transfers show ID` has the operator's answer to each try.",
        links=(runbook("DeliveryFailing"), links.UNDELIVERED, links.OPERATOR),
        colours=VERDICT_COLOURS,
    ),
    Panel(
        "Tries for each acknowledgement, worst five",
        "Which operators need more than one try?",
        Kind.LINES,
        "short",
        (
            Query(
                worst(
                    f"{total('delivery_tries_total', OPERATOR, 'operator')} "
                    f"/ ({total('deliveries_total', OPERATOR, 'operator')} > 0)",
                    at_end(
                        f"{total('delivery_tries_total', OPERATOR, 'operator', '$__range')} "
                        f"/ ({total('deliveries_total', OPERATOR, 'operator', '$__range')} > 0)"
                    ),
                ),
                "{{operator}}",
            ),
        ),
        good="1.",
        act="Above 2 for long: the operator loses or refuses every second call. No line: nothing was acknowledged at "
        "all.",
        links=(runbook("DeliveryFailing"), links.OPERATOR),
        steps=(Step(2, Colour.WAITING), Step(5, Colour.FAILED)),
        width=12,
        empty="nothing acknowledged",
        series_link=links.operators_board(),
    ),
    Panel(
        "Parked, by operator",
        "When was money parked, and at which operator?",
        Kind.STACK,
        "short",
        (Query(f"{transfers('parked', 'operator')} > 0", "{{operator}}"),),
        good="Empty.",
        act="`mm-gateway transfers --state parked` lists them.",
        links=(runbook("Parked"), links.PARKED, links.OPERATOR),
        steps=(Step(1, Colour.FAILED),),
        shades=Colour.FAILED,
        width=12,
        series_link=links.operators_board(),
        empty="nothing parked",
    ),
)

BOARD: Final = Board(
    "rollbacks",
    "Wallet gateway: Rollbacks",
    "Why purchases are undone, by whom and where; and which ends wait for an operator.",
    (
        Section("", NOW_ROW),
        Section("Why purchases are undone", WHY),
        Section("What operators have not acknowledged", WAITING_ROW),
    ),
    variables=("datasource", "job", "instance", "operator"),
)
