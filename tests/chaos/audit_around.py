"""Whether what was played around the wallet keeps its promises: payments, and what operators were told."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from gateway.demo.shop import SECRET
from gateway.payments import callback_sign
from gateway.records import Direction, Key, QueriedState, State, Transfer
from tests.chaos.payments import Callback
from tests.chaos.questions import Asked
from tests.chaos.shop import FaultyShop

Content = Mapping[str, str]
"""What a callback or a notice says, all but its signature; numbers as the digits that stand in the JSON."""

_ENDS: Final = {State.CONFIRMED: QueriedState.CONFIRMED, State.ROLLED_BACK: QueriedState.ROLLED_BACK}
_FINAL: Final = frozenset(_ENDS.values())


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of what was played around the wallet. `payments` are the journal's, `shops` the game's books by
    operator. `asked` are the operators' questions during the play, `at_rest` those that each gateway answered after it.
    `parked` are the operators of payments that were ever parked, with how many each."""

    callbacks: Sequence[Callback]
    payments: Mapping[Key, Transfer]
    shops: Mapping[str, FaultyShop]
    asked: Sequence[Asked]
    at_rest: Sequence[Asked]
    parked: Mapping[str, int]


def lost_payments(around: Around) -> Iterator[str]:
    """Callbacks that were acknowledged, and are not in the journal as they were sent."""
    for callback in around.callbacks:
        recorded = _recorded(around, callback.key)
        if callback.acknowledged and recorded != content_of(callback.body):
            yield f"{_name(callback.key)} was acknowledged as {content_of(callback.body)}, the journal has {recorded}"


def untold_payments(around: Around) -> Iterator[str]:
    """Payments of which the game was not told what was acknowledged, or for which it has not handed out goods once."""
    for callback in around.callbacks:
        told = [content_of(notice) for notice in _notices(around, callback.key)]
        if callback.acknowledged and content_of(callback.body) not in told:
            yield f"{_name(callback.key)} was acknowledged as {content_of(callback.body)}, the game was told {told}"
    for key in sorted({*around.payments, *(each.key for each in around.callbacks if each.acknowledged)}):
        goods = around.shops[key.operator].goods[key.id]
        if goods != 1:
            yield f"{_name(key)}: the game handed out goods {goods} times"


def wrong_notices(around: Around) -> Iterator[str]:
    """Notices of what is not in the journal, in several ways, or not signed as the game expects it."""
    for operator, shop in around.shops.items():
        for order, notices in shop.bodies.items():
            key = Key(operator, Direction.PAYMENT, order)
            recorded = _recorded(around, key)
            if len(set(notices)) > 1:
                yield f"{_name(key)} was told in {len(set(notices))} ways"
            for notice in set(notices):
                if content_of(notice) != recorded:
                    yield f"{_name(key)} was told as {content_of(notice)}, the journal has {recorded}"
                if not _is_signed(notice):
                    yield f"{_name(key)} was told with a signature that the game does not know"


def wrong_answers(around: Around) -> Iterator[str]:
    """What was believed without cause, told to the game although it was refused, or refused without cause."""
    sent = _genuine_contents(around)
    for key in around.payments:
        recorded = _recorded(around, key)
        if recorded not in sent[key]:
            yield f"{_name(key)}: no payment system has said what the journal has: {recorded}"
    for callback in around.callbacks:
        said, recorded = content_of(callback.body), _recorded(around, callback.key)
        if callback.acknowledged and not callback.genuine:
            yield f"{_name(callback.key)} is forged or old, and was acknowledged"
        if callback.refused and said in [content_of(notice) for notice in _notices(around, callback.key)]:
            yield f"{_name(callback.key)} was refused, and the game was told: {said}"
        if callback.refused and callback.genuine and recorded in (None, said):
            yield f"{_name(callback.key)} was paid, and was refused: {list(callback.statuses)}"


def wrong_ends(around: Around) -> Iterator[str]:
    """Payments that ended otherwise than by the game's acknowledgement."""
    for key, transfer in around.payments.items():
        acknowledged = key.id in around.shops[key.operator].acknowledged
        if transfer.state is State.ROLLED_BACK or (transfer.state is State.CONFIRMED and not acknowledged):
            yield f"{_name(key)} is {transfer.state}, acknowledged by the game: {acknowledged}"


def retractions(around: Around, transfers: Mapping[Key, Transfer]) -> Iterator[str]:
    """Ends that an operator was told, and that were not the transfer's, or were told otherwise later."""
    by_key: defaultdict[Key, list[Asked]] = defaultdict(list)
    for asked in (*around.asked, *around.at_rest):
        by_key[asked.key].append(asked)
    for key, answers in by_key.items():
        told = [each for each in answers if each.state in _FINAL]
        for each in told:
            if each.state != _end_of(transfers.get(key)):
                yield f"{_name(key)} was told as {each.state}, and {_stands(transfers.get(key))}"
        if first := min(told, key=lambda each: each.answered_at, default=None):
            later = {each.state for each in answers if each.state and each.asked_at >= first.answered_at}
            if later - {first.state}:
                yield f"{_name(key)} was told as {first.state}, and later as {', '.join(sorted(later - {first.state}))}"


def wrong_at_rest(around: Around, transfers: Mapping[Key, Transfer]) -> Iterator[str]:
    """What a gateway told an operator at rest, and the journal does not say."""
    for each in around.at_rest:
        if each.state != (_end_of(transfers.get(each.key)) or QueriedState.NOT_FOUND):
            yield f"{_name(each.key)} was told as {each.state or 'nothing'}, and {_stands(transfers.get(each.key))}"


def content_of(body: bytes) -> Content:
    """What the body of a callback or a notice says."""
    content: dict[str, str] = json.loads(body, parse_float=str, parse_int=str)
    del content["sign"]
    return content


def _recorded(around: Around, key: Key) -> Content | None:
    """What the journal has of a payment, None for nothing."""
    transfer = around.payments.get(key)
    if transfer is None:
        return None
    return {"cpOrderId": transfer.id, "uid": transfer.session.player_id, **transfer.memory}


def _notices(around: Around, key: Key) -> Sequence[bytes]:
    return around.shops[key.operator].bodies.get(key.id, ())


def _genuine_contents(around: Around) -> Mapping[Key, list[Content]]:
    sent: defaultdict[Key, list[Content]] = defaultdict(list)
    for callback in around.callbacks:
        if callback.genuine:
            sent[callback.key].append(content_of(callback.body))
    return sent


def _is_signed(notice: bytes) -> bool:
    says = content_of(notice)
    expected = callback_sign(
        order_id=says["cpOrderId"],
        server_id=says["serverId"],
        player_id=says["uid"],
        price=says["productPrice"],
        product_id=says["productId"],
        ts=says["ts"],
        secret=SECRET,
    )
    return bool(json.loads(notice)["sign"] == expected)


def _end_of(transfer: Transfer | None) -> QueriedState | None:
    return None if transfer is None else _ENDS.get(transfer.state)


def _stands(transfer: Transfer | None) -> str:
    return "is in no journal" if transfer is None else f"is {transfer.state}"


def _name(key: Key) -> str:
    return f"{key.operator} {key.direction} {key.id}"
