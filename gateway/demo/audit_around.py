"""Whether what was played around the wallet agrees: launches, payments, and what operators were told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from gateway.demo.around import LaunchResult, PaymentResult
from gateway.demo.operators import GAME_CLIENT, token
from gateway.records import Direction, Key, State, Transfer

_TOLD: Final = {State.CONFIRMED: "CONFIRMED", State.ROLLED_BACK: "ROLLED_BACK"}


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of what was played around the wallet. `paid` are the journal's payments, `notices` what the
    game was told of each order, `goods` how often it handed them out, `final_states` what operators were told."""

    launches: Sequence[LaunchResult]
    payments: Sequence[PaymentResult]
    paid: Mapping[Key, Transfer]
    notices: Mapping[str, Sequence[bytes]]
    goods: Mapping[str, int]
    final_states: Mapping[Key, str]


def launch_failures(around: Around) -> Iterator[str]:
    """Launches that led elsewhere, or did not carry the player's token."""
    for each in around.launches:
        is_there = each.url.startswith(GAME_CLIENT.partition("?")[0])
        if not is_there or parse_qs(urlsplit(each.url).query).get("token") != [token(each.player)]:
            yield f"{each.operator} player {each.player}: the launch does not lead to the game with the player's token"
        elif not each.same_again:
            yield f"{each.operator} player {each.player}: a repeat led elsewhere"


def payment_failures(around: Around) -> Iterator[str]:
    """Payments that were lost, doubled, believed without cause, or told in other words."""
    for each in around.payments:
        order, name = each.order, f"{each.operator} {each.order.id} (the payment system {each.order.trick})"
        transfer = around.paid.get(Key(each.operator, Direction.PAYMENT, order.id))
        notices, goods = around.notices.get(order.id, ()), around.goods.get(order.id, 0)
        if not each.is_answered_rightly:
            yield f"{name}: answered {list(each.statuses)}"
        if not each.is_paid and (transfer is not None or notices):
            yield f"{name}: nobody has paid, and the game was told"
        if each.is_paid and (transfer is None or transfer.state is not State.CONFIRMED or goods != 1):
            yield f"{name}: it was paid, and the game handed out goods {goods} times"
        if len(set(notices)) > 1:
            yield f"{name}: the game was told in {len(set(notices))} ways"


def query_failures(around: Around, transfers: Mapping[Key, Transfer]) -> Iterator[str]:
    """Transfers of which an operator was told another end than the journal's."""
    for key, told in around.final_states.items():
        # A transfer that the journal has lost is the books' affair.
        if key in transfers and told != _TOLD.get(transfers[key].state):
            yield f"{key.operator} {key.direction} {key.id}: is {transfers[key].state}, the operator was told {told}"
