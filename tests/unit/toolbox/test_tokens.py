from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from gateway.operators import Declined, HttpResponse, Kind, Receipt, RetryLater, Unclear, Unmapped, Unsent
from gateway.operators.http_client.wire_use import note_write
from gateway.records import Verdict
from gateway.toolbox import ExpiringTokens, Token, client_credentials
from gateway.wire.calls import WalletCall
from tests.support.adapters import ScriptedHttp, answer
from tests.support.puppet import operator
from tests.support.transfers import BALANCE, a_transfer
from tests.support.virtual_time import run

TOKEN_URL = "https://acme.example/oauth/token"


class Issuer:
    """Gives the tokens "token 1", "token 2", …: each after `takes_s`, with this lifetime, or fails."""

    def __init__(self, lives_s: float | None = 3600.0, takes_s: float = 1.0) -> None:
        self.lives_s = lives_s
        self.takes_s = takes_s
        self.failure: Exception | None = None
        self.keys: list[str] = []

    async def fetch(self, key: str) -> Token:
        self.keys.append(key)
        number = len(self.keys)
        await asyncio.sleep(self.takes_s)
        note_write()
        if self.failure is not None:
            raise self.failure
        return Token(f"token {number}", self.lives_s)


def tokens_of(issuer: Issuer, **options: Any) -> ExpiringTokens:
    return ExpiringTokens(issuer.fetch, monotonic=asyncio.get_running_loop().time, **options)


def test_all_who_wait_share_one_fetch() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        tokens = tokens_of(issuer)
        assert await asyncio.gather(*(tokens.get() for _ in range(20))) == ["token 1"] * 20
        assert await tokens.get() == "token 1"
        assert issuer.keys == [""]

    run(scenario)


def test_each_key_has_a_token_of_its_own() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        tokens = tokens_of(issuer)
        found = await asyncio.gather(tokens.get("p1"), tokens.get("p2"), tokens.get("p1"))
        assert list(found) == ["token 1", "token 2", "token 1"]
        assert issuer.keys == ["p1", "p2"]

    run(scenario)


def test_a_caller_that_is_cancelled_leaves_the_fetch_to_the_others() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        tokens = tokens_of(issuer)
        first = asyncio.create_task(tokens.get())
        await asyncio.sleep(0.1)
        second = asyncio.create_task(tokens.get())
        await asyncio.sleep(0.1)
        first.cancel()
        assert await second == "token 1"
        assert first.cancelled()
        assert issuer.keys == [""]

    run(scenario)


def test_a_failure_goes_to_all_who_wait_and_is_not_kept() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        tokens = tokens_of(issuer)
        issuer.failure = Unclear("cut off")
        failures = await asyncio.gather(tokens.get(), tokens.get(), return_exceptions=True)
        assert [str(failure) for failure in failures] == ["there is no access token: cut off"] * 2
        issuer.failure = None
        assert await tokens.get() == "token 2"

    run(scenario)


def test_a_failure_that_nobody_waits_for_any_more_is_no_lost_exception() -> None:
    async def scenario() -> None:
        lost: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
        issuer = Issuer()
        issuer.failure = Unclear("cut off")
        only = asyncio.create_task(tokens_of(issuer).get())
        await asyncio.sleep(0.1)
        only.cancel()
        await asyncio.sleep(2.0)
        assert only.cancelled()
        assert lost == []

    run(scenario)


@pytest.mark.parametrize("failure", [Unclear("x"), Unmapped("x"), RetryLater("x", 5.0), Unsent("x")])
def test_without_a_token_the_request_is_not_sent(failure: Unclear) -> None:
    async def scenario() -> None:
        issuer = Issuer()
        issuer.failure = failure
        with pytest.raises(Unsent, match="there is no access token: x"):
            await tokens_of(issuer).get()

    run(scenario)


@pytest.mark.parametrize("failure", [Declined(Kind.SESSION, "over"), KeyError("token")])
def test_any_other_failure_is_passed_on(failure: Exception) -> None:
    async def scenario() -> None:
        issuer = Issuer()
        issuer.failure = failure
        with pytest.raises(type(failure)):
            await tokens_of(issuer).get()

    run(scenario)


@pytest.mark.parametrize("lives_s, good_s", [(3600.0, 3570.0), (60.0, 30.0), (40.0, 20.0), (0.0, 0.0)])
def test_a_token_is_fetched_anew_before_it_expires(lives_s: float, good_s: float) -> None:
    async def scenario() -> None:
        issuer = Issuer(lives_s, takes_s=0.0)
        tokens = tokens_of(issuer)
        await tokens.get()
        await asyncio.sleep(good_s - 0.5 if good_s else 0.0)
        assert await tokens.get() == ("token 1" if good_s else "token 2")
        await asyncio.sleep(1.0)
        assert await tokens.get() == ("token 2" if good_s else "token 3")

    run(scenario)


def test_a_lifetime_counts_from_when_it_was_asked_for() -> None:
    async def scenario() -> None:
        issuer = Issuer(lives_s=100.0, takes_s=10.0)
        tokens = tokens_of(issuer, margin_s=0.0)
        await tokens.get()
        await asyncio.sleep(91.0)
        assert await tokens.get() == "token 2"

    run(scenario)


@pytest.mark.parametrize("lives_s", [None, 1e9])
def test_a_token_whose_end_is_not_known_or_far_is_kept_for_an_hour(lives_s: float | None) -> None:
    async def scenario() -> None:
        tokens = tokens_of(Issuer(lives_s=lives_s))
        await tokens.get()
        await asyncio.sleep(3500)
        assert await tokens.get() == "token 1"
        await asyncio.sleep(100)
        assert await tokens.get() == "token 2"

    run(scenario)


def test_a_token_that_was_refused_is_dropped_but_not_a_newer_one() -> None:
    async def scenario() -> None:
        tokens = tokens_of(Issuer())
        refused = await tokens.get()
        tokens.drop("", refused)
        assert await tokens.get() == "token 2"
        tokens.drop("", refused)
        tokens.drop("unknown", refused)
        assert await tokens.get() == "token 2"

    run(scenario)


def test_only_so_many_tokens_are_kept() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        tokens = tokens_of(issuer, capacity=2)
        for key in ("a", "b", "c", "c", "b", "a"):
            await tokens.get(key)
        assert issuer.keys == ["a", "b", "c", "a"]

    run(scenario)


def test_a_fetch_outlives_the_call_that_started_it() -> None:
    """The first call is over after six seconds; the fetch writes in the eighth, for the second call."""

    async def scenario() -> None:
        issuer = Issuer(takes_s=8.0)
        tokens = tokens_of(issuer)

        async def move() -> Receipt:
            await tokens.get()
            note_write()
            return Receipt(BALANCE)

        ours = operator(move)
        first = asyncio.create_task(ours._attempt(WalletCall.WITHDRAW, a_transfer()))
        await asyncio.sleep(4.0)
        second = asyncio.create_task(ours._attempt(WalletCall.WITHDRAW, a_transfer(id="second")))
        assert (await first).verdict is Verdict.UNKNOWN
        assert (await second).verdict is Verdict.SUCCESS
        assert issuer.keys == [""]

    run(scenario)


def test_a_hold_that_got_no_token_was_never_sent() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        issuer.failure = Unclear("cut off")
        tokens = tokens_of(issuer)

        async def move() -> Receipt:
            await tokens.get()
            note_write()
            return Receipt(BALANCE)

        outcome = await operator(move)._attempt(WalletCall.WITHDRAW, a_transfer())
        assert (outcome.verdict, outcome.unwritten) == (Verdict.UNSENT, True)

    run(scenario)


def test_what_was_written_before_the_token_was_missing_is_unknown() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        issuer.failure = Unclear("cut off")
        tokens = tokens_of(issuer)

        async def move() -> Receipt:
            note_write()
            await tokens.get()
            return Receipt(BALANCE)

        outcome = await operator(move)._attempt(WalletCall.WITHDRAW, a_transfer())
        assert (outcome.verdict, outcome.unwritten) == (Verdict.UNKNOWN, False)

    run(scenario)


def test_a_fetch_that_is_cancelled_before_it_begins_is_not_the_last() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        tokens = tokens_of(issuer)
        caller = asyncio.create_task(tokens.get())
        await asyncio.sleep(0)
        next(iter(tokens._fetches.values())).cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert await tokens.get() == "token 1"

    run(scenario)


def test_what_the_operator_repeats_of_a_token_is_hidden() -> None:
    async def scenario() -> None:
        tokens = tokens_of(Issuer())

        async def move() -> Receipt:
            raise Unclear(f"not valid any more: {await tokens.get()}")

        for _ in range(2):  # fetched, then known
            outcome = await operator(move)._attempt(WalletCall.WITHDRAW, a_transfer())
            assert outcome.text == "not valid any more: [hidden]"

    run(scenario)


def test_a_token_is_never_shown() -> None:
    async def scenario() -> None:
        tokens = tokens_of(Issuer())
        await tokens.get()
        assert "token 1" not in repr(Token("token 1", 5.0))
        assert "token 1" not in repr(vars(tokens))

    run(scenario)


def granted(**members: object) -> HttpResponse:
    return answer({"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer", "expires_in": 3600, **members})


async def test_a_client_asks_for_a_token_with_its_own_credentials() -> None:
    http = ScriptedHttp(granted(), granted())
    token = await client_credentials(http, TOKEN_URL, "game:1", "se cret", "wallet read")
    assert (token.text, token.lives_s) == ("2YotnFZFEjr1zCsicMWpAA", 3600.0)
    await client_credentials(http, TOKEN_URL, "game:1", "se cret")
    assert [posted.url for posted in http.posted] == [TOKEN_URL] * 2
    assert [posted.body for posted in http.posted] == [
        b"grant_type=client_credentials&scope=wallet+read",
        b"grant_type=client_credentials",
    ]
    assert http.posted[0].headers["Authorization"] == "Basic " + b64encode(b"game%3A1:se+cret").decode()
    assert http.posted[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "expires_in, lives_s",
    [
        (3600, 3600.0),
        ("60", 60.0),
        (-5, 0.0),
        (None, None),
        (True, None),
        ("soon", None),
        ([], None),
        ("²", None),
        (10**400, 1e9),
    ],
)
async def test_a_lifetime_that_cannot_be_read_is_none(expires_in: object, lives_s: float | None) -> None:
    token = await client_credentials(ScriptedHttp(granted(expires_in=expires_in)), TOKEN_URL, "a", "b", "")
    assert token.lives_s == lives_s


@pytest.mark.parametrize(
    "members",
    [
        {"access_token": ""},
        {"access_token": None},
        {"access_token": 5},
        {"access_token": "secret\r\nX: y"},
        {"access_token": "secrét"},
        {"token_type": "mac"},
        {"token_type": None},
    ],
)
async def test_an_answer_without_a_bearer_token_is_unclear_and_not_shown(members: dict[str, object]) -> None:
    with pytest.raises(Unclear) as unclear:
        await client_credentials(ScriptedHttp(granted(**members)), TOKEN_URL, "a", "b", "")
    assert "secr" not in unclear.value.text
    assert "2Yot" not in unclear.value.text


@pytest.mark.parametrize(
    "response, error",
    [
        (HttpResponse(401, {}, json.dumps({"error": "invalid_client"}).encode()), Unmapped),
        (HttpResponse(503, {"retry-after": "7"}, b""), RetryLater),
        (HttpResponse(200, {}, b"<html>"), Unclear),
    ],
)
async def test_every_other_answer_is_no_token(response: HttpResponse, error: Callable[..., Unclear]) -> None:
    with pytest.raises(Unclear) as unclear:
        await client_credentials(ScriptedHttp(response), TOKEN_URL, "a", "b", "")
    assert type(unclear.value) is error
