"""What comes in odd comes out as it was: texts, money, sizes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.journal.interface import Journal, ReasonFilter, TransferFilter
from gateway.journal.writes import Change
from gateway.money import Money, money
from gateway.operators.adapter import MEMORY_CHARACTERS, MEMORY_ENTRIES
from gateway.records import State
from tests.support.journals import ACME, NOW, a_change, a_reason, a_session, a_transfer, an_attempt, key_of, verified

TEXTS = [
    pytest.param("", id="empty"),
    pytest.param(" \t\r\n ", id="blank"),
    pytest.param("a\x00b\x00", id="NUL"),
    pytest.param("\ud800 lone \udfff", id="lone surrogates"),
    pytest.param("ende \U0001f9dd\U0001f3fd\u200d\u2642\ufe0f", id="emoji"),
    pytest.param("\ufdd0\ufdd00000\ufdd0d800", id="what an escape looks like"),
    pytest.param("\u202etxet\u200f\ufffe\uffff", id="marks and noncharacters"),
    pytest.param("'; DROP TABLE transfers; -- $1 ? %s {x} \\", id="SQL"),
    pytest.param("x" * 4096, id="long"),
    pytest.param("\U0001f600" * 4096, id="long emoji"),
]


@pytest.mark.parametrize("text", TEXTS)
async def test_every_text_comes_back_as_it_was_written(journal: Journal, text: str) -> None:
    session = a_session(text, player_id=text, memory={text: text})
    transfer = a_transfer(text, description=text, session=session, memory={text: text})
    reason = a_reason(text, who=text)
    attempt = an_attempt(detail=text, player=text)
    await journal.insert(transfer, reason)
    await journal.change(Change(key=transfer.key, allowed=(), to=State.HELD, at=NOW, attempt=attempt))
    await journal.save_session(session, NOW)
    timeline = await journal.timeline(key_of(text))
    assert timeline is not None
    assert timeline.transfer == transfer
    assert timeline.reasons == [reason]
    assert timeline.attempts == [attempt]
    assert await journal.find_session(ACME, text) == verified(session)
    assert await journal.list_transfers(TransferFilter(id=text, player_id=text), limit=9) == [transfer]
    assert [each.reason for each in await journal.list_reasons(ReasonFilter(text=text), limit=9)] == [reason]


@pytest.mark.parametrize("letter", ["x", "\x00", "\ud800", "'", '"', "\\", "\U0001f600"])
async def test_the_longest_memory_comes_back_from_a_change(journal: Journal, letter: str) -> None:
    lengths = range(1, MEMORY_ENTRIES)
    memory = {letter * length: "" for length in lengths}
    memory[""] = letter * (MEMORY_CHARACTERS - sum(lengths))
    transfer = a_transfer()
    await journal.insert(transfer)
    await journal.change(a_change(transfer.key, State.HELD, memory=memory))
    found = await journal.find(transfer.key)
    assert found is not None
    assert found.memory == memory


async def test_ids_that_only_look_alike_are_different(journal: Journal) -> None:
    ids = ["a", "A", "a ", "a\x00", "\u00e4", "a\u0308", "\ufdd00000", "\x00"]
    for id_ in ids:
        assert (await journal.insert(a_transfer(id_))).created
    for id_ in ids:
        assert await journal.find(key_of(id_)) == a_transfer(id_)


@pytest.mark.parametrize(
    "amount",
    ["0.1", "230.00", "1234567890123456.78", "99999999999999999999.99999999", "1e2", "0", "0.000000000001", "9" * 26],
)
async def test_money_comes_back_digit_for_digit(journal: Journal, amount: str) -> None:
    paid = money(amount, "XAG")
    transfer = a_transfer(amount=paid, hold_balance=paid, end_balance=Money(-paid.amount, "\U0001f4b0"))
    await journal.insert(transfer)
    found = await journal.find(transfer.key)
    assert found == transfer
    assert found is not None
    assert found.amount is not None
    assert str(found.amount) == f"{Decimal(amount).normalize():f} XAG"
    same = a_change(transfer.key, State.HELD, amount=money(amount, "XAG"))
    assert (await journal.change(same)).moved


async def test_a_cent_that_a_binary_float_would_lose_makes_another_amount(journal: Journal) -> None:
    transfer = a_transfer(amount=money("1234567890123456.78", "XAG"))
    await journal.insert(transfer)
    other = money("1234567890123456.77", "XAG")
    changed = await journal.change(a_change(transfer.key, State.HELD, amount=other))
    assert not changed.moved


async def test_times_come_back_to_the_last_bit(journal: Journal) -> None:
    at = 1_700_000_000.123456789
    transfer = a_transfer(opened_at=at, changed_at=at + 1e-6, due_at=at / 3)
    await journal.insert(transfer)
    assert await journal.find(transfer.key) == transfer
