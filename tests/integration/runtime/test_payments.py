"""Payments through a whole gateway on real sockets: a payment system calls back, and a game is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.quantum.payments import QuantumPayments
from gateway.clock import SystemClock
from gateway.demo.shop import SECRET as GAMES_SECRET
from gateway.demo.shop import Shop
from gateway.journal.interface import JournalUnavailable, TransferFilter
from gateway.payments import Payment
from gateway.payments.game import GameFarSide
from gateway.records import Direction, Key, State, Timeline
from gateway.runtime import ConfigurationUnusable
from gateway.runtime.configuration_hash import configuration_hash
from gateway.sandbox.payment_system import PaidOrder, Trick, callbacks
from gateway.settings import Settings
from tests.support.certificates import Authority, server_context
from tests.support.doors import Answered, Client, request
from tests.support.runtimes import FarOperator, Running, operator_to, running, settings_for
from tests.support.waiting import LONGEST_S, until

SECRET = "the payment system's"
PATH = "/operators/acme/pay/quantum"
OK = 200


class Till(Shop):
    """A game that acknowledges at once, or not at all while it is `closed`."""

    closed = False

    async def _take(self, request: Any) -> Any:
        answer = await super()._take(request)
        answer.set_status(503 if self.closed else OK)
        return answer


@pytest.fixture
async def shop() -> AsyncIterator[Till]:
    till = Till()
    await till.open()
    yield till
    await till.close()


def settings(
    folder: Path, far: FarOperator, shop: Till, other: dict[str, Any] | None = None, **payment: Any
) -> Settings:
    """Operator `acme` has payments, and `other` only if it is given some."""
    ours = {
        "settings": {"secrets": [SECRET]},
        "currency": "EUR",
        "game": {"url": shop.url, "secret": GAMES_SECRET},
    }
    acme = operator_to(far, inbound={}, payment=ours | payment)
    second = operator_to(far, inbound={}, path_only=True, payment=None if other is None else ours | other)
    return settings_for(folder, {"acme": acme, "other": second}, operators_server={"host": "127.0.0.1", "port": 0})


def an_order(**changes: Any) -> PaidOrder:
    ours = PaidOrder(id="order-1", player_id="u-7", product_id="gems", price="4.990", paid_at=SystemClock().now())
    return msgspec.structs.replace(ours, **changes)


def body_of(order: PaidOrder, secret: str = SECRET) -> bytes:
    return callbacks(order, secret)[0][0]


async def posted(gateway: Running, body: bytes, path: str = PATH) -> Answered:
    assert gateway.addresses.operators is not None
    port = int(gateway.addresses.operators.rpartition(":")[2])
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        return await client.asked(request(path, body, None))
    finally:
        await client.close()


async def timeline(gateway: Running, id: str = "order-1") -> Timeline | None:
    return await gateway.runtime._journals.open["default"].timeline(Key("acme", Direction.PAYMENT, id))


async def reaches(gateway: Running, state: State, id: str = "order-1") -> Timeline:
    async with asyncio.timeout(LONGEST_S):
        while (found := await timeline(gateway, id)) is None or found.transfer.state is not state:
            pass  # each look waits for the journal
    return found


def counted(gateway: Running, outcome: str) -> float:
    labels = {"operator": "acme", "outcome": outcome}
    return gateway.runtime.metrics.registry.get_sample_value("mm_gateway_payments_total", labels) or 0


def parked_payments(gateway: Running) -> float | None:
    labels = {"operator": "acme", "decision": "payment"}
    return gateway.runtime.metrics.registry.get_sample_value("mm_gateway_parked_total", labels)


async def test_the_game_is_told_of_a_payment_in_the_words_that_were_signed(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    async with running(settings(tmp_path, far, shop)) as gateway:
        assert (await posted(gateway, body_of(an_order(ext_params="chest=gold")))).status == OK
        paid = await reaches(gateway, State.CONFIRMED)
    assert str(paid.transfer.amount) == "4.99 EUR"
    assert paid.transfer.session.player_id == "u-7"
    assert [(each.call, each.verdict) for each in paid.attempts] == [("deliverPayment", "success")]
    (notice,) = shop.bodies["order-1"]
    assert b'"productPrice":4.990' in notice
    assert json.loads(notice)["extParams"] == "chest=gold"


async def test_a_payment_that_comes_twice_at_once_and_again_is_one(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    body = body_of(an_order())
    async with running(settings(tmp_path, far, shop)) as gateway:
        twice = await asyncio.gather(posted(gateway, body), posted(gateway, body))
        await reaches(gateway, State.CONFIRMED)
        again = await posted(gateway, body)
        assert {each.status for each in (*twice, again)} == {OK}
        assert len(await gateway.runtime._journals.open["default"].list_transfers(TransferFilter(), limit=9)) == 1
        assert (counted(gateway, "received"), counted(gateway, "repeated")) == (1, 2)
    assert len(shop.bodies["order-1"]) == 1


async def test_an_order_that_comes_again_with_another_price_changes_nothing(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    async with running(settings(tmp_path, far, shop)) as gateway:
        await posted(gateway, body_of(an_order()))
        before = await reaches(gateway, State.CONFIRMED)
        refused = await posted(gateway, body_of(an_order(price="0.01")))
        assert (refused.status, json.loads(refused.body)["errorCode"]) == (400, 110)
        assert await timeline(gateway) == before
        assert counted(gateway, "other_content") == 1


async def test_who_cannot_sign_gets_the_answer_of_an_operator_that_does_not_exist(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    forged = body_of(an_order(), "another secret")
    async with running(settings(tmp_path, far, shop)) as gateway:
        answers = [
            await posted(gateway, forged, f"/operators/{name}/pay/quantum") for name in ("acme", "other", "nobody")
        ]
        assert {(each.status, each.body) for each in answers} == {(401, answers[0].body)}
        assert await timeline(gateway) is None
    assert not shop.bodies


async def test_a_payment_of_yesterday_is_refused(tmp_path: Path, far: FarOperator, shop: Till) -> None:
    async with running(settings(tmp_path, far, shop)) as gateway:
        refused = await posted(gateway, body_of(an_order(trick=Trick.OLD)))
        assert refused.status == 400
        assert await timeline(gateway) is None


async def test_a_repeat_is_answered_from_the_journal_even_when_it_would_not_be_taken_today(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    order = an_order()
    async with running(settings(tmp_path, far, shop)) as gateway:
        await posted(gateway, body_of(order))
        await gateway.runtime.reload(settings(tmp_path, far, shop, catalogue={"swords": "1"}))
        late = msgspec.structs.replace(order, trick=Trick.OLD)
        assert [(await posted(gateway, body_of(each))).status for each in (order, late)] == [OK, OK]
        assert (await posted(gateway, body_of(an_order(id="order-2")))).status == 400
        assert counted(gateway, "unknown_product") == 1


async def test_the_game_is_told_until_it_acknowledges_and_always_the_same(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    shop.closed = True
    async with running(settings(tmp_path, far, shop)) as gateway:
        assert (await posted(gateway, body_of(an_order()))).status == OK
        await until(lambda: len(shop.bodies.get("order-1", ())) >= 3)
        shop.closed = False
        await reaches(gateway, State.CONFIRMED)
    assert len(set(shop.bodies["order-1"])) == 1


async def test_a_payment_that_the_game_never_acknowledges_is_parked_and_counted(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    shop.closed = True
    short = {"schedule": [0.0, 0.05], "then_every": 0.05, "until": 0.3, "late_arrival_window": 0.1, "jitter": 0.0}
    async with running(settings(tmp_path, far, shop, delivery=short)) as gateway:
        await posted(gateway, body_of(an_order()))
        parked = await reaches(gateway, State.PARKED)
        # Counted only after it is written.
        await until(lambda: parked_payments(gateway) == 1)
    assert "503" in parked.attempts[-1].detail


async def test_the_common_path_finds_whose_secret_it_was(tmp_path: Path, far: FarOperator, shop: Till) -> None:
    async with running(settings(tmp_path, far, shop)) as gateway:
        assert (await posted(gateway, body_of(an_order()), "/pay/quantum")).status == OK
        await reaches(gateway, State.CONFIRMED)
        assert (await posted(gateway, body_of(an_order(), "another"), "/pay/quantum")).status == 401


async def test_what_was_taken_by_a_gateway_that_stopped_is_told_by_the_next(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    shop.closed = True
    async with running(settings(tmp_path, far, shop)) as gateway:
        assert (await posted(gateway, body_of(an_order()))).status == OK
    shop.closed = False
    async with running(settings(tmp_path, far, shop)) as gateway:
        await reaches(gateway, State.CONFIRMED)


async def test_a_game_with_an_authority_of_its_own_is_told_after_a_reload_too(tmp_path: Path, far: FarOperator) -> None:
    authority = Authority(tmp_path, "the game's")
    till = Till(server_context(authority.certificate("127.0.0.1")))
    await till.open()
    try:
        game = {"url": till.url, "secret": GAMES_SECRET, "tls": {"ca_file": authority.file}}
        ours = settings(tmp_path, far, till, game=game)
        async with running(ours) as gateway:
            await gateway.runtime.reload(ours)
            assert (await posted(gateway, body_of(an_order()))).status == OK
            await reaches(gateway, State.CONFIRMED)
    finally:
        await till.close()


async def test_payments_that_the_game_has_not_acknowledged_keep_their_operator_s_payments(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    shop.closed = True
    async with running(settings(tmp_path, far, shop)) as gateway:
        await posted(gateway, body_of(an_order()))
        without = settings_for(
            tmp_path, {"acme": operator_to(far, inbound={})}, operators_server={"host": "127.0.0.1", "port": 0}
        )
        with pytest.raises(ConfigurationUnusable, match=r"acme: unfinished payments would be left .* keep `payment`"):
            await gateway.runtime.reload(without)
        shop.closed = False
        await reaches(gateway, State.CONFIRMED)


async def test_a_format_that_fails_keeps_no_other_operator_from_the_common_path(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    class Broken(QuantumPayments):
        def read(self, *_: object) -> Payment:
            raise RuntimeError

    own = {"settings": {"secrets": ["of another"]}}
    async with running(settings(tmp_path, far, shop, other=own)) as gateway:
        game = gateway.runtime._operators.operators["other"].game
        assert isinstance(game, GameFarSide)
        game.format = Broken(game.format.settings)
        assert (await posted(gateway, body_of(an_order()), "/pay/quantum")).status == OK


async def test_what_the_journal_cannot_take_is_to_be_sent_again(
    tmp_path: Path, far: FarOperator, shop: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> None:
        raise JournalUnavailable("the disk is full")

    async with running(settings(tmp_path, far, shop)) as gateway:
        journal = gateway.runtime._journals.open["default"]
        with monkeypatch.context() as full:
            full.setattr(journal, "insert", failing)
            refused = await posted(gateway, body_of(an_order()))
        assert (refused.status, json.loads(refused.body)["errorCode"]) == (500, 123)
        assert counted(gateway, "not_recorded") == 1
        assert (await posted(gateway, body_of(an_order()))).status == OK
        await reaches(gateway, State.CONFIRMED)


async def test_no_secret_of_a_payment_can_be_tried_out_on_the_hash_of_the_configuration(
    tmp_path: Path, far: FarOperator, shop: Till
) -> None:
    def hashed(gateway: Running, ours: Settings) -> str:
        return configuration_hash(ours, gateway.runtime._operators.operators)

    async with running(settings(tmp_path, far, shop)) as gateway:
        other = settings(tmp_path, far, shop, settings={"secrets": ["another secret"]})
        assert hashed(gateway, other) == hashed(gateway, gateway.runtime.settings)
        dearer = settings(tmp_path, far, shop, currency="USD")
        assert hashed(gateway, dearer) != hashed(gateway, gateway.runtime.settings)
