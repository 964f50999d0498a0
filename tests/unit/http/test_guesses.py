"""Who guesses is slowed, and nobody else is."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
from pydantic import SecretStr

from gateway.http.check_queue import TooManyChecks
from gateway.http.credentials import NO_GRANT, Credentials, Grant, OperatorCredentials
from gateway.http.guesses import FREE, PAUSE_MAX_S, QUIET_S, SOURCES, Guesses, TooManyGuesses
from gateway.settings import CredentialSettings
from tests.support.doors import basic

RIGHT = basic("u:right")
ACME = Grant(frozenset({"acme"}), "acme")
HERE = "192.0.2.1"


class Listener:
    """Where secrets are tried. `now` is the time, `waited_s` how long each try had to wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.waited_s: list[float] = []
        self.guesses = Guesses()
        plain = CredentialSettings(username="u", password=SecretStr("right"))
        self.credentials = Credentials([OperatorCredentials("acme", path_only=False, credentials=(plain,))])
        monkeypatch.setattr("gateway.http.guesses.time.monotonic", lambda: self.now)
        monkeypatch.setattr("gateway.http.guesses.asyncio.sleep", self._sleep)

    async def _sleep(self, wait_s: float) -> None:
        self.waited_s[-1] = wait_s
        self.now += wait_s

    async def try_(self, header: str, source: str = HERE, patience_s: float = 10.0) -> Grant | None:
        """What is granted; None if it is not looked at in time."""
        self.waited_s.append(0.0)
        try:
            return await self.guesses.check(self.credentials, header, source, until=self.now + patience_s)
        except TooManyGuesses:
            return None

    async def guess(self, times: int, source: str = HERE, first: int = 0) -> list[Grant | None]:
        return [await self.try_(basic(f"u:wrong {number}"), source) for number in range(first, first + times)]


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    return Listener(monkeypatch)


async def test_the_first_few_cost_no_time_and_each_later_one_more_up_to_a_limit(listener: Listener) -> None:
    assert set(await listener.guess(400)) == {NO_GRANT}
    free, slowed = listener.waited_s[: FREE + 1], listener.waited_s[FREE + 2 :]
    assert set(free) == {0.0}
    assert all(before <= after for before, after in pairwise(slowed))
    assert min(slowed) > 0
    assert max(slowed) == pytest.approx(PAUSE_MAX_S)


async def test_of_a_flood_only_those_are_looked_at_that_fit_into_the_time(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stand_still(_: float) -> None:
        """Time does not pass while all of them come."""

    monkeypatch.setattr("gateway.http.guesses.asyncio.sleep", stand_still)
    answered = await listener.guess(16_000)
    assert answered.count(NO_GRANT) < FREE + 40
    assert answered[-1] is None


async def test_what_was_right_before_from_the_same_address_never_waits(listener: Listener) -> None:
    assert await listener.try_(RIGHT) == ACME
    await listener.guess(200)
    assert (await listener.try_(RIGHT), listener.waited_s[-1]) == (ACME, 0.0)


async def test_a_guess_that_hits_has_waited_like_every_other(listener: Listener) -> None:
    assert await listener.try_(RIGHT, "198.51.100.1") == ACME
    await listener.guess(200)
    assert await listener.try_(RIGHT) == ACME
    assert listener.waited_s[-1] >= listener.waited_s[-2] > 0


async def test_another_address_waits_for_nothing_also_in_the_same_network(listener: Listener) -> None:
    await listener.guess(200)
    assert (await listener.try_(RIGHT, "192.0.2.2"), listener.waited_s[-1]) == (ACME, 0.0)
    assert (await listener.try_(basic("u:x"), "192.0.2.3"), listener.waited_s[-1]) == (NO_GRANT, 0.0)


async def test_all_addresses_of_a_64_are_one(listener: Listener) -> None:
    for number in range(60):
        await listener.guess(1, f"2001:db8::{number:x}", first=number)
    assert listener.waited_s[-1] > 0
    await listener.guess(1, "2001:db8:0:1::1", first=100)
    assert listener.waited_s[-1] == 0


async def test_the_same_wrong_secret_again_is_not_a_guess(listener: Listener) -> None:
    for _ in range(100):
        assert await listener.try_(basic("u:old password")) == NO_GRANT
    assert set(listener.waited_s) == {0.0}


async def test_after_a_quiet_time_an_address_begins_again(listener: Listener) -> None:
    await listener.guess(100)
    listener.now += QUIET_S + 1
    await listener.guess(1, first=100)
    assert listener.waited_s[-1] == 0


async def test_what_could_not_be_looked_at_is_not_counted(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> Grant:
        raise TooManyChecks

    monkeypatch.setattr(listener.credentials, "check", fail)
    for number in range(FREE + 10):
        with pytest.raises(TooManyChecks):
            await listener.try_(basic(f"u:{number}"))
    assert set(listener.waited_s) == {0.0}


async def test_what_is_remembered_is_bounded(listener: Listener) -> None:
    for number in range(SOURCES + 10):
        source = f"10.0.{number // 250}.{number % 250}"
        await listener.try_(RIGHT, source)
        await listener.try_(basic("u:wrong"), source)
        await listener.try_(basic(f"u:{number}"), source)
    assert len(listener.guesses._sources) == len(listener.guesses._right) == SOURCES


async def test_a_wait_ends_with_the_time_of_the_call() -> None:
    plain = CredentialSettings(username="u", password=SecretStr("right"))
    tried, known = Guesses(), Credentials([OperatorCredentials("acme", path_only=False, credentials=(plain,))])
    asked = [
        asyncio.ensure_future(tried.check(known, basic(f"u:{number}"), HERE, until=time.monotonic() + 0.2))
        for number in range(200)
    ]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert NO_GRANT in results
    assert {type(each) for each in results} <= {Grant, TooManyGuesses, TimeoutError}


async def test_once_a_signature_was_right_no_other_one_from_there_goes_on_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A payment system repeats all that it could not deliver at once when the gateway is back."""
    monkeypatch.setattr("gateway.http.guesses.PAUSE_STEP_S", 60.0)
    monkeypatch.setattr("gateway.http.guesses.PAUSE_MAX_S", 60.0)
    guesses, until = Guesses(), time.monotonic() + 10_000
    asked = [asyncio.create_task(guesses.wait(HERE, b"a signature", until=until)) for _ in range(FREE + 10)]
    await asyncio.sleep(0)
    elsewhere = asyncio.create_task(guesses.wait(HERE, b"something else", until=until))
    assert await asked[0]
    guesses.note_right(HERE, b"a signature", is_counted=True)
    for each in asked[1:]:
        guesses.note_right(HERE, b"a signature", is_counted=await each)
    assert not elsewhere.done()
    elsewhere.cancel()
    with pytest.raises(asyncio.CancelledError):
        await elsewhere
    assert not guesses._pauses
    assert not await guesses.wait(HERE, b"a signature", until=until)
    assert guesses._sources[HERE].asked == 1
