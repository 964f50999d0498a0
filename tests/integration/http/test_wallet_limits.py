from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from gateway.http.body import CHUNK, MAX_ROLLBACK_BODY, REST_S, SMALL, STEPS_A_TURN
from gateway.http.connection import CallConnection
from gateway.reasons import TEXT_LIMIT, limit_text
from gateway.wire.cutting import BodyCutter
from tests.support.doors import REPLY, ROLLBACK, WITHDRAW, Client, Game, basic, request, wallet_door
from tests.support.waiting import until

CALL = "/wallet/rollbackWithdrawal"
HEAD = f"POST {CALL} HTTP/1.1\r\nHost: g\r\nAuthorization: {basic('JohnDoe:MyPass')}\r\n".encode()


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body


def long_rollback(size: int) -> bytes:
    return b'{"token": "t", "mmTransactionId": "1234abcd", "rollbackReason": "%s"}' % (b"x" * size)


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "not even a line": b"hello\r\n\r\n",
    "no version": b"POST /wallet/withdraw\r\n\r\n",
    "another version": b"POST /wallet/withdraw HTTP/3.0\r\nHost: g\r\n\r\n",
    "an unknown method": b"STEAL /wallet/withdraw HTTP/1.1\r\nHost: g\r\n\r\n",
    "HTTP/2's beginning": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"POST /wallet/withdraw HTTP/1.1\r\n\r\n",
    "a length beside chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks beside a length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "one length twice": HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": HEAD + b"Content-Length: 5, 5\r\n\r\nhello",
    "a negative length": HEAD + b"Content-Length: -5\r\n\r\n",
    "a signed length": HEAD + b"Content-Length: +5\r\n\r\nhello",
    "a length in hex": HEAD + b"Content-Length: 0x5\r\n\r\nhello",
    "a length beyond any number": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "an unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks not last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a folded header": HEAD + b"X-A: b\r\n c\r\n\r\n",
    "a space before the colon": HEAD + b"Content-Length : 5\r\n\r\nhello",
    "a header without a colon": HEAD + b"nonsense\r\n\r\n",
    "a bare line feed": HEAD.replace(b"\r\n", b"\n") + b"\n",
    "a NUL in a header": HEAD + b"X-A: a\x00b\r\n\r\n",
    "a chunk of no size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "a chunk with a bare line feed": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    "a long line": b"POST /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: g\r\n\r\n",
    "a long header": HEAD + b"X-A: " + b"a" * 10_000 + b"\r\n\r\n",
    "many headers": HEAD + b"".join(b"X-%d: a\r\n" % i for i in range(100)) + b"\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_http_gets_the_contract_s_error_body_and_no_second_chance(game: Game, sent: bytes) -> None:
    smuggled = request("/wallet/withdraw", WITHDRAW)
    client = await game.connect()
    await client.send(sent + smuggled)
    answered = await client.answer()
    assert (answered.status, answered.error_code, answered.headers["connection"]) == (400, 130, "close")
    assert answered.headers["content-type"] == "application/json"
    assert await client.rest() == b""
    assert game.coordinator.asked == []


@pytest.mark.parametrize(
    "sent, text",
    [
        (
            MALFORMED["a long header"],
            "The request line or a header is longer than 8192 bytes (server.max_header); send a shorter one.",
        ),
        (
            MALFORMED["a long line"],
            "The request line or a header is longer than 8192 bytes (server.max_header); send a shorter one.",
        ),
        (MALFORMED["many headers"], "The request has more than 64 headers (server.max_headers); send fewer."),
    ],
    ids=["header", "line", "headers"],
)
async def test_a_request_over_a_limit_is_told_the_limit_and_its_setting(game: Game, sent: bytes, text: str) -> None:
    client = await game.connect()
    assert (await client.asked(sent)).error_text == text


async def test_as_many_headers_as_the_setting_says_are_read() -> None:
    async with wallet_door(max_headers=100) as game:
        more = {f"X-{number}": "a" for number in range(95)}
        assert (await game.post(CALL, ROLLBACK, **more)).status == 200


async def test_a_request_that_is_half_there_when_the_client_leaves_harms_nobody(game: Game) -> None:
    for sent in (HEAD, HEAD + b"Content-Length: 50\r\n\r\nhalf", chunked(b"half")[:-9]):
        client = await game.connect()
        await client.send(sent)
        await client.close()
    assert (await game.post(CALL, ROLLBACK)).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_what_is_no_post_is_a_400(game: Game, method: str) -> None:
    client = await game.connect()
    answered = await client.asked(request(CALL, ROLLBACK).replace(b"POST", method.encode(), 1))
    assert (answered.status, answered.error_code) == (400, 130)


async def test_a_head_gets_the_head_of_a_400(game: Game) -> None:
    client = await game.connect()
    await client.send(f"HEAD {CALL} HTTP/1.1\r\nHost: g\r\nAuthorization: {basic('JohnDoe:MyPass')}\r\n\r\n".encode())
    assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert (await client.asked(request(CALL, ROLLBACK))).body == REPLY


async def test_a_tunnel_is_not_opened(game: Game) -> None:
    client = await game.connect()
    await client.send(f"CONNECT g:1 HTTP/1.1\r\nHost: g\r\nAuthorization: {basic('JohnDoe:MyPass')}\r\n\r\n".encode())
    assert (await client.answer()).status == 400


async def test_an_offer_to_talk_something_else_is_passed_over(game: Game) -> None:
    client = await game.connect()
    offer = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert (await client.asked(request(CALL, ROLLBACK, **offer))).status == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/wallet", "/wallet/", "/wallet/nothing", "/wallet/Withdraw", "/wallet/withdraw/", "//wallet/withdraw", "*"],
)
async def test_an_unknown_path_is_a_400(game: Game, path: str) -> None:
    answered = await game.post(path, ROLLBACK)
    assert (answered.status, answered.error_code) == (400, 130)
    assert game.coordinator.asked == []


@pytest.mark.parametrize(
    "target",
    [
        "http://gateway.example{path}",
        "HTTPS://gateway.example:8443{path}",
        "http://gateway.example{path}?x=1",
        "http://[2001:db8::1]:80{path}",
        "/%77allet/rollback%57ithdrawal",
        "http://gateway.example/%77allet/rollbackWithdrawal",
    ],
)
async def test_a_path_may_be_written_in_every_form_that_names_it(game: Game, target: str) -> None:
    assert (await game.post(target.format(path=CALL), ROLLBACK)).body == REPLY
    assert game.counted("ok") == 1


@pytest.mark.parametrize(
    "target", ["http://gateway.example", "ftp://gateway.example{path}", "http://{path}", "/%2fwallet"]
)
async def test_another_target_is_still_no_call(game: Game, target: str) -> None:
    assert (await game.post(target.format(path=CALL), ROLLBACK)).status == 400
    assert game.coordinator.asked == []


async def test_a_query_means_nothing(game: Game) -> None:
    assert (await game.post(f"{CALL}?x=1", ROLLBACK)).status == 200


@pytest.mark.parametrize(
    "kind, status",
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON ; Charset="UTF-8"', 200),
        ("application/json; charset=utf-8; profile=x", 200),
        ('application/json; profile="a;charset=latin-1"; charset=us-ascii', 200),
        ("application/json;", 200),
        ("application/json; profile=x; charset=latin-1", 400),
        ("application/json; charset=latin-1", 400),
        ("text/plain", 400),
        ("application/x-www-form-urlencoded", 400),
        ("multipart/form-data; boundary=x", 400),
        ("", 400),
    ],
)
async def test_only_json_in_utf_8_is_read(game: Game, kind: str, status: int) -> None:
    assert (await game.post(CALL, ROLLBACK, **{"Content-Type": kind})).status == status


async def test_who_does_not_say_what_the_body_is_is_believed_that_it_is_json(game: Game) -> None:
    client = await game.connect()
    sent = request(CALL, ROLLBACK).replace(b"Content-Type: application/json\r\n", b"")
    assert (await client.asked(sent)).status == 200


async def test_a_compressed_body_is_refused_so_that_none_can_burst(game: Game) -> None:
    answered = await game.post(CALL, ROLLBACK, **{"Content-Encoding": "gzip"})
    assert (answered.status, answered.error_text) == (400, "The body is compressed; send it as it is.")


@pytest.mark.parametrize(
    "codings, status",
    [(["identity"], 200), (["Identity, "], 200), (["identity", "gzip"], 400), (["identity, br"], 400)],
)
async def test_every_coding_of_a_body_counts_on_whichever_line_it_stands(
    game: Game, codings: list[str], status: int
) -> None:
    lines = "".join(f"Content-Encoding: {coding}\r\n" for coding in codings)
    client = await game.connect()
    sent = request(CALL, ROLLBACK).replace(b"Host: ", lines.encode() + b"Host: ", 1)
    assert (await client.asked(sent)).status == status


async def test_a_body_may_come_in_pieces_of_any_size(game: Game) -> None:
    client = await game.connect()
    for byte in request(CALL, ROLLBACK):
        await client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await client.answer()).body == REPLY


async def test_a_body_may_come_in_chunks(game: Game) -> None:
    client = await game.connect()
    assert (await client.asked(chunked(ROLLBACK[:10], ROLLBACK[10:]))).body == REPLY
    assert (await client.asked(chunked(*(bytes([byte]) for byte in ROLLBACK)))).body == REPLY


@pytest.mark.parametrize("expect", ["100-continue", "100-Continue", "other, 100-continue"])
async def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(game: Game, expect: str) -> None:
    client = await game.connect()
    head, body = request(CALL, ROLLBACK, Expect=expect).split(b"\r\n\r\n")
    await client.send(head + b"\r\n\r\n")
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await client.asked(body)).body == REPLY


async def test_no_leave_is_given_to_a_body_that_will_not_be_read(game: Game) -> None:
    client = await game.connect()
    head, _ = request("/wallet/withdraw", b"", Expect="100-continue", **{"Content-Length": "1000000"}).split(
        b"\r\n\r\n"
    )
    answered = await client.asked(head + b"\r\n\r\n")
    assert (answered.status, answered.headers["connection"]) == (400, "close")


async def test_a_body_at_the_limit_is_read_and_one_over_it_is_not() -> None:
    size = len(WITHDRAW)
    async with wallet_door(max_body=size) as game:
        assert (await game.post("/wallet/withdraw", WITHDRAW)).status == 200
        answered = await game.post("/wallet/withdraw", WITHDRAW + b" ")
        assert (answered.status, answered.error_text) == (
            400,
            f"The body is larger than {size} bytes (server.max_body); send a smaller one.",
        )


async def test_a_body_that_does_not_tell_its_size_is_cut_off_at_the_limit() -> None:
    async with wallet_door(max_body=1000) as game:
        client = await game.connect()
        sent = chunked(*[b" " * 200] * 50).replace(CALL.encode(), b"/wallet/withdraw")
        await client.send(sent)
        assert (await client.answer()).status == 400
        endless = await game.connect()
        await endless.send(sent.removesuffix(b"0\r\n\r\n"))
        assert ((await endless.answer()).status, await endless.rest()) == (400, b"")


@pytest.mark.parametrize("size", [100_000, 1_000_000, MAX_ROLLBACK_BODY - 100])
async def test_a_rollback_is_not_refused_for_the_length_of_its_reason(game: Game, size: int) -> None:
    client = await game.connect()
    assert (await client.asked(request(CALL, long_rollback(size)))).body == REPLY
    assert limit_text(game.coordinator.asked[0][-1]) == limit_text("x" * size)
    assert (await client.asked(chunked(long_rollback(size)))).body == REPLY


async def test_a_long_body_is_read_a_little_in_each_turn_of_the_loop(game: Game) -> None:
    """However much is nested in it: the work of a turn is bounded, and so is the memory of each body. Between the turns
    nothing of it is looked at, so that the threads of the journal can run."""
    body = long_rollback(0).replace(b'""', b"[%s]" % (b"[]," * 200_000 + b"[]"))
    client = await game.connect()
    begun = time.monotonic()
    assert (await client.asked(request(CALL, body))).body == REPLY
    turns = sum(map(body.count, (b"[", b"]", b","))) // STEPS_A_TURN
    assert time.monotonic() - begun > turns * REST_S
    assert len(game.coordinator.asked[0][-1]) < 2 * TEXT_LIMIT


async def test_of_a_client_that_is_gone_nothing_more_is_cut_and_little_is_held(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[int] = []
    monkeypatch.setattr(BodyCutter, "feed", lambda _, piece: fed.append(len(piece)))
    line = game.door._bodies._turns.setdefault("acme", asyncio.Lock())
    async with line:
        for _ in range(5):
            client = await game.connect()
            await client.send(request(CALL, long_rollback(1_000_000))[:300_000])
        await until(lambda: len(line._waiters or ()) == 5)
        held = [frame.f_locals.get("chunk", b"") for task in game.door._running for frame in task.get_stack()]
        assert max(map(len, held)) <= CHUNK + SMALL
        for connection in list(game.server.connections):
            cast("CallConnection", connection).drop_unfinished("all are too large together")
        await until(lambda: game.server.open == 0)
    await until(lambda: not game.door._running)
    assert fed == []


async def test_nobody_s_dripping_body_delays_another_s_or_is_why_a_rollback_is_refused(game: Game) -> None:
    dripping = [await game.connect() for _ in range(20)]
    for client in dripping:
        await client.send(request(CALL, long_rollback(1_000_000))[:300_000])
    assert (await game.post(CALL, long_rollback(1_000_000))).body == REPLY
    for client in dripping:
        await client.send(request(CALL, long_rollback(1_000_000))[300_000:])
        assert (await client.answer()).body == REPLY


@pytest.mark.parametrize("call", ["withdraw", "rollbackWithdrawal", "verifySession"])
async def test_a_body_that_is_no_object_is_refused_whatever_its_size(game: Game, call: str) -> None:
    for size in (0, 10_000, 50_000):
        answered = await game.post(f"/wallet/{call}", b'{"token": "t", "a": "%s"' % (b"x" * size))
        assert (answered.status, answered.error_code) == (400, 130)
        assert "The body is not valid JSON: " in answered.error_text


async def test_a_call_with_much_that_only_informs_is_read_as_a_short_one(game: Game) -> None:
    for junk in (b"[" * 20_000 + b"]" * 20_000, b'"%s"' % (b"y" * 50_000)):
        body = WITHDRAW[:-1] + b', "txDescription": "a", "unknown": %s}' % junk
        assert (await game.post("/wallet/withdraw", body)).status == 200
    assert len({asked[1:] for asked in game.coordinator.asked}) == 1


@pytest.mark.parametrize("send", [lambda body: request(CALL, body), chunked], ids=["sized", "chunked"])
async def test_even_a_reason_has_an_end(game: Game, send: Any) -> None:
    client = await game.connect()
    sending = asyncio.ensure_future(client.send(send(long_rollback(MAX_ROLLBACK_BODY + 100_000))))
    answered = await client.answer()
    assert (answered.status, answered.error_code) == (400, 130)
    sending.cancel()


async def test_a_head_that_does_not_arrive_in_time_ends_with_a_400() -> None:
    async with wallet_door(read_timeout=0.1) as game:
        client = await game.connect()
        sending = asyncio.ensure_future(_trickle(client.send, HEAD * 100))
        answered = await client.answer()
        assert (answered.status, answered.error_text) == (
            400,
            "The request did not arrive within 0.1 s (server.read_timeout); send it in one go.",
        )
        assert await client.rest() == b""
        sending.cancel()


@pytest.mark.parametrize(
    "sent", [HEAD + b"Content-Length: 50\r\n\r\nhalf", chunked(b"half")[:-5]], ids=["sized", "chunked"]
)
async def test_a_body_that_does_not_arrive_in_time_ends_with_a_400(sent: bytes) -> None:
    async with wallet_door(read_timeout=0.1) as game:
        client = await game.connect()
        await client.send(sent)
        answered = await client.answer()
        assert (answered.status, answered.headers["connection"]) == (400, "close")
        assert await client.rest() == b""


async def test_head_and_body_share_one_time() -> None:
    async with wallet_door(read_timeout=60) as game:
        client = await game.connect()
        head, body = request(CALL, ROLLBACK).split(b"\r\n\r\n")
        await client.send(head)
        (connection,) = await until(lambda: [cast("CallConnection", each) for each in game.server.connections])
        began_at = await until(lambda: connection.began_at)
        assert began_at is not None
        connection.began_at = began_at - 60  # as if the head had begun to arrive so long ago
        await client.send(b"\r\n\r\n" + body[:10])
        async with asyncio.timeout(5):
            assert (await client.answer()).status == 400


async def test_a_second_slow_request_on_a_connection_is_timed_as_well() -> None:
    async with wallet_door(read_timeout=0.1) as game:
        client = await game.connect()
        assert (await client.asked(request(CALL, ROLLBACK))).status == 200
        await client.send(HEAD[:10])
        assert (await client.answer()).status == 400


async def test_a_connection_that_says_nothing_is_closed_after_a_while() -> None:
    async with wallet_door(idle_timeout=0.1) as game:
        silent, served = await game.connect(), await game.connect()
        assert (await served.asked(request(CALL, ROLLBACK))).status == 200
        assert await silent.rest() == b""
        assert await served.rest() == b""


async def test_one_connection_too_many_is_closed_and_there_is_room_again_once_another_leaves() -> None:
    async with wallet_door(max_connections=2) as game:
        first, second, third = [await game.connect() for _ in range(3)]
        assert await third.rest() == b""
        assert (await first.asked(request(CALL, ROLLBACK))).status == 200
        await second.close()
        while (await _status_of_new(game)) is None:
            pass
        assert (await first.asked(request(CALL, ROLLBACK))).status == 200


async def test_many_calls_sent_at_once_are_all_answered_also_after_a_long_body(game: Game) -> None:
    client = await game.connect()
    assert (await client.asked(request(CALL, long_rollback(1_000_000)))).body == REPLY
    await client.send(request(CALL, ROLLBACK) * 200)
    assert [(await client.answer()).body for _ in range(200)] == [REPLY] * 200


async def test_a_client_that_reads_none_of_its_answers_is_cut_off(monkeypatch: pytest.MonkeyPatch, game: Game) -> None:
    monkeypatch.setattr("gateway.http.response.CLIENT_READ_TIMEOUT_S", 0.1)
    game.coordinator.nickname = "N" * 50_000
    client = await game.connect()
    with pytest.raises(ConnectionError):
        await _ask_on_and_on(client, request("/wallet/verifySession", b'{"token": "t"}'))
    assert game.counted("ok", "verifySession") > 10


async def _ask_on_and_on(client: Client, sent: bytes) -> None:
    while True:
        await client.send(sent)
        await asyncio.sleep(0)


async def _trickle(send: Any, data: bytes) -> None:
    for byte in data:
        await send(bytes([byte]))
        await asyncio.sleep(0.005)


async def _status_of_new(game: Game) -> int | None:
    try:
        return (await game.post(CALL, ROLLBACK)).status
    except (ConnectionError, asyncio.IncompleteReadError):
        return None


@pytest.mark.parametrize("rest", [0, 10], ids=["all has come", "some has not"])
async def test_the_time_that_cutting_takes_is_not_the_client_s(rest: int) -> None:
    """Else a reason that is hard to cut, or others of the operator, would be why a rollback is refused."""
    body = long_rollback(20_000)
    async with wallet_door(read_timeout=0.1) as game:
        turn = game.door._bodies._turns["acme"] = asyncio.Lock()
        client = await game.connect()
        async with turn:
            await client.send(request(CALL, body)[: -rest or None])
            with pytest.raises(TimeoutError):  # nothing is answered in several times the limit
                async with asyncio.timeout(0.5):
                    await client.reader.read(1)
        answered = await client.answer()
        assert (answered.status, game.refused("slow")) == ((400, 1) if rest else (200, 0))
