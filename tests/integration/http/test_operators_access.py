"""Whoever may not call at the operators' door learns nothing there: not who may, not what there is."""

from __future__ import annotations

import gc
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from gateway.http import credentials
from gateway.http.call_handler import ReceivedCall
from gateway.settings import InboundSettings
from tests.integration.http.test_listening import shown, trusting
from tests.support.certificates import Authority
from tests.support.doors import Client, basic, request
from tests.support.operators_door import MINE, QUERY, TOKEN, Caller, asking, inbound, operators_door, routing

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
BODY = asking("1234abcd")
CHANGING = re.compile(rb"(X-Request-ID|Date): [^\r]*")


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that were verified, in order."""
    verified: list[str] = []
    really = credentials._matches

    def matches(secret_hash: str, password: bytes) -> bool:
        verified.append(secret_hash)
        return really(secret_hash, password)

    monkeypatch.setattr(credentials, "_matches", matches)
    return verified


async def raw(caller: Caller, sent: bytes) -> bytes:
    """The whole answer, byte for byte, without what differs each time."""
    client = await caller.connect()
    await client.send(sent)
    client.writer.write_eof()
    return CHANGING.sub(rb"\1", await client.rest())


def hashed(word: str, **settings: Any) -> InboundSettings:
    passwords = [{"username": "u", "password_hash": CHEAP.hash(word)}]
    return inbound(credentials=passwords, tokens=[{"token_hash": CHEAP.hash(f"token-{word}")}], **settings)


@pytest.mark.parametrize("header", [basic(MINE), f"Bearer {TOKEN}", f"bearer  {TOKEN}"])
async def test_the_right_password_and_the_right_token_let_in(tmp_path: Path, header: str) -> None:
    async with operators_door(tmp_path) as caller:
        assert (await caller.post(credentials=None, Authorization=header)).status == 200
        assert caller.counted("ok") == 1


async def test_several_passwords_and_tokens_hashed_or_plain_count_at_once(tmp_path: Path) -> None:
    both = inbound(
        credentials=[{"username": "u", "password": "old"}, {"username": "u", "password_hash": CHEAP.hash("new")}],
        tokens=[{"token": "first"}, {"token_hash": CHEAP.hash("second")}],
    )
    async with operators_door(tmp_path, {"acme": both}) as caller:
        for header in (basic("u:old"), basic("u:new"), "Bearer first", "Bearer second"):
            assert (await caller.post(credentials=None, Authorization=header)).status == 200


WRONG = {
    "credentials": (QUERY, basic("acme-user:wrong")),
    "token": (QUERY, "Bearer wrong"),
    "no credentials": (QUERY, None),
    "another scheme": (QUERY, f"Token {TOKEN}"),
    "another operator's credentials": (QUERY, basic("other-user:other-password")),
    "name": (QUERY.replace("acme", "nobody"), basic(MINE)),
    "operator without inbound": (QUERY.replace("acme", "mute"), basic(MINE)),
    "path": ("/nothing", basic(MINE)),
    "path without a name": ("/operators/", basic(MINE)),
    "address": (QUERY.replace("acme", "elsewhere"), basic("else-user:else-password")),
}


async def test_whatever_is_wrong_the_answer_is_the_same_to_the_last_byte(tmp_path: Path) -> None:
    others = {
        "other": inbound(credentials=[{"username": "other-user", "password": "other-password"}], tokens=()),
        "elsewhere": inbound(
            credentials=[{"username": "else-user", "password": "else-password"}], tokens=(), allow_ips=["192.0.2.7"]
        ),
        "mute": None,
    }
    async with operators_door(tmp_path, {"acme": inbound(), **others}) as caller:
        answers = {
            what: await raw(caller, request(path, BODY, None, **({} if header is None else {"Authorization": header})))
            for what, (path, header) in WRONG.items()
        }
        (answer,) = set(answers.values())
        assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert b'WWW-Authenticate: Basic realm="operators", charset="UTF-8"\r\n' in answer
        assert b'WWW-Authenticate: Bearer realm="operators"\r\n' in answer
        assert b'"errorDescription":"Missing or wrong credentials; send the operator\'s."' in answer
        assert caller.refused("credentials") == len(WRONG)
        assert sum(caller.counted("unauthorized", "", call) for call in ("queryWithdrawal", "")) == len(WRONG)


@pytest.mark.parametrize("words", [("right", "other"), ("same", "same")], ids=["own", "shared"])
async def test_whatever_is_wrong_costs_the_same_hashes(
    tmp_path: Path, verifications: list[str], words: tuple[str, str]
) -> None:
    """Also where two operators have the same passwords."""
    operators = {"acme": hashed(words[0]), "other": hashed(words[1])}
    async with operators_door(tmp_path, operators) as caller:
        costs = {}
        for path, user in product(
            (QUERY, QUERY.replace("acme", "nobody"), "/nothing", "/"),
            ("u:wrong", "nobody:wrong", None),
        ):
            verifications.clear()
            word = f"at {path}"  # what is known to be wrong costs nothing any more, wherever it comes again
            header = f"Bearer {word}" if user is None else basic(user + word)
            assert (await caller.post(path, credentials=None, Authorization=header)).status == 401
            costs[path, user] = len(verifications)
        assert set(costs.values()) == {1}


async def test_wrong_credentials_are_refused_before_the_body_is_read_whoever_is_named(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        for path in (QUERY, QUERY.replace("acme", "nobody")):
            client = await caller.connect()
            await client.send(request(path, BODY, "u:wrong")[: -len(BODY)])
            answered = await client.answer()
            assert (answered.status, answered.headers["connection"]) == (401, "close")


async def test_with_credentials_one_learns_that_there_is_no_such_call(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        for path in ("/operators/acme/nothing", "/operators/acme/launch", "/operators/acme"):
            answered = await caller.post(path)
            assert (answered.status, answered.error_code) == (400, 130)
        client = await caller.connect()
        answered = await client.asked(request(QUERY, BODY, MINE).replace(b"POST", b"PUT", 1))
        assert (answered.status, answered.error_code) == (400, 130)


@pytest.mark.parametrize("path", [f"http://gateway{QUERY}", QUERY.replace("acme", "%61cme"), f"{QUERY}?x=1"])
async def test_a_path_may_be_written_as_http_allows(tmp_path: Path, path: str) -> None:
    async with operators_door(tmp_path) as caller:
        assert (await caller.post(path)).status == 200


async def test_paths_are_as_configured(tmp_path: Path) -> None:
    paths = {"query_withdrawal": "/v1/{name}-operator/state"}
    async with operators_door(tmp_path, paths=paths) as caller:
        assert (await caller.post("/v1/acme-operator/state")).status == 200
        assert (await caller.post(QUERY.replace("payment", "nothing"))).status == 400
        assert (await caller.post("/v1/acme/state")).status == 400
        assert (await caller.post("/v2/acme-operator/state")).status == 401


async def test_a_stranger_s_connection_ends_without_a_byte(tmp_path: Path) -> None:
    lists = {"acme": inbound(allow_ips=["192.0.2.0/24"]), "mute": None}
    async with operators_door(tmp_path, lists) as caller:
        for sent in (request(QUERY, BODY, MINE), request("/", BODY, None), b"garbage\r\n\r\n"):
            client = await caller.connect()
            await client.send(sent)
            assert await client.rest() == b""
        assert caller.refused("address") == 3


async def test_where_no_operator_may_call_nobody_is_answered(tmp_path: Path) -> None:
    async with operators_door(tmp_path, {"mute": None}) as caller:
        assert await (await caller.connect()).rest() == b""


@pytest.mark.parametrize("sent", [request(QUERY, BODY, MINE), request(QUERY, BODY, "u:no"), request("/", BODY, None)])
async def test_a_stranger_behind_a_proxy_gets_no_answer_without_the_right_credentials(
    tmp_path: Path, verifications: list[str], sent: bytes
) -> None:
    lists = {"acme": hashed("right", allow_ips=["192.0.2.0/24"])}
    async with operators_door(tmp_path, lists, trusted_proxies=["127.0.0.1"]) as caller:
        client = await caller.connect()
        await client.send(sent.replace(b"Host:", b"X-Forwarded-For: 203.0.113.9\r\nHost:", 1))
        assert await client.rest() == b""
        assert verifications == []


async def test_behind_a_trusted_proxy_the_operator_s_own_address_counts(tmp_path: Path) -> None:
    lists = {"acme": inbound(allow_ips=["192.0.2.0/24"])}
    async with operators_door(tmp_path, lists, trusted_proxies=["127.0.0.1"]) as caller:
        assert (await caller.post(X_Forwarded_For="192.0.2.7")).status == 200


async def test_tls_may_ask_for_a_certificate(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    context = shown(ours.certificate("127.0.0.1"), theirs.file)
    async with operators_door(tmp_path, tls=context) as caller:
        client = await caller.connect(trusting(ours, theirs.certificate("acme")))
        assert (await client.asked(request(QUERY, BODY, MINE))).status == 200
        refused = await caller.connect(trusting(ours))
        with pytest.raises((ConnectionError, EOFError, OSError)):
            await refused.asked(request(QUERY, BODY, MINE))
        assert caller.refused("certificate") == 1


async def test_a_reload_changes_who_is_let_in_from_the_next_call_on(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        client = await caller.connect()
        assert (await client.asked(request(QUERY, BODY, MINE))).status == 200
        caller.door.apply_routing(routing({"acme": inbound(credentials=[{"username": "u", "password": "p"}])}))
        assert (await client.asked(request(QUERY, BODY, MINE))).status == 401
        assert (await client.asked(request(QUERY, BODY, "u:p"))).status == 200


async def test_who_is_not_let_in_is_not_told_that_the_gateway_stops(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        clients = [await caller.connect() for _ in range(2)]
        caller.door.refuse_new_calls()
        assert (await clients[0].asked(request(QUERY, BODY, "u:wrong"))).status == 401
        answered = await clients[1].asked(request(QUERY, BODY, MINE))
        assert (answered.status, answered.error_code, answered.headers["connection"]) == (500, 122, "close")


@pytest.mark.parametrize(
    "sent, text",
    [
        (request(QUERY, b"x" * 2000, MINE), "larger than 1024 bytes (operators_server.max_body)"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 99 + b"\r\n", "more than 64 headers (operators_server.max_headers)"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", "longer than 8192 bytes (operators_server.max_header)"),
        (request(QUERY, BODY, MINE, Content_Encoding="gzip"), "compressed"),
        (request(QUERY, b"<xml/>", MINE, Content_Type="text/xml"), "not application/json"),
        (request(QUERY, BODY, MINE)[:-3], "did not arrive within 0.2 s (operators_server.read_timeout)"),
        (b"POST / HT", "did not arrive within 0.2 s (operators_server.read_timeout)"),
        (b"garbage\r\n\r\n", "not valid HTTP/1.1"),
    ],
)
async def test_the_limits_are_those_of_the_wallet_s_door(tmp_path: Path, sent: bytes, text: str) -> None:
    async with operators_door(tmp_path, max_body=1024, read_timeout=0.2) as caller:
        client: Client = await caller.connect()
        await client.send(sent)
        answered = await client.answer()
        assert (answered.status, answered.error_code) == (400, 130)
        assert text in answered.error_text


async def test_connections_have_a_limit_of_their_own(tmp_path: Path) -> None:
    async with operators_door(tmp_path, max_connections=1) as caller:
        first = await caller.connect()
        assert (await first.asked(request(QUERY, BODY, MINE))).status == 200
        assert await (await caller.connect()).rest() == b""
        assert caller.refused("connections") == 1


async def test_refused_calls_leave_nothing_behind(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        client = await caller.connect()
        for _ in range(50):
            assert (await client.asked(request(QUERY, BODY, "u:wrong"))).status == 401
            assert (await client.asked(request("/operators/acme/nothing", BODY, MINE))).status == 400
        gc.collect()
        assert sum(isinstance(each, ReceivedCall) for each in gc.get_objects()) <= 1
