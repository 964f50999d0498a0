from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import SecretStr

from gateway.http import check_queue, credentials
from gateway.http.check_queue import TooManyChecks
from gateway.http.credentials import NO_GRANT, Credentials, Grant, OperatorCredentials
from gateway.settings import CredentialSettings, TokenSettings
from tests.support.doors import basic

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def hashed(*passwords: str) -> Credentials:
    secrets = [
        CredentialSettings(username="u", password_hash=SecretStr(CHEAP.hash(password))) for password in passwords
    ]
    return Credentials([OperatorCredentials("acme", path_only=False, credentials=tuple(secrets))])


ACME = Grant(frozenset({"acme"}), "acme")


async def test_what_was_checked_once_is_known_be_it_right_or_wrong() -> None:
    keeper = hashed("p")
    assert keeper.look_up(basic("u:p")) is None
    assert await keeper.check(basic("u:p"), "here") == ACME
    assert await keeper.check(basic("u:q"), "here") == NO_GRANT
    assert (keeper.look_up(basic("u:p")), keeper.look_up(basic("u:q"))) == (ACME, NO_GRANT)
    keeper.close()


async def test_wrong_credentials_never_push_out_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "CACHE_SIZE", 2)
    keeper = hashed("p", "q")
    for password in ("p", "q", "wrong 1", "wrong 2", "wrong 3"):
        await keeper.check(basic(f"u:{password}"), "here")
    known = [keeper.look_up(basic(f"u:{password}")) for password in ("p", "q", "wrong 1", "wrong 2", "wrong 3")]
    assert known == [ACME, ACME, None, NO_GRANT, NO_GRANT]
    keeper.close()


async def test_wrong_credentials_that_come_again_cost_no_second_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = hashed("p")
    await keeper.check(basic("u:q"), "here")
    monkeypatch.setattr(keeper, "_verify", None)
    assert await keeper.check(basic("u:q"), "here") == NO_GRANT
    keeper.close()


async def test_no_source_and_no_crowd_of_them_may_have_checks_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_queue, "WAITING_PER_SOURCE", 1)
    monkeypatch.setattr(check_queue, "WAITING", 2)
    keeper = hashed("p")
    first = keeper.check(basic("u:1"), "here")
    second = keeper.check(basic("u:2"), "there")
    third = keeper.check(basic("u:3"), "yonder")  # the first one has a thread
    running = [asyncio.ensure_future(each) for each in (first, second, third)]
    await asyncio.sleep(0)
    for source in ("there", "elsewhere"):
        with pytest.raises(TooManyChecks):
            await keeper.check(basic("u:4"), source)
    assert await asyncio.gather(*running) == [NO_GRANT] * 3
    assert await keeper.check(basic("u:3"), "here") == NO_GRANT
    keeper.close()


async def test_checks_that_have_begun_end_though_a_reload_replaces_the_credentials() -> None:
    keeper = hashed("p")
    running = [asyncio.ensure_future(keeper.check(basic(f"u:{password}"), "here")) for password in "pqrst"]
    await asyncio.sleep(0)
    newer = hashed("p")
    newer.take_over(keeper)
    assert await asyncio.gather(*running) == [ACME, *[NO_GRANT] * 4]
    newer.close()


async def test_a_hash_that_is_none_is_refused_at_once() -> None:
    broken = CredentialSettings(username="u", password_hash=SecretStr("$argon2id$broken"))
    with pytest.raises(InvalidHashError):
        Credentials([OperatorCredentials("acme", path_only=False, credentials=(broken,))])


def scoped(*, tokens: tuple[TokenSettings, ...] = (), **operators: tuple[str, ...]) -> Credentials:
    """Each operator's hashed passwords of the user `u`, within its own name; `tokens` are all of them's."""
    return Credentials(
        OperatorCredentials(
            name,
            path_only=True,
            credentials=tuple(
                CredentialSettings(username="u", password_hash=SecretStr(CHEAP.hash(password)))
                for password in passwords
            ),
            tokens=tokens,
            scope=name,
        )
        for name, passwords in operators.items()
    )


async def test_credentials_count_within_their_scope_alone() -> None:
    keeper = scoped(one=("p",), two=("q",))
    found = {
        (scope, password): (await keeper.check(basic(f"u:{password}"), "here", scope)).operators
        for scope in ("one", "two", "nobody", "")
        for password in "pq"
    }
    assert {key for key, operators in found.items() if operators} == {("one", "p"), ("two", "q")}
    assert keeper.look_up(basic("u:p"), "one") == Grant(frozenset({"one"}))
    assert keeper.look_up(basic("u:p"), "two") == NO_GRANT
    keeper.close()


async def test_an_unknown_scope_costs_as_many_hashes_as_the_one_with_most(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    monkeypatch.setattr(credentials, "_matches", lambda secret_hash, _: verified.append(secret_hash))
    keeper = scoped(tokens=(TokenSettings(token_hash=SecretStr(CHEAP.hash("t"))),), one=("p", "q"), two=("r",))
    costs = {}
    for scope in ("one", "two", "nobody", ""):
        for header in (basic("u:x"), basic("v:x"), "Bearer x"):
            verified.clear()
            await keeper.check(header, "here", scope)
            costs[scope, header] = len(verified)
    assert set(costs.values()) == {2}
    keeper.close()


@pytest.mark.parametrize("settings", [{"token": "t0ken"}, {"token_hash": CHEAP.hash("t0ken")}], ids=["plain", "hashed"])
async def test_a_bearer_token_lets_in_plain_or_hashed(settings: dict[str, str]) -> None:
    keeper = scoped(tokens=(TokenSettings.model_validate(settings),), one=())
    for header in ("Bearer t0ken", "bearer  t0ken "):
        assert (await keeper.check(header, "here", "one")).operators == {"one"}
    for header in ("Bearer t0ken2", "Bearer", "Bearer ", "Token t0ken", basic("t0ken:"), basic(":t0ken")):
        assert await keeper.check(header, "here", "one") == NO_GRANT
    keeper.close()


async def test_where_nobody_has_a_token_one_costs_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = hashed("p")
    monkeypatch.setattr(keeper, "_verify", None)
    assert await keeper.check("Bearer p", "here") == NO_GRANT
    keeper.close()


def acme(*hashes: str, username: str = "u", plain: tuple[str, ...] = (), operator: str = "acme") -> OperatorCredentials:
    """An operator's hashed and plain passwords."""
    settings = [CredentialSettings(username=username, password_hash=SecretStr(each)) for each in hashes]
    settings += [CredentialSettings(username=username, password=SecretStr(each)) for each in plain]
    return OperatorCredentials(operator, path_only=operator != "acme", credentials=tuple(settings))


P, Q = CHEAP.hash("p"), CHEAP.hash("q")


@pytest.mark.parametrize(
    "before, after, known",
    [
        ([acme(P)], [acme(P)], ACME),
        ([acme(P)], [acme(Q, P)], ACME),
        ([acme(Q, P)], [acme(P)], ACME),
        ([acme(P, plain=("q",))], [acme(P)], ACME),
        ([acme(P)], [acme(P), acme(P, operator="beta")], Grant(frozenset({"acme", "beta"}), "acme")),
        ([acme(P)], [acme(CHEAP.hash("p"))], None),
        ([acme(P)], [acme(Q)], None),
        ([acme(P)], [acme(P, username="other")], None),
        ([acme(P)], [], None),
        ([acme(P)], [acme(P), acme(CHEAP.hash("p"), operator="beta")], None),
    ],
    ids=[
        "same", "another added", "another removed", "a plain one removed", "same hash, another operator",
        "hashed again", "changed", "other user", "removed", "another operator, perhaps the same password",
    ],
)  # fmt: skip
async def test_what_was_verified_is_known_after_a_reload_where_the_hash_is_the_same(
    before: list[OperatorCredentials], after: list[OperatorCredentials], known: Grant | None
) -> None:
    keeper = Credentials(before)
    await keeper.check(basic("u:p"), "here")
    for _ in range(2):  # and after the next one as well
        newer = Credentials(after)
        newer.take_over(keeper)
        keeper = newer
        assert keeper.look_up(basic("u:p")) == known
    keeper.close()


async def test_a_check_that_ends_after_a_reload_is_known_to_the_new_credentials() -> None:
    keeper, newer = Credentials([acme(P)]), Credentials([acme(P)])
    check = asyncio.ensure_future(keeper.check(basic("u:p"), "here"))
    await asyncio.sleep(0)
    newer.take_over(keeper)
    assert await check == newer.look_up(basic("u:p")) == ACME
    newer.close()


@pytest.mark.parametrize("lacking", ["Memory allocation error", "Threading failure"])
async def test_a_password_that_could_not_be_checked_is_not_a_wrong_one(
    monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    """Else who is right would be refused from then on, because memory was short once."""

    def fail(*_: object) -> bool:
        raise VerificationError(lacking)

    keeper = hashed("p")
    with monkeypatch.context() as patched:
        patched.setattr(PasswordHasher, "verify", fail)
        with pytest.raises(TooManyChecks):
            await keeper.check(basic("u:p"), "here")
    assert keeper.look_up(basic("u:p")) is None
    assert await keeper.check(basic("u:p"), "here") == ACME
    keeper.close()


async def test_a_hash_that_argon2_cannot_read_matches_nothing() -> None:
    text = CHEAP.hash("p")
    broken = CredentialSettings(username="u", password_hash=SecretStr(text[:-4]))
    keeper = Credentials([OperatorCredentials("acme", path_only=False, credentials=(broken,))])
    assert await keeper.check(basic("u:p"), "here") == NO_GRANT
    keeper.close()
