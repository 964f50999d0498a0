from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.journal import rows
from gateway.journal.interface import JournalMisconfigured
from gateway.journal.rows import ATTEMPT_COLUMNS, REASON_COLUMNS, TRANSFER_COLUMNS, Rows
from gateway.journal.sealing import Sealer
from gateway.money import Money
from gateway.reasons import Source
from gateway.records import Attempt, Decision, Direction, Fate, Key, Reason, Session, State, Transfer, Verdict
from tests.support.journals import a_transfer

TEXT = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=20)
NAME = st.from_regex("[a-z][a-z0-9-]{0,9}", fullmatch=True)
TIME = st.floats(allow_nan=False, allow_infinity=False)
AMOUNT = st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**25), max_value=10**25)
MONEY = st.builds(Money, AMOUNT, TEXT)
COUNT = st.integers(0, 2**31 - 1)
MEMORY = TRANSFER_COLUMNS.index("memory")


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    operator = draw(NAME)
    player_id = draw(TEXT)

    def sessions(token: st.SearchStrategy[str]) -> st.SearchStrategy[Session]:
        memory = st.dictionaries(TEXT, TEXT, max_size=3)
        return st.builds(Session, operator=st.just(operator), token=token, player_id=st.just(player_id), memory=memory)

    fields: dict[str, st.SearchStrategy[Any]] = {
        "direction": st.sampled_from(Direction),
        "id": TEXT,
        "state": st.sampled_from(State),
        "amount": st.none() | MONEY,
        "description": TEXT,
        "session": sessions(TEXT),
        "fingerprint": NAME,
        "adopted": st.booleans(),
        "fate": st.sampled_from(Fate),
        "wants": st.none() | st.sampled_from(Decision),
        "tries": COUNT,
        "missing_at": st.none() | TIME,
        "revision": COUNT,
        "owner": st.none() | NAME,
        "due_at": st.none() | TIME,
        "opened_at": TIME,
        "decided_at": st.none() | TIME,
        "changed_at": TIME,
        "hold_balance": st.none() | MONEY,
        "end_balance": st.none() | MONEY,
        "rollback_reason": st.none() | TEXT,
        "spare_session": st.none() | sessions(TEXT.filter(bool)),
        "memory": st.dictionaries(TEXT, TEXT, max_size=3),
        "first_ended_at": st.none() | TIME,
    }
    return Transfer(operator=operator, **{name: draw(strategy) for name, strategy in fields.items()})


@given(transfers(), st.sampled_from([(), (b"k" * 32,)]))
def test_every_transfer_comes_back(transfer: Transfer, keys: tuple[bytes, ...]) -> None:
    kept = Rows(Sealer(keys))
    row = kept.of_transfer(transfer)
    assert len(row) == len(TRANSFER_COLUMNS)
    assert kept.transfer(row) == transfer


@given(
    st.builds(
        Attempt,
        call=NAME,
        at=TIME,
        took_s=TIME,
        verdict=st.sampled_from(Verdict),
        kind=NAME,
        detail=TEXT,
        instance=NAME,
        player=TEXT,
        session=st.sampled_from(["", "own", "later"]),
    )
)
def test_every_try_comes_back(attempt: Attempt) -> None:
    row = rows.of_attempt(attempt)
    assert len(row) == len(ATTEMPT_COLUMNS)
    assert rows.attempt(row) == attempt


@given(
    st.builds(
        Reason,
        text=TEXT,
        source=st.sampled_from(Source),
        category=NAME,
        at=TIME,
        who=TEXT,
        times=COUNT,
        last_at=st.none() | TIME,
    )
)
def test_every_reason_comes_back(reason: Reason) -> None:
    row = rows.of_reason(reason)
    assert len(row) == len(REASON_COLUMNS)
    assert rows.reason(row) == reason


def test_an_amount_is_written_as_a_plain_decimal_number() -> None:
    assert rows.of_money(Money(Decimal("1E-7"), "XAG")) == ("0.0000001", "XAG")
    assert rows.of_money(Money(Decimal("1E+3"), "XAG")) == ("1000", "XAG")
    assert rows.of_money(None) == (None, None)


def test_a_key_is_written_id_first() -> None:
    assert rows.of_key(Key("acme", Direction.DEPOSIT, "1\x00")) == ("1\ufdd00000", "acme", "deposit")


def test_a_session_whose_key_is_gone_keeps_its_player_so_that_its_transfer_can_be_finished() -> None:
    session = Session(operator="acme", token="secret", player_id="player-1", memory={"a": "b"})
    sealed = Rows(Sealer([b"o" * 32])).of_session(session)
    unreadable = Rows(Sealer([b"n" * 32])).session("acme", "player-1", sealed)
    assert unreadable == Session(operator="acme", token="", player_id="player-1")


def test_a_spare_session_whose_key_is_gone_is_none() -> None:
    session = Session(operator="acme", token="secret", player_id="player-1")
    transfer = a_transfer(session=session, spare_session=session)
    row = Rows(Sealer([b"o" * 32])).of_transfer(transfer)
    unreadable = Rows(Sealer([b"n" * 32])).transfer(row)
    assert (unreadable.session.token, unreadable.spare_session) == ("", None)


def test_a_memory_is_plain_json_and_an_empty_one_nothing() -> None:
    kept = Rows(Sealer([b"k" * 32]))
    assert kept.of_transfer(a_transfer(memory={"transaction": "t-1"}))[MEMORY] == '{"transaction":"t-1"}'
    assert kept.of_transfer(a_transfer())[MEMORY] is None


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"t-1"', '{"transaction":1}', '{"transaction":"\\ud800"}'])
def test_a_memory_that_was_overwritten_by_something_else_is_empty_and_said(text: str) -> None:
    kept = Rows(Sealer())
    row = list(kept.of_transfer(a_transfer("1\x00", memory={"transaction": "t-1"})))
    row[MEMORY] = text
    with capture_logs() as logs:
        assert kept.transfer(row) == a_transfer("1\x00")
    assert [(log["event"], log["operator"], log["id"]) for log in logs] == [
        ("memory of a transfer not readable", "acme", "1\x00")
    ]


def test_an_empty_memory_of_any_kind_is_written() -> None:
    kept, nothing = Rows(Sealer()), MappingProxyType[str, str]({})
    assert rows.of_memory(nothing) == "{}"
    session = Session(operator="acme", token="secret", player_id="player-1", memory=nothing)
    assert kept.session("acme", "player-1", kept.of_session(session)).memory == {}


def test_a_listed_session_tells_when_it_was_verified() -> None:
    kept = Rows(Sealer())
    session = Session(operator="acme", token="secret", player_id="player-1", verified_at=7.5)
    assert kept.session("acme", "player-1", kept.of_session(session), 7.5) == session


@pytest.mark.parametrize("sealed", [b"", b"\x00", b"\x00[1]", b"\x02abc"])
def test_a_session_that_was_overwritten_by_something_else_is_unreadable_but_no_obstacle(sealed: bytes) -> None:
    assert Rows(Sealer()).session("acme", "player-1", sealed) == Session(
        operator="acme", token="", player_id="player-1"
    )


def test_a_missing_key_is_named_when_it_is_asked_for() -> None:
    sealed = Rows(Sealer([b"o" * 32])).of_session(Session(operator="acme", token="secret"))
    with pytest.raises(JournalMisconfigured, match="encryption_key"):
        Rows(Sealer()).require_key("acme", sealed)
