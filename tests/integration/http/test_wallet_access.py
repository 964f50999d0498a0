from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters

from gateway.http import credentials
from gateway.http.check_queue import WAITING_PER_SOURCE
from gateway.http.http_connection import HttpConnection
from gateway.settings import ServerSettings
from tests.support.doors import ROLLBACK, Client, Game, basic, front, operator, request, wallet_door
from tests.support.waiting import until

CALL = "/wallet/rollbackWithdrawal"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
DEAR = PasswordHasher(time_cost=2, memory_cost=8192, parallelism=1)


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that were verified, in order."""
    verified: list[str] = []

    def matches(secret_hash: str, password: bytes) -> bool:
        verified.append(secret_hash)
        return really(secret_hash, password)

    really = credentials._matches
    monkeypatch.setattr(credentials, "_matches", matches)
    return verified


def hashed(hasher: PasswordHasher = CHEAP, **settings: Any) -> Any:
    return operator(credentials=[{"username": "JohnDoe", "password_hash": hasher.hash("MyPass")}], **settings)


async def test_the_contract_s_own_example_of_credentials_is_let_in(game: Game) -> None:
    assert (await game.post(CALL, ROLLBACK, None, Authorization="Basic Sm9obkRvZTpNeVBhc3M=")).status == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic Sm9obkRvZTpNeVBhc3M",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Bearer Sm9obkRvZTpNeVBhc3M=",
        basic("JohnDoe:mypass"),
        basic("JohnDoe:MyPass "),
        basic("JohnDoe:"),
        basic("johndoe:MyPass"),
        basic(":MyPass"),
        basic("JohnDoe:MyPass:"),
        "Basic " + "A" * 4000,
        "Basic \xff\xfe",
    ],
)
async def test_missing_or_wrong_credentials_are_always_a_401(game: Game, header: str | None) -> None:
    answered = await game.post(CALL, ROLLBACK, None, **({} if header is None else {"Authorization": header}))
    assert (answered.status, answered.error_code) == (401, 131)
    assert answered.headers["www-authenticate"] == 'Basic realm="wallet", charset="UTF-8"'
    assert game.coordinator.asked == []
    assert game.counted("unauthorized", operator="") == 1


@pytest.mark.parametrize("path", ["/", "/wallet/withdraw", "/wallet/nothing", "/operators/nobody/wallet/withdraw"])
async def test_without_credentials_nobody_learns_which_paths_there_are(game: Game, path: str) -> None:
    assert (await game.post(path, ROLLBACK, None)).status == 401


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic  "])
async def test_the_scheme_may_be_written_as_http_allows(game: Game, scheme: str) -> None:
    header = f"{scheme} {base64.b64encode(b'JohnDoe:MyPass').decode()}"
    assert (await game.post(CALL, ROLLBACK, None, Authorization=header)).status == 200


async def test_passwords_may_hold_colons_and_any_letter() -> None:
    settings = operator(credentials=[{"username": "Jürgen", "password": "a:b:ß€"}])
    async with wallet_door(operators={"acme": settings}) as game:
        assert (await game.post(CALL, ROLLBACK, "Jürgen:a:b:ß€")).status == 200


async def test_credentials_choose_the_operator() -> None:
    operators = {
        "one": operator(),
        "two": operator(credentials=[{"username": "u", "password": "old"}, {"username": "u", "password": "new"}]),
    }
    async with wallet_door(operators=operators) as game:
        for credentials in ("JohnDoe:MyPass", "u:old", "u:new"):
            await game.post(CALL, ROLLBACK, credentials)
        assert [asked[0] for asked in game.coordinator.asked] == ["one", "two", "two"]


async def test_a_path_chooses_the_operator_if_the_credentials_are_its_own() -> None:
    operators = {"one": operator(), "two": operator(credentials=[{"username": "u", "password": "p"}])}
    async with wallet_door(operators=operators) as game:
        answered = [
            (await game.post(f"/operators/{name}{CALL}", ROLLBACK, credentials)).status
            for name, credentials in [
                ("one", "JohnDoe:MyPass"),
                ("two", "u:p"),
                ("two", "JohnDoe:MyPass"),
                ("three", "u:p"),
            ]
        ]
        assert answered == [200, 200, 401, 401]
        assert [asked[0] for asked in game.coordinator.asked] == ["one", "two"]


async def test_operators_that_share_credentials_are_told_apart_by_their_paths_alone() -> None:
    operators = {"one": operator(path_only=True), "two": operator(path_only=True)}
    async with wallet_door(operators=operators) as game:
        assert (await game.post(f"/operators/one{CALL}", ROLLBACK)).status == 200
        assert (await game.post(f"/operators/two{CALL}", ROLLBACK)).status == 200
        assert (await game.post(CALL, ROLLBACK)).status == 401
        assert [asked[0] for asked in game.coordinator.asked] == ["one", "two"]


async def test_a_hashed_password_lets_in_and_costs_its_hash_only_once(verifications: list[str]) -> None:
    async with wallet_door(operators={"acme": hashed()}) as game:
        client = await game.connect()
        for _ in range(20):
            assert (await client.asked(request(CALL, ROLLBACK))).status == 200
        assert len(verifications) == 1
        assert (await game.post(CALL, ROLLBACK, "JohnDoe:wrong")).status == 401


async def test_hashed_and_plain_passwords_of_one_user_stand_side_by_side() -> None:
    hash_ = CHEAP.hash("second")
    credentials = [{"username": "u", "password": "first"}, {"username": "u", "password_hash": hash_}]
    async with wallet_door(operators={"acme": operator(credentials=credentials)}) as game:
        answered = [(await game.post(CALL, ROLLBACK, f"u:{word}")).status for word in ("first", "second", "third")]
        assert answered == [200, 200, 401]


async def test_a_shared_hash_opens_each_operator_by_its_path() -> None:
    operators = {"one": hashed(path_only=True), "two": hashed(path_only=True)}
    async with wallet_door(operators=operators) as game:
        assert (await game.post(f"/operators/one{CALL}", ROLLBACK)).status == 200
        assert (await game.post(f"/operators/two{CALL}", ROLLBACK)).status == 200


async def test_a_known_and_an_unknown_user_cost_the_same_work_to_refuse(verifications: list[str]) -> None:
    async with wallet_door(operators={"acme": hashed()}) as game:
        took = {}
        for name in ("JohnDoe", "Nobody"):
            verifications.clear()
            assert (await game.post(CALL, ROLLBACK, f"{name}:wrong")).status == 401
            took[name] = [extract_parameters(hash_) for hash_ in verifications]
        assert took["JohnDoe"] == took["Nobody"] != []


async def test_a_flood_of_wrong_credentials_starves_no_right_ones() -> None:
    async with wallet_door(operators={"acme": hashed(DEAR)}) as game:
        good = await game.connect()
        assert (await good.asked(request(CALL, ROLLBACK))).status == 200
        flood = [asyncio.ensure_future(game.post(CALL, ROLLBACK, f"JohnDoe:wrong{i}")) for i in range(40)]
        statuses = [(await good.asked(request(CALL, ROLLBACK))).status for _ in range(20)]
        assert statuses == [200] * 20
        assert sum(task.done() for task in flood) < len(flood), "the flood is still being worked on"
        refused = [(answered.status, answered.error_code) for answered in await asyncio.gather(*flood)]
        assert set(refused) == {(401, 131), (500, 122)}
        assert refused.count((401, 131)) >= WAITING_PER_SOURCE


async def test_the_same_unknown_credentials_sent_by_many_at_once_are_checked_once() -> None:
    async with wallet_door(operators={"acme": hashed(DEAR)}) as game:
        answered = await asyncio.gather(*(game.post(CALL, ROLLBACK) for _ in range(3 * WAITING_PER_SOURCE)))
        assert {each.status for each in answered} == {200}


async def test_a_reload_changes_who_is_let_in_from_the_next_call_on(game: Game) -> None:
    client = await game.connect()
    assert (await client.asked(request(CALL, ROLLBACK))).status == 200
    game.door.apply_routing(
        front(ServerSettings(), {"acme": operator(credentials=[{"username": "u", "password": "p"}])})
    )
    assert (await client.asked(request(CALL, ROLLBACK))).status == 401
    assert (await client.asked(request(CALL, ROLLBACK, "u:p"))).status == 200


async def test_a_stranger_s_connection_ends_without_a_byte() -> None:
    async with wallet_door(operators={"acme": operator(allow_ips=["192.0.2.0/24"])}) as game:
        for sent in (request(CALL, ROLLBACK), request(CALL, ROLLBACK, None), b"garbage\r\n\r\n"):
            client = await game.connect()
            await client.send(sent)
            assert await client.rest() == b""
        assert game.coordinator.asked == []


async def test_an_operator_s_own_list_stands_even_where_another_s_is_wider() -> None:
    operators = {
        "here": operator(),
        "elsewhere": operator(
            credentials=[{"username": "u", "password": "p"}], allow_ips=["192.0.2.7", "2001:db8::/32"]
        ),
    }
    async with wallet_door(operators=operators) as game:
        client = await game.connect()
        assert (await client.asked(request(CALL, ROLLBACK))).status == 200
        await client.send(request(CALL, ROLLBACK, "u:p"))
        assert await client.rest() == b""
        assert (await game.post(CALL, ROLLBACK, "u:wrong")).status == 401
        assert [asked[0] for asked in game.coordinator.asked] == ["here"]


@pytest.mark.parametrize(
    "forwarded, answered",
    [
        ("192.0.2.7", True),
        ("203.0.113.9, 192.0.2.7", True),
        ("192.0.2.7, 10.1.2.3", True),
        ("192.0.2.7:4711, 10.1.2.3", True),
        ("::ffff:192.0.2.7", True),
        ("[2001:db8::1]:4711", True),
        ("192.0.2.7, 203.0.113.9", False),
        ("203.0.113.9", False),
        ("192.0.2.7, unknown", False),
        ("192.0.2.7,", False),
        ("", False),
        ("10.1.2.3", False),
        (None, False),
    ],
)
async def test_behind_a_trusted_proxy_the_last_address_that_is_none_counts(
    forwarded: str | None, *, answered: bool
) -> None:
    settings = operator(allow_ips=["192.0.2.0/24", "2001:db8::/32"])
    async with wallet_door(operators={"acme": settings}, trusted_proxies=["127.0.0.0/8", "10.0.0.0/8"]) as game:
        client = await game.connect()
        await client.send(request(CALL, ROLLBACK, **({} if forwarded is None else {"X-Forwarded-For": forwarded})))
        assert bool(await client.reader.read(1)) is answered


async def test_two_headers_of_a_proxy_are_read_as_one() -> None:
    async with wallet_door(
        operators={"acme": operator(allow_ips=["192.0.2.0/24"])}, trusted_proxies=["127.0.0.1"]
    ) as game:
        sent = request(CALL, ROLLBACK, **{"X-Forwarded-For": "203.0.113.9\r\nX-Forwarded-For: 192.0.2.7"})
        assert (await (await game.connect()).asked(sent)).status == 200


async def test_nobody_but_a_trusted_proxy_is_believed_where_it_comes_from() -> None:
    async with wallet_door(operators={"acme": operator(allow_ips=["192.0.2.0/24"])}) as game:
        client = await game.connect()
        await client.send(request(CALL, ROLLBACK, **{"X-Forwarded-For": "192.0.2.7"}))
        assert await client.rest() == b""


async def test_wrong_credentials_from_a_stranger_behind_a_proxy_get_no_answer_either() -> None:
    async with wallet_door(
        operators={"acme": operator(allow_ips=["192.0.2.0/24"])}, trusted_proxies=["127.0.0.1"]
    ) as game:
        client = await game.connect()
        await client.send(request(CALL, ROLLBACK, "u:wrong", **{"X-Forwarded-For": "203.0.113.9"}))
        assert await client.rest() == b""


@pytest.fixture
def held_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldBack]:
    held = HeldBack()
    monkeypatch.setattr(credentials, "_matches", held.matches)
    yield held
    held.may_end.set()


class HeldBack:
    """Verifies no password before it may end, and notes which."""

    def __init__(self) -> None:
        self.verified: list[bytes] = []
        self.may_end = threading.Event()
        self._really = credentials._matches

    def matches(self, secret_hash: str, password: bytes) -> bool:
        self.verified.append(password)
        assert self.may_end.wait(30)
        return self._really(secret_hash, password)


async def from_address(game: Game, number: int) -> Client:
    """A connection from 127.0.0.NUMBER."""
    address = ("127.0.0.1", game.port)
    client = Client(*await asyncio.open_connection(*address, local_addr=(f"127.0.0.{number}", 0)))
    game._clients.append(client)
    return client


async def test_wrong_passwords_from_thirty_addresses_delay_a_right_one_by_one_check_each(held_back: HeldBack) -> None:
    guessers, each = range(2, 32), 8
    async with wallet_door(operators={"acme": hashed()}) as game:
        for guesser, number in product(guessers, range(each)):
            client = await from_address(game, guesser)
            await client.send(request(CALL, ROLLBACK, f"JohnDoe:wrong {guesser} {number}"))
        await until(lambda: len(game.door._routing.credentials._queue._waiting) == len(guessers) * each - 1)
        right = await from_address(game, 1)
        await right.send(request(CALL, ROLLBACK))
        await until(lambda: len(game.door._routing.credentials._queue._waiting) == len(guessers) * each)
        held_back.may_end.set()
        assert (await right.answer()).status == 200
        assert held_back.verified.index(b"MyPass") <= len(guessers)


async def test_a_known_client_waits_behind_no_guesser(held_back: HeldBack) -> None:
    two = operator(credentials=[{"username": "JaneDoe", "password_hash": CHEAP.hash("HerPass")}])
    async with wallet_door(operators={"acme": hashed(), "beta": two}) as game:
        held_back.may_end.set()
        assert (await (await from_address(game, 1)).asked(request(CALL, ROLLBACK))).status == 200
        held_back.may_end.clear()
        held_back.verified.clear()
        for number in range(2, 10):
            await (await from_address(game, number)).send(request(CALL, ROLLBACK, f"JohnDoe:wrong {number}"))
        await until(lambda: len(game.door._routing.credentials._queue._waiting) == 7)
        await (await from_address(game, 1)).send(request(CALL, ROLLBACK, "JaneDoe:HerPass"))
        await until(lambda: b"HerPass" in held_back.verified)
        assert len(held_back.verified) == 2


async def test_a_check_whose_connection_ends_costs_no_hash(held_back: HeldBack) -> None:
    async with wallet_door(operators={"acme": hashed()}) as game:
        running, reset, closed, here = [await from_address(game, number) for number in range(1, 5)]
        await running.send(request(CALL, ROLLBACK, "JohnDoe:running"))
        await until(lambda: held_back.verified == [b"running"])
        for word, client in (("reset", reset), ("closed", closed), ("here", here)):
            await client.send(request(CALL, ROLLBACK, f"JohnDoe:{word}"))
        await until(lambda: len(game.door._routing.credentials._queue._waiting) == 3)
        reset.writer.transport.abort()
        await closed.close()
        await until(lambda: not_waited_for(game) == 2)
        held_back.may_end.set()
        assert (await here.answer()).status == 401
        assert held_back.verified == [b"running", b"here"]


def not_waited_for(game: Game) -> int:
    """Connections of which the client has gone, or sends nothing more."""
    return sum(not connection.is_waited_for() for connection in connections(game))


def connections(game: Game) -> list[HttpConnection]:
    waiting = game.door._routing.credentials._queue._waiting.values()
    return [is_wanted.__self__ for check in waiting for is_wanted in check.is_wanted]  # type: ignore[attr-defined]  # bound methods


async def test_a_client_that_has_closed_its_sending_side_still_has_its_check(game: Game) -> None:
    game.door.apply_routing(front(ServerSettings(), {"acme": hashed()}))
    client = await game.connect()
    await client.send(request(CALL, ROLLBACK))
    client.writer.write_eof()
    assert (await client.answer()).status == 200


async def test_the_wait_for_a_check_counts_against_the_time_of_the_call(held_back: HeldBack) -> None:
    async with wallet_door(operators={"acme": hashed()}, request_timeout=0.2) as game:
        first, second = await from_address(game, 1), await from_address(game, 2)
        await first.send(request(CALL, ROLLBACK, "JohnDoe:first"))
        await until(lambda: held_back.verified == [b"first"])
        answered = await second.asked(request(CALL, ROLLBACK, "JohnDoe:second"))
        assert (answered.status, answered.error_code) == (500, 122)
        assert game.refused("checks") >= 1
        held_back.may_end.set()
        assert (await first.answer()).error_code == 122
        assert held_back.verified == [b"first"]


async def test_what_a_check_took_is_missing_from_the_time_of_the_call(held_back: HeldBack) -> None:
    async with wallet_door(operators={"acme": hashed()}, request_timeout=10.0) as game:
        loop = asyncio.get_running_loop()
        game.coordinator.may_answer.clear()
        client = await game.connect()
        await client.send(request(CALL, ROLLBACK))
        await until(lambda: held_back.verified == [b"MyPass"])
        began_before = loop.time()
        await until(lambda: loop.time() > began_before)
        held_back.may_end.set()
        await game.coordinator.was_asked.wait()
        (due,) = game.door._request_timeouts._due.values()
        assert due <= began_before + 10.0


async def test_a_reload_with_the_same_hashes_costs_no_hash(verifications: list[str]) -> None:
    operators = {
        f"operator-{number}": operator(
            credentials=[{"username": f"user-{number}", "password_hash": CHEAP.hash(f"password-{number}")}]
        )
        for number in range(12)
    }
    async with wallet_door(operators=operators) as game:
        for _ in range(3):
            for number in range(12):
                assert (await game.post(CALL, ROLLBACK, f"user-{number}:password-{number}")).status == 200
            game.door.apply_routing(front(ServerSettings(), operators))
        assert len(verifications) == 12
