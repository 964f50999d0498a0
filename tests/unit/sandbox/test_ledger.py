from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.money import Money, money
from gateway.operators.errors import Kind
from gateway.records import WALLET_DIRECTIONS, Direction
from gateway.sandbox.ledger import Account, HoldState, Ledger, Refusal, Seen
from gateway.sandbox.stores import FileStore, MemoryStore

HUNDRED = money(100, "XAG")
TEN = money(10, "XAG")
OUT = Direction.WITHDRAW
IN = Direction.DEPOSIT


@pytest.fixture
def ledger() -> Ledger:
    books = Ledger(MemoryStore())
    books.enrol("p1", "t1", HUNDRED)
    return books


def hold(ledger: Ledger, amount: Money = TEN, direction: Direction = OUT, reference: str = "r1") -> Account:
    return ledger.hold(ledger.session("t1"), direction, reference, f"id of {reference}", amount)


def balance(ledger: Ledger) -> int:
    return int(ledger.accounts["p1"].balance)


def test_a_withdraw_takes_and_a_deposit_gives(ledger: Ledger) -> None:
    hold(ledger)
    assert balance(ledger) == 90
    hold(ledger, direction=IN, reference="r2")
    assert balance(ledger) == 100


@pytest.mark.parametrize("direction", WALLET_DIRECTIONS)
def test_undoing_gives_back_exactly_what_moved(ledger: Ledger, direction: Direction) -> None:
    hold(ledger, direction=direction)
    ledger.undo("r1")
    ledger.undo("r1")
    assert balance(ledger) == 100
    assert ledger.holds["r1"].state is HoldState.UNDONE


def test_the_same_hold_again_changes_nothing(ledger: Ledger) -> None:
    hold(ledger)
    hold(ledger)
    assert balance(ledger) == 90


def test_another_hold_under_the_same_reference_is_refused(ledger: Ledger) -> None:
    hold(ledger)
    with pytest.raises(Refusal) as refused:
        hold(ledger, amount=HUNDRED)
    assert refused.value.kind is Kind.DUPLICATE


@pytest.mark.parametrize(
    "amount, kind",
    [
        (money("100.01", "XAG"), Kind.FUNDS),
        (money(1, "XAU"), Kind.CURRENCY),
        (money(-1, "XAG"), Kind.AMOUNT),
    ],
)
def test_what_cannot_be_taken_is_refused(ledger: Ledger, amount: Money, kind: Kind) -> None:
    with pytest.raises(Refusal) as refused:
        hold(ledger, amount)
    assert (refused.value.kind, ledger.holds) == (kind, {})


def test_a_confirmed_hold_cannot_be_undone(ledger: Ledger) -> None:
    hold(ledger)
    ledger.confirm("r1", TEN)
    ledger.confirm("r1")
    with pytest.raises(Refusal) as refused:
        ledger.undo("r1")
    assert (refused.value.kind, balance(ledger)) == (Kind.OTHER, 90)


def test_an_undone_hold_cannot_be_confirmed_or_held_again(ledger: Ledger) -> None:
    hold(ledger)
    ledger.undo("r1")
    with pytest.raises(Refusal) as unconfirmed:
        ledger.confirm("r1")
    with pytest.raises(Refusal) as unheld:
        hold(ledger)
    assert (unconfirmed.value.kind, unheld.value.kind) == (Kind.ROLLED_BACK, Kind.ROLLED_BACK)


def test_a_confirm_of_another_amount_is_refused(ledger: Ledger) -> None:
    hold(ledger)
    with pytest.raises(Refusal) as refused:
        ledger.confirm("r1", HUNDRED)
    assert (refused.value.kind, ledger.holds["r1"].state) == (Kind.AMOUNT, HoldState.HELD)


def test_a_buried_hold_is_refused_when_it_comes_late(ledger: Ledger) -> None:
    ledger.record_early_rollback(OUT, "r1", "id of r1")
    assert ledger.undo("r1") is None
    with pytest.raises(Refusal) as refused:
        hold(ledger)
    assert (refused.value.kind, balance(ledger)) == (Kind.ROLLED_BACK, 100)


@pytest.mark.parametrize("act", ["confirm", "undo"])
def test_what_nobody_held_cannot_be_ended(ledger: Ledger, act: str) -> None:
    with pytest.raises(Refusal) as refused:
        getattr(ledger, act)("r9")
    assert refused.value.kind is Kind.NOT_FOUND


def test_a_session_that_nobody_opened_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Refusal) as refused:
        ledger.session("t9")
    assert refused.value.kind is Kind.SESSION


def test_a_player_may_have_several_sessions_and_each_ends_alone(ledger: Ledger) -> None:
    ledger.open_session("p1", "t2")
    ledger.end_session("t1")
    with pytest.raises(Refusal) as refused:
        ledger.session("t1")
    owner = ledger.owner("t1")
    assert owner is not None
    assert (refused.value.kind, ledger.session("t2").player_id, owner.player_id) == (Kind.SESSION, "p1", "p1")
    assert ledger.owner("t9") is None


def test_a_token_is_given_out_once(ledger: Ledger) -> None:
    ledger.enrol("p2", "u1", HUNDRED)
    ledger.open_session("p2", "t1")
    ledger.end_session("t9")
    assert ledger.session("t1").player_id == "p1"


def test_what_is_given_back_to_somebody_else_is_theirs_and_the_books_say_so(ledger: Ledger) -> None:
    ledger.enrol("p2", "u1", HUNDRED)
    hold(ledger)
    ledger.undo("r1", ledger.session("u1"))
    assert (balance(ledger), int(ledger.accounts["p2"].balance)) == (90, 110)
    assert (ledger.holds["r1"].given_to, ledger.violations()) == ("p2", [])


def test_a_player_is_enrolled_once(ledger: Ledger) -> None:
    hold(ledger)
    ledger.enrol("p1", "t2", HUNDRED)
    assert balance(ledger) == 90


def test_sums_are_exact_beyond_the_usual_precision() -> None:
    books = Ledger(MemoryStore())
    books.enrol("p1", "t1", money("99999999999999999999999999.000000000001", "XAG"))
    hold(books, money("0.000000000001", "XAG"))
    assert books.accounts["p1"].balance == money("99999999999999999999999999", "XAG").amount
    assert books.violations() == []


def test_books_that_do_not_add_up_are_reported(ledger: Ledger) -> None:
    hold(ledger)
    ledger.accounts["p1"].balance += 1
    assert ledger.violations() == ["p1 has 91, should have 90"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("hdcub"), st.integers(0, 4), st.integers(1, 40)), max_size=30))
def test_whatever_is_asked_the_books_add_up_and_a_replay_comes_to_the_same(acts: list[tuple[str, int, int]]) -> None:
    store = MemoryStore()
    books = Ledger(store)
    books.enrol("p1", "t1", HUNDRED)
    for act, number, amount in acts:
        try:
            _do(books, act, f"r{number}", money(amount, "XAG"))
        except Refusal:
            continue
    assert books.violations() == []
    replayed = Ledger(store)
    assert (replayed.accounts, replayed.holds) == (books.accounts, books.holds)


def _do(books: Ledger, act: str, reference: str, amount: Money) -> None:
    match act:
        case "h" | "d":
            hold(books, amount, OUT if act == "h" else IN, reference)
        case "c":
            books.confirm(reference)
        case "u":
            books.undo(reference)
        case _:
            if reference not in books.holds:
                books.record_early_rollback(OUT, reference, reference)


def test_a_file_keeps_the_books_and_every_request(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    seen = Seen(at=1.5, call="withdraw", id="a", path="/wallet/withdraw", body=b'{"\xff"}', fault="half")
    books = Ledger(FileStore(path))
    books.enrol("p1", "t1", HUNDRED)
    books.log_request(seen)
    hold(books)
    books.close()
    again = Ledger(FileStore(path))
    assert (again.accounts, again.holds) == (books.accounts, books.holds)
    assert list(again.wire()) == [seen]
    again.close()


def test_half_a_line_at_the_end_of_the_file_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    books = Ledger(FileStore(path))
    books.enrol("p1", "t1", HUNDRED)
    books.close()
    with path.open("ab") as file:
        file.write(b'{"type":"Booked","refer')
    again = Ledger(FileStore(path))
    hold(again)
    again.close()
    once_more = Ledger(FileStore(path))
    assert balance(once_more) == 90
    once_more.close()
