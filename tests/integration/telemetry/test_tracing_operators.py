"""Tracing of the listener that operators call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.demo.shop import SECRET as GAMES_SECRET
from gateway.demo.shop import Shop
from gateway.sandbox.payment_system import PaidOrder, callbacks
from gateway.settings import Settings
from gateway.wire.calls import WalletCall
from tests.support.collector import Collector
from tests.support.doors import Answered, Client, request
from tests.support.runtimes import FarOperator, Running, operator_to, running, settings_for

SECRET = "the payment system's"
CREDENTIALS = "acme-user:acme-password"
PAY = "/operators/acme/pay/quantum"
QUERY = "/operators/acme/payment/queryWithdrawal"
GAME_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED = f"00-{GAME_TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    opened = Shop()
    await opened.open()
    yield opened
    await opened.close()


def settings(folder: Path, far: FarOperator, traces: Collector, shop: Shop) -> Settings:
    username, password = CREDENTIALS.split(":")
    payment = {
        "settings": {"secrets": [SECRET]},
        "currency": "EUR",
        "game": {"url": shop.url, "secret": GAMES_SECRET},
    }
    inbound = {"credentials": [{"username": username, "password": password}]}
    acme = operator_to(far, inbound=inbound, payment=payment)
    listener = {"host": "127.0.0.1", "port": 0}
    return settings_for(folder, {"acme": acme}, operators_server=listener, tracing={"endpoint": traces.url})


async def posted(
    gateway: Running, path: str, body: bytes, credentials: str | None = None, traceparent: str = TRACED
) -> Answered:
    assert gateway.addresses.operators is not None
    port = int(gateway.addresses.operators.rpartition(":")[2])
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        return await client.asked(request(path, body, credentials, traceparent=traceparent))
    finally:
        await client.close()


def callback(secret: str = SECRET) -> bytes:
    order = PaidOrder(id="order-1", player_id="u-7", product_id="gems", price="4.99", paid_at=SystemClock().now())
    return callbacks(order, secret)[0][0]


async def test_a_payment_is_a_span_and_what_the_game_is_told_later_links_to_it(
    tmp_path: Path, far: FarOperator, traces: Collector, shop: Shop
) -> None:
    async with running(settings(tmp_path, far, traces, shop)) as gateway:
        assert (await posted(gateway, PAY, callback())).status == 200
        (call,) = await traces.named(f"POST {PAY}")
        (told,) = await traces.named("delivery try")
    assert (call.trace, call.kind, call.failed) == (GAME_TRACE, "server", False)
    assert call.attributes["mm_gateway.transfer.id"] == told.attributes["mm_gateway.transfer.id"] == "order-1"
    assert [span.name for span in traces.spans if span.parent == call.id] == ["journal insert"]
    assert told.links == [(call.trace, call.id)]
    assert SECRET.encode() not in b"".join(traces.bodies)


async def test_a_query_is_a_span_with_the_id_that_was_asked_for(
    tmp_path: Path, far: FarOperator, traces: Collector, shop: Shop
) -> None:
    async with running(settings(tmp_path, far, traces, shop)) as gateway:
        asked = await posted(gateway, QUERY, b'{"mmTransactionId": "id-1"}', CREDENTIALS)
        assert json.loads(asked.body)["state"] == "NOT_FOUND"
        wrong = await posted(gateway, QUERY, b"{", CREDENTIALS)
        assert json.loads(wrong.body)["errorDescription"].endswith(f"(trace {GAME_TRACE})")
        first, _ = await traces.named(f"POST {QUERY}", 2)
    assert first.attributes["mm_gateway.transfer.id"] == "id-1"
    assert [span.name for span in traces.spans if span.parent == first.id] == ["journal find"]


async def test_who_cannot_prove_who_they_are_leaves_no_trace_and_is_told_of_none(
    tmp_path: Path, far: FarOperator, traces: Collector, shop: Shop
) -> None:
    async with running(settings(tmp_path, far, traces, shop)) as gateway:
        forged = await posted(gateway, PAY, callback("a guess"))
        unknown = await posted(gateway, PAY.replace("acme", "nobody"), callback())
        wrong = await posted(gateway, QUERY, b'{"mmTransactionId": "id-1"}', "acme-user:wrong")
        assert [each.status for each in (forged, unknown, wrong)] == [401, 401, 401]
        assert forged.body == unknown.body == wrong.body
        await gateway.call(WalletCall.GET_BALANCE)
        await traces.named("POST /wallet/getBalance")
    assert [span.name for span in traces.spans if span.trace == GAME_TRACE] == []
