"""What each answer proves: only the contract's own yes is a yes, only its own no is a no."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from itertools import product
from typing import Any, Final

from msgspec.structs import replace

from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Declined, Kind, Unmapped
from gateway.records import Direction, Transfer, Verdict
from gateway.sandbox.faults import BALANCE_FAULTS, Fault
from gateway.sandbox.ledger import Account
from gateway.sandbox.simulated import PLAIN, Act, Manner, Meaning, Order, as_another
from gateway.testing.behaviours.registry import Case, Grade, behaviour
from gateway.testing.subject import Move, Subject
from gateway.testing.workbench import Workbench
from gateway.wire.calls import WalletCall

HARMLESS: Final = (Fault.DELAY, Fault.DUPLICATE)
"""Faults under which the answer is still a clear yes."""

CLEAR: Final = (*HARMLESS, *BALANCE_FAULTS, Fault.DECLINE, Fault.WRONG_ID)
"""Faults under which the operator's answer is clear: yes, or no, or about something else."""

HANGING: Final = (Fault.HANG_BEFORE, Fault.HANG_AFTER, Fault.LATE)

STATUSES: Final = range(200, 600)

NAMED_STATUSES: Final = sorted({*map(int, HTTPStatus), 299, 399, 499, 520, 530, 599} & {*STATUSES})
"""Those that servers send. All others too are played with withdrawals, but not with deposits: their code is mostly the
same."""

METHODS: Final = {
    WalletCall.WITHDRAW: "withdraw",
    WalletCall.CONFIRM_WITHDRAWAL: "confirm_withdrawal",
    WalletCall.ROLLBACK_WITHDRAWAL: "rollback_withdrawal",
    WalletCall.DEPOSIT: "deposit",
    WalletCall.CONFIRM_DEPOSIT: "confirm_deposit",
    WalletCall.ROLLBACK_DEPOSIT: "rollback_deposit",
}

BUSY_S: Final = 7
"""How long a busy operator wants to be left alone."""

ODD_BALANCES: Final[dict[str, Callable[[Account], Account]]] = {
    "its currency in lower case": lambda account: replace(account, currency=account.currency.lower()),
    "more digits than are kept": lambda account: replace(account, balance=Decimal("1e40")),
}
"""Odd balances that some operators send. A balance only informs, so none of them may spoil a yes."""

Rename = Callable[[Any, Transfer], Any]

OTHER_NAMES: Final[dict[str, Rename]] = {
    "a shorter name": lambda name, _: name[:-1] if isinstance(name, str) else name,
    "a name in another case": lambda name, transfer: name.swapcase() if name == transfer.id else name,
}
"""What an answer to another request may call it. A game's own id has a case, a UUID has not."""

NOTHING: Final = HttpResponse(200, {}, b"?")

ECHO: Final = "an echo of the request"
WEB_PAGE: Final = "a web page"
WRONG_BODIES: Final = {
    WEB_PAGE: b"<!doctype html><html><body>It works!</body></html>",
    "nothing": b"",
    "an empty object": b"{}",
    "null": b"null",
    "a list": b"[]",
}

COMMON_STATUSES: Final = (200, 201, 202, 204, 206, 302, 400, 401, 403, 404, 409, 410, 422, 429, 500, 502, 503)
"""With these every wrong body is played, with the others the web page alone."""


@behaviour(Grade.BRONZE, again=True)
def an_answer_that_proves_nothing_is_unknown(subject: Subject) -> Iterator[Case]:
    """Time-outs, cut connections, web pages, redirects, errors without a cause, members of another type: the money may
    have moved or not. Told as success the game delivers unpaid; told as a decline the player pays for nothing."""

    async def play(move: Move, fault: Fault, bench: Workbench) -> None:
        transfer = await bench.before(move)
        bench.go_wrong(fault)
        outcome = await (bench.attempt_briefly if fault in HANGING else bench.attempt)(move, transfer)
        if not bench.sends_nothing(move, outcome):
            met = (outcome.verdict, outcome.balance) == (Verdict.UNKNOWN, None)
            bench.expect(met and bool(outcome.text), "unknown, with a text that says why", outcome)

    for move, fault in product(subject.moves, (fault for fault in Fault if fault not in CLEAR)):
        yield Case(f"{move.call}, {fault}", partial(play, move, fault))


@behaviour(Grade.BRONZE, exemptible=True, again=True)
def an_answer_to_another_request_is_unknown(subject: Subject) -> Iterator[Case]:
    """An answer that names another transfer, session or request (even one that differs in little) proves nothing about
    this one: a proxy or a cache may have mixed them up. So does an error that names another. A contract whose answers
    name nothing is exempt."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        bench.go_wrong(Fault.WRONG_ID)
        await _expect_unknown(bench, move, transfer, f"{move.call}, a longer name")
        bench.go_right()
        for how, rename in OTHER_NAMES.items():
            bench.answer(partial(_yes_renamed, bench, transfer, rename))
            await _expect_unknown(bench, move, transfer, f"{move.call}, {how}")
        for code in subject.simulated.codes():
            bench.answer(partial(_error_of_another, bench, code))
            await _expect_unknown(bench, move, transfer, f"{move.call}, code {code} of another")

    for move, manner in product(subject.moves, _manners(subject)):
        yield Case(move.call, partial(play, move), manner=manner)


async def _expect_unknown(bench: Workbench, move: Move, transfer: Transfer, case: str) -> None:
    outcome = await bench.attempt(move, transfer)
    if not bench.sends_nothing(move, outcome):
        bench.expect(outcome.verdict is Verdict.UNKNOWN, "unknown", outcome, case)


def _yes_renamed(bench: Workbench, transfer: Transfer, rename: Rename, order: Order) -> HttpResponse:
    """A yes in which what names this request is renamed."""
    account, read = bench.ledger.accounts[bench.player], bench.simulated.read_body
    yes = bench.simulated.yes(order, account)
    members, others = read(yes.body), read(bench.simulated.yes(as_another(order), account).body)
    for name in [name for name in members if members[name] != others.get(name)]:
        members[name] = rename(members[name], transfer)
    if members == read(yes.body):  # this protocol has no such name
        return NOTHING
    return HttpResponse(yes.status, yes.headers, bench.simulated.write_body(members))


def _error_of_another(bench: Workbench, code: str, order: Order) -> HttpResponse:
    error = bench.simulated.answer_code(as_another(order), code)
    return NOTHING if error == bench.simulated.answer_code(order, code) else error


def _manners(subject: Subject) -> tuple[Manner, ...]:
    return (PLAIN, Manner(refuses_repeats=True)) if subject.simulated.refusable_repeats else (PLAIN,)


@behaviour(Grade.BRONZE, exemptible=True)
def a_yes_that_names_nothing_is_unknown(subject: Subject) -> Iterator[Case]:
    """A yes without the ids by which the contract binds it to its request may be anybody's: a proxy's, or a stub's. A
    contract whose answers name nothing is exempt."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        bench.answer(partial(_yes_without_names, bench))
        outcome = await bench.attempt(move, transfer)
        if not bench.sends_nothing(move, outcome):
            bench.expect(outcome.verdict is Verdict.UNKNOWN, "unknown", outcome)

    return (Case(move.call, partial(play, move)) for move in subject.moves)


def _yes_without_names(bench: Workbench, order: Order) -> HttpResponse:
    """A yes without the members and headers that differ if another request is answered."""
    simulated, account = bench.simulated, bench.ledger.accounts[bench.player]
    yes, another = simulated.yes(order, account), simulated.yes(as_another(order), account)
    members, others = simulated.read_body(yes.body), simulated.read_body(another.body)
    common = {name: value for name, value in members.items() if others.get(name) == value}
    headers = {name: value for name, value in yes.headers.items() if another.headers.get(name) == value}
    return HttpResponse(yes.status, headers, simulated.write_body(common))


@behaviour(Grade.BRONZE, exemptible=True, again=True)
def a_yes_to_another_act_is_unknown(subject: Subject) -> Iterator[Case]:
    """The yes to the hold, in answer to its confirm or rollback, says that the hold stands, not that it has ended; and
    so with each of the three in answer to another. Where the contract's answers are the very same, nothing is played; a
    contract whose answers differ, but not in what was done, is exempt."""

    async def play(move: Move, act: Act, bench: Workbench) -> None:
        transfer = await bench.before(move)
        bench.answer(partial(_yes_to_act, bench, act))
        await _expect_unknown(bench, move, transfer, f"{move.call}, the yes to a {act}")

    for move, act in product(subject.moves, (Act.HOLD, Act.CONFIRM, Act.ROLLBACK)):
        if act is not move.act:
            yield Case(f"{move.call}, the yes to a {act}", partial(play, move, act))


def _yes_to_act(bench: Workbench, act: Act, order: Order) -> HttpResponse:
    account = bench.ledger.accounts[bench.player]
    yes = bench.simulated.yes(replace(order, act=act), account)
    return NOTHING if yes == bench.simulated.yes(order, account) else yes


@behaviour(Grade.BRONZE, again=True)
def what_is_late_or_came_twice_counts_once(subject: Subject) -> Iterator[Case]:
    """A slow answer, or a request that the operator's infrastructure delivered twice, is a yes to one booking."""

    async def play(move: Move, fault: Fault, bench: Workbench) -> None:
        transfer = await bench.before(move)
        bench.go_wrong(fault)
        outcome = await bench.attempt(move, transfer)
        met = outcome.verdict is Verdict.SUCCESS and outcome.balance in (None, bench.balance)
        bench.expect(met, f"success, with the balance {bench.balance} or none", outcome)
        bench.expect_right_books()

    for move, fault in product(subject.moves, HARMLESS):
        yield Case(f"{move.call}, {fault}", partial(play, move, fault))


@behaviour(Grade.BRONZE, again=True)
def a_declined_call_never_counts_as_done(subject: Subject) -> Iterator[Case]:
    """The operator refuses the call (its limit is reached) and has done nothing: a decline or unknown, with a text."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        bench.go_wrong(Fault.DECLINE)
        outcome = await bench.attempt(move, transfer)
        if not bench.sends_nothing(move, outcome):
            met = outcome.verdict in {Verdict.DECLINED, Verdict.UNKNOWN} and bool(outcome.text)
            bench.expect(met, "declined or unknown, with a text that says why", outcome)

    return (Case(move.call, partial(play, move)) for move in subject.moves)


@behaviour(Grade.BRONZE)
def only_the_contracts_statuses_are_a_yes(subject: Subject) -> Iterator[Case]:
    """Every HTTP status from 200 to 599, with the body of a yes: a success under the contract's own statuses
    (`Simulated.success_statuses`), unknown under any other, since a proxy may have made it."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        for status in _statuses_for(move):
            bench.answer(partial(_yes_under, bench, status))
            outcome = await bench.attempt(move, transfer)
            if bench.sends_nothing(move, outcome):
                return
            yes = status in bench.simulated.success_statuses
            wanted = Verdict.SUCCESS if yes else Verdict.UNKNOWN
            bench.expect(outcome.verdict is wanted, wanted, outcome, f"{move.call}, HTTP {status} with a yes")

    return (Case(move.call, partial(play, move)) for move in subject.moves)


@behaviour(Grade.BRONZE)
def no_status_proves_anything_alone(subject: Subject) -> Iterator[Case]:
    """Every HTTP status from 200 to 599 with a body that is not of the protocol: always unknown. A 404 is not "never
    heard of the transfer", a 403 not a decline: any server in between may say so."""

    async def play(move: Move, body: str, bench: Workbench) -> None:
        transfer = await bench.before(move)
        for status in _statuses_for(move) if body == WEB_PAGE else COMMON_STATUSES:
            bench.answer(partial(_no_yes, bench, status, WRONG_BODIES[body]))
            outcome = await bench.attempt(move, transfer)
            if bench.sends_nothing(move, outcome):
                return
            met = outcome.verdict is Verdict.UNKNOWN
            bench.expect(met, Verdict.UNKNOWN, outcome, f"{move.call}, HTTP {status} with {body}")

    async def play_echo(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        for status in NAMED_STATUSES:
            bench.answer(partial(_echo, bench, status))
            await _expect_unknown(bench, move, transfer, f"{move.call}, HTTP {status} with {ECHO}")

    for move, body in product(subject.moves, WRONG_BODIES):
        yield Case(f"{move.call}, {body}", partial(play, move, body))
    for move in subject.moves:
        yield Case(f"{move.call}, {ECHO}", partial(play_echo, move))


def _statuses_for(move: Move) -> Sequence[int]:
    return STATUSES if move.direction is Direction.WITHDRAW else NAMED_STATUSES


def _yes_under(bench: Workbench, status: int, order: Order) -> HttpResponse:
    yes = bench.simulated.yes(order, bench.ledger.accounts[bench.player])
    return HttpResponse(status, yes.headers, yes.body)


def _echo(bench: Workbench, status: int, order: Order) -> HttpResponse:
    return bare_answer(status, bench.wire()[-1].body, order)


def _no_yes(bench: Workbench, status: int, body: bytes, order: Order) -> HttpResponse:
    yes = bench.simulated.yes(order, bench.ledger.accounts[bench.player])
    # A contract's yes may have an empty body; then that is not a wrong one.
    return bare_answer(status, b"?" if body == yes.body else body, order)


def bare_answer(status: int, body: bytes, _: Order) -> HttpResponse:
    """The same answer to every request."""
    return HttpResponse(status, {"content-type": "text/html"}, body)


@behaviour(Grade.BRONZE)
def every_error_code_means_what_the_contract_says(subject: Subject) -> Iterator[Case]:
    """Each code that the simulated operator names (`Simulated.codes`), in answer to each call, is told as the contract
    means it (`Simulated.meaning`); a code that the contract does not name is unknown, and so is every code under an
    HTTP status under which the contract does not have it (`Simulated.error_statuses`, `statuses_of`)."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        for code in (*subject.simulated.codes(), subject.simulated.unnamed_code):
            await _expect_meaning(bench, move, transfer, code)

    async def play_statuses(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        codes = [code for code in subject.simulated.codes() if _proves(_meaning(bench, move, code))]
        for status, code in product(COMMON_STATUSES, (*codes, subject.simulated.unnamed_code)):
            statuses = subject.simulated.statuses_of(code)
            if statuses is not None and status not in statuses:
                bench.answer(partial(_error_under, bench, status, code))
                await _expect_unknown(bench, move, transfer, f"{move.call}, HTTP {status} with code {code}")

    for move, manner in product(subject.moves, _manners(subject)):
        yield Case(move.call, partial(play, move), manner=manner)
        if any(subject.simulated.statuses_of(code) is not None for code in subject.simulated.codes()):
            yield Case(move.call, partial(play_statuses, move), manner=manner)


def _error_under(bench: Workbench, status: int, code: str, order: Order) -> HttpResponse:
    error = bench.simulated.answer_code(order, code)
    return HttpResponse(status, error.headers, error.body)


async def _expect_meaning(bench: Workbench, move: Move, transfer: Transfer, code: str) -> None:
    simulated = bench.simulated
    meaning = _meaning(bench, move, code)
    bench.answer(lambda order: simulated.answer_code(order, code))
    outcome = await bench.attempt(move, transfer)
    if not bench.sends_nothing(move, outcome):
        wanted = _verdict_of(meaning, move)
        case = f"{move.call}, code {code}: {meaning}"
        bench.expect(outcome.verdict is wanted, wanted, outcome, case)
        if wanted is Verdict.DECLINED:
            bench.expect(outcome.kind == meaning, f"declined ({meaning})", outcome, case)
        later = outcome.retry_after_s is not None
        bench.expect(later == (meaning is Meaning.RETRY_LATER), f"{meaning}", f"asked again later: {later}", case)
        bench.expect(outcome.park == (meaning is Meaning.PARK), f"{meaning}", f"park: {outcome.park}", case)


def _meaning(bench: Workbench, move: Move, code: str) -> Kind | Meaning:
    named = code in bench.simulated.codes()
    return bench.simulated.meaning(code, move.act, move.direction) if named else Meaning.UNKNOWN


def _proves(meaning: Kind | Meaning) -> bool:
    return isinstance(meaning, Kind) or meaning is Meaning.DONE


def _verdict_of(meaning: Kind | Meaning, move: Move) -> Verdict:
    if isinstance(meaning, Kind):
        return Verdict.NOT_FOUND if meaning is Kind.NOT_FOUND and move.is_rollback else Verdict.DECLINED
    return Verdict.SUCCESS if meaning is Meaning.DONE else Verdict.UNKNOWN


@behaviour(Grade.SILVER)
def a_yes_is_a_yes_whatever_its_balance(subject: Subject) -> Iterator[Case]:
    """A balance only informs. An odd one (too many digits, another currency's case, a text) must not turn a yes into an
    error; without one, an end is still a yes, and a hold at least no decline."""

    async def play(move: Move, odd: str, bench: Workbench) -> None:
        transfer = await bench.before(move)
        _change_balances(bench, ODD_BALANCES[odd])
        outcome = await bench.attempt(move, transfer)
        bench.expect(outcome.verdict is Verdict.SUCCESS, "success", outcome)
        bench.expect_right_books()

    async def play_fault(move: Move, fault: Fault, bench: Workbench) -> None:
        transfer = await bench.before(move)
        bench.go_wrong(fault)
        outcome = await bench.attempt(move, transfer)
        # Perhaps another account was charged: the gateway itself makes a hold in another currency unclear.
        lenient = move.is_hold and fault in {Fault.NO_BALANCE, Fault.OTHER_CURRENCY}
        wanted = {Verdict.SUCCESS, Verdict.UNKNOWN} if lenient else {Verdict.SUCCESS}
        bench.expect(outcome.verdict in wanted, " or ".join(sorted(wanted)), outcome)

    for move in subject.moves:
        for odd in ODD_BALANCES:
            yield Case(f"{move.call}, {odd}", partial(play, move, odd))
        for fault in BALANCE_FAULTS:
            yield Case(f"{move.call}, {fault}", partial(play_fault, move, fault))


def _change_balances(bench: Workbench, change: Callable[[Account], Account]) -> None:
    """Has the operator send changed balances; its books stay right."""
    yes = bench.simulated.yes
    bench.simulated.yes = lambda order, account: yes(order, change(account))  # type: ignore[method-assign]  # of this one


@behaviour(Grade.SILVER)
def an_error_of_the_protocol_is_not_silence(subject: Subject) -> Iterator[Case]:
    """An error in the protocol's own form, even one that names no cause, shows an operator that is alive: `Unmapped` or
    `Declined`, never a plain `Unclear`. Otherwise players could stop all calls by causing errors."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        bench.go_wrong(Fault.OTHER_ERROR)
        try:
            await getattr(bench.operator.adapter, METHODS[move.call])(transfer)
        except Exception as error:  # noqa: BLE001 - any at all, to be judged
            met = isinstance(error, Unmapped | Declined) and bool(error.text)
            bench.expect(met, "Unmapped or Declined, with a text", f"{type(error).__name__}: {error}")
        else:
            bench.expect(move.is_confirm and bench.wire(move.call) == [], "Unmapped or Declined", "a receipt")

    return (Case(move.call, partial(play, move)) for move in subject.moves)


@behaviour(Grade.GOLD)
def a_busy_operator_is_asked_later(subject: Subject) -> Iterator[Case]:
    """HTTP 429 with Retry-After is `RetryLater`, so that the gateway waits as long as the operator asks it to."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        bench.answer(lambda _: HttpResponse(429, {"retry-after": f"{BUSY_S}"}, b""))
        outcome = await bench.attempt(move, transfer)
        if not bench.sends_nothing(move, outcome):
            met = (outcome.verdict, outcome.retry_after_s) == (Verdict.UNKNOWN, BUSY_S)
            bench.expect(met, f"unknown, to be asked again after {BUSY_S} s", outcome)

    return (Case(move.call, partial(play, move)) for move in subject.moves)


@behaviour(Grade.GOLD)
def the_protocols_codes_are_declared(subject: Subject) -> Iterator[Case]:
    """The simulated operator names the error codes of its protocol, so that each can be played."""

    async def play(bench: Workbench) -> None:
        bench.expect(subject.simulated.codes() != (), "at least one code", "none: override `codes` and `answer_code`")

    yield Case("", play)
