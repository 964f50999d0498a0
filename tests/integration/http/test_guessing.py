"""Whoever guesses passwords, tokens or signatures is slowed at every listener; the right caller beside it is not."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from gateway.http import guesses
from gateway.http.guesses import FREE
from tests.integration.http.test_admin import admin_door
from tests.integration.http.test_operators_calls import HANDLERS, PAY, SECRET
from tests.integration.http.test_wallet_access import from_address
from tests.support.doors import ROLLBACK, Answered, Game, operator, request, wallet_door
from tests.support.operators_door import MINE, QUERY, TOKEN, asking, inbound, operators_door

CALL = "/wallet/rollbackWithdrawal"
GUESSES = 400
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("MyPass")


@pytest.fixture(autouse=True)
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """So long that no guess beyond the free ones is looked at in time."""
    monkeypatch.setattr(guesses, "PAUSE_STEP_S", 60.0)
    monkeypatch.setattr(guesses, "PAUSE_MAX_S", 60.0)


async def guess(game: Game, address: int = 2) -> Counter[tuple[int, int]]:
    """Status and error code of many guesses on one connection."""
    client = await from_address(game, address)
    answers = [await client.asked(request(CALL, ROLLBACK, f"JohnDoe:{number}")) for number in range(GUESSES)]
    return Counter((each.status, each.error_code) for each in answers)


@pytest.mark.parametrize("password", [{"password": "MyPass"}, {"password_hash": HASH}], ids=["plain", "hashed"])
async def test_of_a_flood_of_guesses_few_are_looked_at_and_all_are_counted(password: dict[str, str]) -> None:
    operators = {"acme": operator(credentials=[{"username": "JohnDoe", **password}])}
    async with wallet_door(operators=operators) as game:
        assert await guess(game) == {(401, 131): FREE + 1, (500, 122): GUESSES - FREE - 1}
        assert (game.refused("credentials"), game.refused("guessing")) == (FREE + 1, GUESSES - FREE - 1)
        assert (await (await from_address(game, 3)).asked(request(CALL, ROLLBACK))).status == 200


@pytest.mark.parametrize("password", [{"password": "MyPass"}, {"password_hash": HASH}], ids=["plain", "hashed"])
async def test_who_was_right_before_is_answered_beside_a_guesser_at_the_same_address(password: dict[str, str]) -> None:
    operators = {"acme": operator(credentials=[{"username": "JohnDoe", **password}])}
    async with wallet_door(operators=operators) as game:
        connected = await from_address(game, 2)
        assert (await connected.asked(request(CALL, ROLLBACK))).status == 200
        await guess(game)
        assert (await connected.asked(request(CALL, ROLLBACK))).status == 200
        assert (await (await from_address(game, 2)).asked(request(CALL, ROLLBACK))).status == 200


@pytest.mark.parametrize("password", [{"password": "MyPass"}, {"password_hash": HASH}], ids=["plain", "hashed"])
async def test_a_hundred_right_calls_at_once_after_a_start_are_one_guess(password: dict[str, str]) -> None:
    """All of them come before the first one is known to be right."""
    operators = {"acme": operator(credentials=[{"username": "JohnDoe", **password}])}
    async with wallet_door(operators=operators) as game:
        answers = await at_once(game, 100, "JohnDoe:MyPass")
        assert {each.status for each in answers} == {200}
        stranger = await game.connect()
        guessed = [
            (await stranger.asked(request(CALL, ROLLBACK, f"JohnDoe:{number}"))).status for number in range(FREE)
        ]
        assert set(guessed) == {401}


async def test_a_wrong_password_that_a_game_sends_a_hundred_times_at_once_is_one_guess() -> None:
    """So the right one is answered as soon as one side was mended."""
    operators = {"acme": operator(credentials=[{"username": "JohnDoe", "password_hash": HASH}])}
    async with wallet_door(operators=operators) as game:
        answers = await at_once(game, 100, "JohnDoe:old password")
        assert {each.status for each in answers} == {401}
        assert (await game.post(CALL, ROLLBACK)).status == 200


async def at_once(game: Game, calls: int, credentials: str) -> list[Answered]:
    clients = [await game.connect() for _ in range(calls)]
    return await asyncio.gather(*(each.asked(request(CALL, ROLLBACK, credentials)) for each in clients))


async def test_a_guess_that_hits_is_not_looked_at_either() -> None:
    """Also where the right caller, at another address, is known; and on a connection that was right for another."""
    operators = {"acme": operator(), "beta": operator(credentials=[{"username": "beta", "password": "HerPass"}])}
    async with wallet_door(operators=operators) as game:
        assert (await (await from_address(game, 1)).asked(request(CALL, ROLLBACK, "beta:HerPass"))).status == 200
        insider = await from_address(game, 2)
        assert (await insider.asked(request(CALL, ROLLBACK))).status == 200
        await guess(game)
        assert (await insider.asked(request(CALL, ROLLBACK, "beta:HerPass"))).status == 500
        assert (await insider.asked(request(CALL, ROLLBACK))).status == 200


async def test_behind_a_trusted_proxy_each_client_is_its_own_source_on_one_connection() -> None:
    async with wallet_door(trusted_proxies=["127.0.0.1"]) as game:
        client = await game.connect()
        right = request(CALL, ROLLBACK, X_Forwarded_For="192.0.2.1")
        assert (await client.asked(right)).status == 200
        for number in range(FREE + 2):
            await client.asked(request(CALL, ROLLBACK, f"JohnDoe:{number}", X_Forwarded_For="192.0.2.2"))
        assert (await client.asked(request(CALL, ROLLBACK, X_Forwarded_For="192.0.2.2"))).status == 500
        assert (await client.asked(right)).status == 200


async def test_an_old_password_that_is_sent_again_and_again_is_a_401_each_time(game: Game) -> None:
    statuses = {(await game.post(CALL, ROLLBACK, "JohnDoe:old password")).status for _ in range(FREE + 20)}
    assert statuses == {401}


async def test_operators_passwords_and_tokens_are_guessed_as_slowly(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        client = await caller.connect()
        assert (await client.asked(request(QUERY, asking("1"), MINE))).status == 200
        answers = Counter(
            [
                (await client.asked(request(path, asking("1"), None, Authorization=f"Bearer {number}"))).status
                for number in range(50)
                for path in (QUERY, QUERY.replace("acme", "nobody"))
            ]
        )
        assert answers == {401: FREE + 1, 500: 99 - FREE}
        assert (caller.refused("credentials"), caller.refused("guessing")) == (FREE + 1, 99 - FREE)
        assert (await client.asked(request(QUERY, asking("1"), None, Authorization=f"Bearer {TOKEN}"))).status == 500
        assert (await client.asked(request(QUERY, asking("1"), MINE))).status == 200


async def test_signatures_are_guessed_as_slowly_but_where_one_was_right(tmp_path: Path) -> None:
    async with operators_door(tmp_path, {"acme": inbound()}, HANDLERS, trusted_proxies=["127.0.0.1"]) as caller:

        async def pay(body: bytes, address: str) -> int:
            return (await caller.post(PAY, body, None, X_Forwarded_For=address)).status

        assert await pay(b"acme" + SECRET, "192.0.2.1") == 202
        for address, refused in (("192.0.2.1", 0), ("192.0.2.2", 39 - FREE)):
            answers = Counter([await pay(f"forged {number}".encode(), address) for number in range(40)])
            assert answers == Counter({401: 40 - refused, 500: refused})
        assert await pay(b"acme" + SECRET, "192.0.2.1") == 202


async def test_the_admin_listener_s_token_is_guessed_as_slowly() -> None:
    async with admin_door("s3cret") as admin:
        assert (await admin.get("/metrics", Authorization="Bearer s3cret")).status == 200
        answers = Counter([(await admin.get("/metrics", Authorization=f"Bearer {n}")).status for n in range(50)])
        assert answers == {401: FREE + 1, 429: 49 - FREE}
        assert (await admin.get("/metrics", Authorization="Bearer s3cret")).status == 200
        assert admin.refused("guessing") == 49 - FREE


async def test_guesses_that_come_at_once_from_many_connections_share_one_pause(game: Game) -> None:
    clients = [await from_address(game, 2) for _ in range(50)]
    answers = await asyncio.gather(
        *(client.asked(request(CALL, ROLLBACK, f"JohnDoe:{number}")) for number, client in enumerate(clients))
    )
    assert Counter(each.status for each in answers) == {401: FREE + 1, 500: 49 - FREE}
