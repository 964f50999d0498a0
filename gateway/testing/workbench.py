"""An adapter under test: the gateway's real operator and client, and real sockets to the adapter's simulated side."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

from msgspec.structs import replace

from gateway.clock import SystemClock
from gateway.money import Money, money
from gateway.operators.adapter import Adapter, HttpResponse, Player
from gateway.operators.bulkhead import GROUP_OF
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.tls import tls_context
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.records import Direction, Session, State, Transfer, Verdict
from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.ledger import Hold, Ledger, Seen
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.simulated import PLAIN, Manner, Order, Unknown
from gateway.sandbox.stores import MemoryStore
from gateway.settings import OperatorSettings
from gateway.settings.far_sides import BreakerSettings
from gateway.telemetry.metrics import Metrics
from gateway.testing.mismatch import Mismatch, Unmet, shown_answer, shown_outcome, shown_request
from gateway.testing.output import Output
from gateway.testing.subject import HOLDS, Move, Subject
from gateway.wire.calls import WalletCall

NAME: Final = "workbench"
PLAYER: Final = "player-1"
TOKEN: Final = "token-of-player-1"  # noqa: S105 - of a simulated player
FULL: Final = "1e25"
"""What the player begins with, unless a test says otherwise."""

IDLE_TIMEOUT_S: Final = 5.0
LONG_TIMEOUT_S: Final = 10.0  # never reached, even on a busy machine
SHORT_TIMEOUT_S: Final = 0.2  # waited for in full, by each call to an operator that hangs
NEVER_OPENS: Final = BreakerSettings(failures=1_000_000)
"""The circuit breaker is the gateway's. Here, every call goes out."""

NOW: Final = 1_780_000_000.0
"""Unix seconds: what the adapter's `Http.now` says."""


class Workbench:
    """One operator and its simulated side. `attempt` makes a call as the gateway would; `ledger` is the operator's."""

    def __init__(self, subject: Subject, server: SandboxServer, player: str, token: str, output: Output) -> None:
        self.subject = subject
        self.server = server
        self.simulated = server.operator.simulated
        self.ledger = server.ledger
        self.player = player
        self.session = Session(operator=NAME, token=token)
        self.output = output
        self.mismatches: list[Mismatch] = []
        self.outcomes: list[Outcome] = []
        self._operators: list[Operator] = []
        self.operator = self.another_operator()

    def another_operator(
        self, *, timeout_s: float = LONG_TIMEOUT_S, now: float = NOW, settings: Mapping[str, Any] = {}
    ) -> Operator:
        """The same operator as another gateway, or this one after a restart, reaches it. `now` is its clock, in Unix
        seconds; `settings` replaces some of the adapter's settings."""
        own = {**self.simulated.own_settings(self.server.base_url), **self.subject.settings, **settings}
        operator = build(self.subject.adapter, own, timeout_s, now)
        self._operators.append(operator)
        return operator

    async def close(self) -> None:
        """Closes every connection to the operator."""
        for operator in self._operators:
            await operator.close()

    async def verify(self) -> Player:
        """Verifies the player's session. Transfers made afterwards carry the player's id and the adapter's memory.

        Raises `OperatorError`."""
        player = await self.operator.verify_session(Session(operator=NAME, token=self.session.token))
        self.session = replace(self.session, player_id=player.player_id, memory=player.memory)
        return player

    def transfer(self, direction: Direction, amount: Money | None = None, id: str = "1234abcd") -> Transfer:
        """A new transfer of the player's, which the operator has not seen yet."""
        return Transfer(
            operator=NAME,
            direction=direction,
            id=id,
            state=State.SENDING,
            amount=self.subject.amount if amount is None else amount,
            description="A purchase",
            session=self.session,
            opened_at=0.0,
            changed_at=0.0,
        )

    async def attempt(self, move: Move, transfer: Transfer, operator: Operator | None = None) -> Outcome:
        """One try at the operator, as the gateway makes it; never raises what the adapter raises."""
        async with (operator or self.operator).admit(GROUP_OF[move.call]) as admission:
            outcome = await admission.attempt(move.call, transfer)
        self.outcomes.append(outcome)
        return outcome

    async def attempt_briefly(self, move: Move, transfer: Transfer) -> Outcome:
        """One try at an operator that hangs: it ends after `SHORT_TIMEOUT_S`, or on a machine so busy that it is not
        even connected by then, after ten times that."""
        outcome = await self.attempt(move, transfer, self.another_operator(timeout_s=SHORT_TIMEOUT_S))
        if outcome.verdict is not Verdict.UNSENT:
            return outcome
        return await self.attempt(move, transfer, self.another_operator(timeout_s=10 * SHORT_TIMEOUT_S))

    async def hold(self, direction: Direction, amount: Money | None = None, id: str = "1234abcd") -> Transfer:
        """A transfer whose hold the operator has taken, with what the adapter wants remembered. Raises `Unmet`."""
        if not self.session.player_id:
            await self.verify()
        return await self.hold_unverified(direction, amount, id)

    async def hold_unverified(
        self, direction: Direction, amount: Money | None = None, id: str = "1234abcd"
    ) -> Transfer:
        """The same in the session as it is, whose player the gateway may have to ask for. Raises `Unmet`."""
        transfer = self.transfer(direction, amount, id)
        outcome = await self.attempt(HOLDS[direction], transfer)
        self.require(outcome.verdict is Verdict.SUCCESS, f"{HOLDS[direction].call}: success", shown_outcome(outcome))
        return remember(transfer, outcome)

    async def before(self, move: Move) -> Transfer:
        """A transfer in the state before this call. Raises `Unmet`."""
        if not move.is_hold:
            return await self.hold(move.direction)
        await self.verify()
        return self.transfer(move.direction)

    def go_wrong(self, fault: Fault, calls: tuple[WalletCall, ...] = ()) -> None:
        """Makes this fault happen to every request (for one of `calls`, empty: to all) from now on."""
        self.server.operator.switch([FaultRule(fault=fault, calls=calls, delay_s=0.0)])

    def go_right(self) -> None:
        """Ends every fault."""
        self.server.operator.switch([])

    def answer(self, answer: Callable[[Order], HttpResponse]) -> None:
        """The operator does nothing from now on but give this answer to every request that it understands."""
        self.simulated.carry_out = answer  # type: ignore[method-assign,assignment]  # of this one

    def watch(self) -> list[Order]:
        """What the operator is asked to do from now on, as it understands it."""
        orders: list[Order] = []
        carry_out = self.simulated.carry_out

        def watched(order: Order) -> HttpResponse:
            orders.append(order)
            return carry_out(order)

        self.answer(watched)
        return orders

    def wire(self, call: WalletCall | None = None) -> list[Seen]:
        """The requests for this call, or all, in the order of arrival."""
        return [entry for entry in self.ledger.wire() if call is None or entry.call == call]

    def held(self, transfer: Transfer) -> Hold | None:
        """The transfer's hold in the operator's books, None if there is none."""
        holds = [hold for hold in self.ledger.holds.values() if hold.direction is transfer.direction]
        named = [hold for hold in holds if hold.id == transfer.id]
        # A protocol that carries only ids derived from the game's can be asked only if there is just one.
        return (named or holds)[0] if len(named or holds) == 1 else None

    @property
    def balance(self) -> Money:
        """The player's balance in the operator's books."""
        account = self.ledger.accounts[self.player]
        return money(account.balance, account.currency)

    def sends_nothing(self, move: Move, outcome: Outcome) -> bool:
        """Whether this is the confirm of a hold that is final already: nothing was sent that can be misread."""
        return outcome.verdict is Verdict.SUCCESS and move.is_confirm and self.wire(move.call) == []

    def expect(self, met: bool, expected: str, came: object, case: str = "") -> None:  # noqa: FBT001 - as in `assert`
        """Records a mismatch, with what was sent and answered last, unless the expectation is `met`."""
        if met:
            return
        seen = next(iter(self.wire()[-1:]), None)
        came = shown_outcome(came) if isinstance(came, Outcome) else str(came)
        self.mismatches.append(Mismatch(case, shown_request(seen), shown_answer(seen), expected, came))

    def require(self, met: bool, expected: str, came: object) -> None:  # noqa: FBT001 - as in `assert`
        """The same, but nothing can be played after it. Raises `Unmet`."""
        self.expect(met, expected, came)
        if not met:
            raise Unmet

    def expect_right_books(self) -> None:
        """The player's balance must be the sum of what was booked."""
        violations = self.ledger.violations()
        self.expect(violations == [], "balances that are the sum of what was booked", violations)


def remember(transfer: Transfer, outcome: Outcome) -> Transfer:
    """The transfer as the journal keeps it after this outcome."""
    memory = {**transfer.memory, **outcome.memory}
    return replace(transfer, session=outcome.session or transfer.session, memory=memory)


@asynccontextmanager
async def workbench(
    subject: Subject,
    *,
    balance: Money | None = None,
    unknown: Unknown | None = None,
    manner: Manner = PLAIN,
    player: str = PLAYER,
    token: str = TOKEN,
    output: Output | None = None,
) -> AsyncIterator[Workbench]:
    """A workbench with one player, who has this balance, before an operator of this manner. `unknown` is what it does
    with the rollback of a hold that it never saw. `output` is where what the adapter logs and prints is collected."""
    ledger = Ledger(MemoryStore())
    ledger.enrol(player, token, balance or money(FULL, subject.currency))
    server = SandboxServer(subject.simulated(ledger, unknown, manner))
    await server.start()
    try:
        bench = Workbench(subject, server, player, token, output or Output())
        try:
            yield bench
        finally:
            await bench.close()
    finally:
        await server.close()
        ledger.close()


@cache
def _tls() -> ssl.SSLContext:
    return tls_context(None, None, None)


def build(adapter: type[Adapter], settings: dict[str, Any], timeout_s: float, now: float = NOW) -> Operator:
    """An operator as the gateway builds it; the adapter need not be installed. Raises pydantic's `ValidationError`."""
    configured = OperatorSettings(adapter=NAME, settings=settings, timeout=timeout_s, breaker=NEVER_OPENS)
    client = HttpClient(
        timeout_s=timeout_s,
        connect_timeout_s=timeout_s,
        idle_s=IDLE_TIMEOUT_S,
        max_answer=configured.max_answer,
        tls=_tls(),
        clock=lambda: now,
    )
    validated = adapter.Settings.model_validate(settings)
    return Operator(NAME, configured, adapter(validated, client), client, Metrics(), SystemClock())
