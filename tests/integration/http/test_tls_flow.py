"""TLS of the listeners carries what is large, slow or many as plain TCP does."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path

import pytest

from tests.integration.http.test_listening import shown, trusting
from tests.support.certificates import Authority
from tests.support.doors import REPLY, ROLLBACK, Client, request, wallet_door

CALL = request("/wallet/rollbackWithdrawal", ROLLBACK)
LONG = b'{"token": "t", "mmTransactionId": "1234abcd", "rollbackReason": "%s"}' % (b"x" * 1_000_000)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


async def test_a_large_body_and_many_calls_pass(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        client = await game.connect(trusting(authority))
        assert (await client.asked(request("/wallet/rollbackWithdrawal", LONG))).body == REPLY
        await client.send(CALL * 200)
        assert [(await client.answer()).body for _ in range(200)] == [REPLY] * 200


async def test_a_large_answer_passes(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        game.coordinator.nickname = "N" * 5_000_000
        client = await game.connect(trusting(authority))
        answered = await client.asked(request("/wallet/verifySession", b'{"token": "t"}'))
        assert len(answered.body) > 5_000_000


async def test_a_call_may_come_byte_by_byte(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        client = await game.connect(trusting(authority))
        for byte in CALL:
            await client.send(bytes([byte]))
        assert (await client.answer()).body == REPLY


async def test_a_client_that_reads_none_of_its_answers_is_cut_off(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.http.response.CLIENT_READ_TIMEOUT_S", 0.1)
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        game.coordinator.nickname = "N" * 50_000
        client = await game.connect(trusting(authority))
        with pytest.raises(ConnectionError):
            await _ask_on_and_on(client)
        assert game.counted("ok", "verifySession") > 10


async def _ask_on_and_on(client: Client) -> None:
    while True:
        await client.send(request("/wallet/verifySession", b'{"token": "t"}'))
        await asyncio.sleep(0)


async def test_what_is_no_tls_after_the_handshake_ends_the_connection(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        client = await game.connect(trusting(authority))
        assert (await client.asked(CALL)).body == REPLY
        os.write(client.writer.get_extra_info("socket").fileno(), b"\x17\x03\x03\x00\x20" + b"x" * 32)
        with pytest.raises(ssl.SSLError, match="ALERT_BAD_RECORD_MAC"):
            await client.reader.read()
        assert (await (await game.connect(trusting(authority))).asked(CALL)).body == REPLY


async def test_the_connection_is_closed_in_order_after_a_last_answer(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        client = await game.connect(trusting(authority))
        answered = await client.asked(request("/wallet/rollbackWithdrawal", ROLLBACK, Connection="close"))
        assert (answered.body, await client.rest()) == (REPLY, b"")
