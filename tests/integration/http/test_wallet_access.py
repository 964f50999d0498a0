from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters

from gateway.http import credentials
from gateway.http.credentials import WAITING_PER_SOURCE
from gateway.settings import ServerSettings
from tests.support.doors import ROLLBACK, Game, basic, front, operator, request, wallet_door

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
