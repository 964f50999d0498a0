"""What is asked and moves no money: sessions, balances, and what became of a transfer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from functools import partial
from itertools import product
from typing import Final

from gateway.money import Money, MoneyError, money
from gateway.operators.adapter import HttpResponse, Player, TransferStatus, implements_look_up
from gateway.operators.errors import OperatorError
from gateway.operators.operator import Operator
from gateway.records import Direction, Session, Transfer
from gateway.sandbox.faults import BALANCE_FAULTS, Fault
from gateway.sandbox.simulated import Act, Manner, Order
from gateway.testing.behaviours.answers import (
    COMMON_STATUSES,
    HANGING,
    HARMLESS,
    NAMED_STATUSES,
    WEB_PAGE,
    WRONG_BODIES,
    bare_answer,
)
from gateway.testing.behaviours.registry import Case, Grade, behaviour
from gateway.testing.behaviours.transfers import AMOUNTS
from gateway.testing.subject import CONFIRMS, ROLLBACKS, Subject
from gateway.testing.workbench import NAME, SHORT_TIMEOUT_S, Workbench

UNKNOWN_SESSION: Final = "nobody"

Read = Callable[[Operator, Session], Awaitable[Player | Money]]

ASKABLE: Final = Manner(can_be_asked=True)

READS: Final[dict[str, Read]] = {
    "verifySession": lambda operator, session: operator.verify_session(session),
    "getBalance": lambda operator, session: operator.get_balance(session),
}

CLEAR_READS: Final = (*HARMLESS, *BALANCE_FAULTS, Fault.WRONG_ID)
"""Faults under which a read may have a result."""


async def result_of(read: Read, bench: Workbench, operator: Operator | None = None) -> Player | Money | OperatorError:
    """What the read gives, or the error that it raises."""
    try:
        return await read(operator or bench.operator, bench.session)
    except OperatorError as error:
        return error


@behaviour(Grade.SILVER)
def a_session_is_verified(subject: Subject) -> Iterator[Case]:
    """A session's token gives its player and balance, and the balance can be asked for alone."""

    async def play(bench: Workbench) -> None:
        player = await bench.verify()
        bench.expect(player.player_id == bench.player, bench.player, player.player_id)
        bench.expect(player.balance in (None, bench.balance), f"{bench.balance} or none", player.balance)
        balance = await bench.operator.get_balance(bench.session)
        bench.expect(balance == bench.balance, str(bench.balance), balance)

    yield Case("", play)


@behaviour(Grade.SILVER)
def an_unknown_session_is_refused(subject: Subject) -> Iterator[Case]:
    """A token that the operator never gave out gives no player and no balance."""

    async def play(read: Read, bench: Workbench) -> None:
        try:
            found = await read(bench.operator, Session(operator=NAME, token=UNKNOWN_SESSION))
        except OperatorError:
            return
        bench.expect(False, "an error", found)

    return (Case(name, partial(play, read)) for name, read in READS.items())


@behaviour(Grade.SILVER)
def a_balance_is_told_exactly(subject: Subject) -> Iterator[Case]:
    """Balances of every scale and currency come digit for digit, with a session and asked for alone; where a balance
    cannot be read there is an error or none, never another amount."""

    async def play(currency: str, amounts: tuple[str, ...], bench: Workbench) -> None:
        for amount in amounts:
            await _expect_balance(bench, currency, amount)

    for currency in subject.simulated.currencies:
        yield Case(currency, partial(play, currency, ("0", "2", *AMOUNTS)), balance=money("0", currency))


async def _expect_balance(bench: Workbench, currency: str, amount: str) -> None:
    try:
        exact = money(amount, currency)
        bench.ledger.accounts[bench.player].balance = exact.amount
        order = Order(act=Act.BALANCE, token=bench.session.token)
        bench.simulated.yes(order, bench.ledger.accounts[bench.player])
    except (MoneyError, ValueError):  # the gateway, or the protocol, has no such amounts
        return
    player = await result_of(READS["verifySession"], bench)
    known = isinstance(player, Player) and player.balance in (None, exact)
    bench.expect(known, f"a player with {exact}, or with none", player, f"verifySession, {exact}")
    balance = await result_of(READS["getBalance"], bench)
    bench.expect(balance == exact, str(exact), balance, f"getBalance, {exact}")


@behaviour(Grade.SILVER)
def an_unclear_answer_to_a_read_is_an_error(subject: Subject) -> Iterator[Case]:
    """Under every fault that makes an answer unclear, a session gives no player and a balance no amount; under one that
    only delays or repeats it, they are right."""

    async def play(name: str, fault: Fault, bench: Workbench) -> None:
        bench.go_wrong(fault)
        operator = bench.another_operator(timeout_s=SHORT_TIMEOUT_S) if fault in HANGING else bench.operator
        found = await result_of(READS[name], bench, operator)
        if fault in HARMLESS:
            right = found.player_id == bench.player if isinstance(found, Player) else found == bench.balance
            bench.expect(right, f"{bench.player}, {bench.balance}", found)
        elif fault not in CLEAR_READS:
            met = isinstance(found, OperatorError) and bool(found.text)
            bench.expect(met, "an error, with a text that says why", found)

    for name, fault in product(READS, Fault):
        if fault not in BALANCE_FAULTS:
            yield Case(f"{name}, {fault}", partial(play, name, fault))


@behaviour(Grade.SILVER)
def no_status_alone_answers_a_read(subject: Subject) -> Iterator[Case]:
    """Every HTTP status that servers send, with a body that is not of the protocol, is an error for a session and for a
    balance."""

    async def play(name: str, body: str, bench: Workbench) -> None:
        for status in NAMED_STATUSES if body == WEB_PAGE else COMMON_STATUSES:
            bench.answer(partial(bare_answer, status, WRONG_BODIES[body]))
            found = await result_of(READS[name], bench)
            bench.expect(isinstance(found, OperatorError), "an error", found, f"{name}, HTTP {status} with {body}")

    return (Case(f"{name}, {body}", partial(play, name, body)) for name, body in product(READS, WRONG_BODIES))


@behaviour(Grade.SILVER)
def every_error_code_of_a_read_is_an_error(subject: Subject) -> Iterator[Case]:
    """Each error code of the protocol, and one that it does not have, gives neither a player nor a balance."""

    async def play(name: str, bench: Workbench) -> None:
        for code in (*subject.simulated.codes(), subject.simulated.unnamed_code):
            bench.answer(partial(_code_answer, bench, code))
            found = await result_of(READS[name], bench)
            bench.expect(isinstance(found, OperatorError), "an error", found, f"{name}, code {code}")

    return (Case(name, partial(play, name)) for name in READS)


def _code_answer(bench: Workbench, code: str, order: Order) -> HttpResponse:
    return bench.simulated.answer_code(order, code)


@behaviour(Grade.SILVER, exemptible=True)
def the_session_of_another_is_refused(subject: Subject) -> Iterator[Case]:
    """An answer that names another session is not about this player. A contract whose answers do not name the session
    or the request is exempt."""

    async def play(bench: Workbench) -> None:
        bench.go_wrong(Fault.WRONG_ID)
        found = await result_of(READS["verifySession"], bench)
        bench.expect(isinstance(found, OperatorError), "an error", found)

    yield Case("", play)


@behaviour(Grade.SILVER)
def a_session_is_known_whatever_its_balance(subject: Subject) -> Iterator[Case]:
    """A balance only informs: an odd one, or none, must not keep the player from playing. Asked for alone, it is right,
    or an error."""

    async def play(fault: Fault, bench: Workbench) -> None:
        await result_of(READS["getBalance"], bench)
        bench.go_wrong(fault)
        player = await result_of(READS["verifySession"], bench)
        known = isinstance(player, Player) and player.player_id == bench.player
        bench.expect(known, bench.player, player, "verifySession")
        balance = await result_of(READS["getBalance"], bench)
        right = isinstance(balance, OperatorError) or _is_near(balance, bench.balance, fault)
        bench.expect(right, f"{bench.balance} or an error", balance, "getBalance")
        plain, odd = (bench.wire()[at].answer for at in (0, -1))
        bench.expect(
            plain != odd, "an odd balance in the answer; see `Simulated.balance_at`", "the plain one", "the fault"
        )

    return (Case(fault, partial(play, fault)) for fault in BALANCE_FAULTS)


def _is_near(found: Player | Money, balance: Money, fault: Fault) -> bool:
    """Whether it is the balance that the operator told under this fault."""
    if not isinstance(found, Money):
        return False
    if fault in {Fault.NO_BALANCE, Fault.WORDS, Fault.ENDLESS_DIGITS}:
        return False
    return abs(found.amount - balance.amount) < Decimal("1e-12")


@behaviour(Grade.BRONZE)
def a_look_up_tells_what_became_of_a_transfer(subject: Subject) -> Iterator[Case]:
    """A transfer's status at the operator decides how it ends here: each is told rightly, and an unclear answer is an
    error. An operator that forgets what it has undone may tell it as not found: the gateway then asks once more."""

    async def play(direction: Direction, bench: Workbench) -> None:
        bench.expect(bench.operator.adapter.can_look_up(), "an operator that can be asked", "one that cannot")
        await bench.verify()
        await _expect_status(bench, bench.transfer(direction, id="unseen"), TransferStatus.NOT_FOUND)
        confirmed = await bench.hold(direction, id="a")
        await _expect_status(bench, confirmed, TransferStatus.HELD)
        await bench.attempt(CONFIRMS[direction], confirmed)
        if bench.wire(CONFIRMS[direction].call):
            await _expect_status(bench, confirmed, TransferStatus.CONFIRMED)
        undone = await bench.hold(direction, id="b")
        await bench.attempt(ROLLBACKS[direction], undone)
        await _expect_status(bench, undone, TransferStatus.ROLLED_BACK, TransferStatus.NOT_FOUND)

    async def play_fault(fault: Fault, bench: Workbench) -> None:
        held = await bench.hold(Direction.WITHDRAW)
        bench.go_wrong(fault)
        found = await _status_of(bench, held)
        bench.expect(isinstance(found, Exception), "an error", found)

    if implements_look_up(subject.adapter):
        for direction in subject.directions:
            yield Case(direction, partial(play, direction), manner=ASKABLE)
        for fault in Fault:
            if fault not in {*HARMLESS, *BALANCE_FAULTS, *HANGING, Fault.WRONG_ID}:
                yield Case(fault, partial(play_fault, fault), manner=ASKABLE)


@behaviour(Grade.BRONZE, exemptible=True)
def the_status_of_another_transfer_is_an_error(subject: Subject) -> Iterator[Case]:
    """An answer that tells what became of another transfer must not end this one. A contract whose answer does not name
    the transfer is exempt."""

    async def play(bench: Workbench) -> None:
        held = await bench.hold(Direction.WITHDRAW)
        bench.go_wrong(Fault.WRONG_ID)
        found = await _status_of(bench, held)
        bench.expect(isinstance(found, Exception), "an error", found)

    if implements_look_up(subject.adapter):
        yield Case("", play, manner=ASKABLE)


async def _expect_status(bench: Workbench, transfer: Transfer, *right: TransferStatus) -> None:
    found = await _status_of(bench, transfer)
    bench.expect(found in right, " or ".join(right), found, f"{transfer.direction} {transfer.id}")


async def _status_of(bench: Workbench, transfer: Transfer) -> TransferStatus | Exception:
    try:
        return await bench.operator.adapter.look_up(transfer)
    except Exception as error:  # noqa: BLE001 - any at all is unclear
        return error
