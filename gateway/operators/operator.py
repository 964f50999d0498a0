"""One operator as the heart sees it: its adapter behind the bulkhead, every answer a plain `Outcome`."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import ClassVar, Final

import msgspec
import structlog

from gateway.clock import Clock
from gateway.money import Money
from gateway.operators.adapter import Adapter, Player, TransferStatus
from gateway.operators.bulkhead import GROUP_OF, OF_OPERATORS, CallGroup
from gateway.operators.errors import Declined, OperatorError, ParkNow, RetryLater, Unsent
from gateway.operators.far_side import FarSide, Method, Terms, retry_after_s
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.wire_use import WireUse
from gateway.operators.outcome import (
    NO_ANSWER,
    Outcome,
    require_money,
    require_player,
    require_receipt,
    require_status,
    verdict_of,
    verdict_of_status,
)
from gateway.operators.safe_text import TEXT_LIMIT, fit_text, secrets_of
from gateway.records import Decision, Direction, Recipient, Session, Transfer, Verdict
from gateway.secret_spellings import ELLIPSIS
from gateway.settings import OperatorSettings
from gateway.telemetry.gauges import Reading
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.objectives import objectives_of
from gateway.wire.calls import END_CALL, HOLDS, LOOK_UP, WalletCall

PROVING: Final = frozenset({Verdict.UNSENT, Verdict.DECLINED})
"""If nothing was written, these verdicts prove that nothing was sent."""

log = structlog.get_logger(__name__)


class Operator(FarSide):
    """One operator: its adapter, its bulkhead and its settings. Every call goes through `admit`; a look-up of the
    player uses the slot of the call that needs it.

    `game` is whom its payments are told to, None where it has none.
    """

    recipient: ClassVar = Recipient.OPERATOR
    groups: ClassVar = OF_OPERATORS
    ends: ClassVar = CallGroup.ENDS

    def __init__(
        self,
        name: str,
        settings: OperatorSettings,
        adapter: Adapter,
        client: HttpClient,
        metrics: Metrics,
        clock: Clock,
        game: FarSide | None = None,
    ) -> None:
        super().__init__(
            name,
            Terms(
                journal=settings.journal,
                delivery=settings.delivery,
                limits=settings.limits,
                breaker=settings.breaker,
                timeout_s=settings.timeout,
            ),
            client,
            metrics,
            clock,
            # All that is agreed for this operator: it may know, and repeat, more than its adapter's part.
            (*secrets_of(adapter.settings), *secrets_of(settings), *(() if game is None else game.secrets)),
        )
        self.settings = settings
        self.adapter = adapter
        self.game = game
        self._methods: dict[WalletCall, Method[Transfer]] = {
            WalletCall.WITHDRAW: adapter.withdraw,
            WalletCall.CONFIRM_WITHDRAWAL: adapter.confirm_withdrawal,
            WalletCall.ROLLBACK_WITHDRAWAL: adapter.rollback_withdrawal,
            WalletCall.DEPOSIT: adapter.deposit,
            WalletCall.CONFIRM_DEPOSIT: adapter.confirm_deposit,
            WalletCall.ROLLBACK_DEPOSIT: adapter.rollback_deposit,
        }

    @property
    def try_s(self) -> float:
        # A try waits for a slot and is sent, perhaps after a look-up of the player, and perhaps before one of what
        # became of the transfer (asked once, however the try failed): each takes up to the operator's timeout.
        return (2 + self.adapter.needs_player + self.adapter.can_look_up()) * self.settings.timeout

    def end_call(self, direction: Direction, decision: Decision) -> WalletCall:
        return END_CALL[direction, decision]

    @property
    def far_sides(self) -> tuple[FarSide, ...]:
        """Who acknowledges this operator's transfers."""
        return (self,) if self.game is None else (self, self.game)

    async def verify_session(self, session: Session, use: WireUse | None = None) -> Player:
        """Whose session it is. Raises `OperatorError`, its text fit to be shown. A `use` that is given says afterwards
        what was sent."""
        async with self.admit(GROUP_OF[WalletCall.VERIFY_SESSION]):
            return await self._verify(session, use or WireUse())

    async def get_balance(self, session: Session) -> Money:
        """The player's balance. Raises `OperatorError`, its text fit to be shown."""
        async with self.admit(GROUP_OF[WalletCall.GET_BALANCE]):
            return await self._call(
                WalletCall.GET_BALANCE, self.adapter.get_balance, session, require_money, session, WireUse()
            )

    def readings(self) -> Iterator[Reading]:
        """How much of its limits the operator uses, the states of its circuit breakers, and what is promised of it."""
        limits, labels = self.settings.limits, (self.name,)
        in_use, waiting, _ = self.bulkhead.read()
        yield Reading("operator_calls_in_use", in_use, labels)
        yield Reading("operator_calls_limit", limits.concurrency, labels)
        yield Reading("operator_calls_waiting", waiting, labels)
        yield Reading("operator_waiting_limit", limits.waiting, labels)
        yield Reading("operator_retiring", self.settings.retiring, labels)
        for far_side in self.far_sides:
            yield from far_side.breaker_readings()
        for objective in objectives_of(self.settings.objectives):
            yield Reading("objective_ratio", objective.ratio, (self.name, objective.name))

    def is_idle(self) -> bool:
        """Whether no call is running or waiting."""
        return all(far_side.bulkhead.read()[:2] == (0, 0) for far_side in self.far_sides)

    async def close(self) -> None:
        await super().close()
        if self.game is not None:
            await self.game.close()

    def renew_connections(self, tls: ssl.SSLContext) -> None:
        super().renew_connections(tls)
        if self.game is not None:
            self.game.renew_connections(tls)

    async def _attempt(self, call: WalletCall, transfer: Transfer) -> Outcome:
        at, begun = self._clock.now(), self._clock.monotonic()
        use, failure, found, receipt, asked = WireUse(), None, None, NO_ANSWER, False
        try:
            if self.adapter.needs_player and not transfer.session.player_id:
                found = await self._look_up_player(call, transfer.session)
                transfer = msgspec.structs.replace(transfer, session=found or transfer.session)
            receipt = await self._call(
                call,
                self._methods[call],
                transfer,
                lambda answer: require_receipt(answer, call, transfer),
                transfer.session,
                use,
            )
        except OperatorError as error:
            if not use.over:  # the look-up failed, so that the adapter's method never ran
                self.bulkhead.record(GROUP_OF[call], ok=None)
            failure = error
        verdict, text = Verdict.SUCCESS, ""
        if failure is not None:
            verdict, text = verdict_of(failure, call), failure.text
            if use.written and self._settles_by_look_up(failure, verdict, call):
                verdict, failure = await self._settle_by_look_up(call, transfer, failure)
                text, asked = failure.text, True
        elif receipt.note:
            text = self._fit_text(receipt.note, transfer.session, use)
            log.warning("receipt not wholly usable", operator=self.name, call=call, id=transfer.id, why=text)
        return Outcome(
            verdict=verdict,
            at=at,
            took_s=self._clock.monotonic() - begun,
            text=text,
            balance=receipt.balance,
            kind=failure.kind if isinstance(failure, Declined) else None,
            # An unknown outcome proves nothing even if our client wrote nothing: an adapter may have sockets of its own
            # (test_an_adapter_that_fails_before_it_sends_proves_nothing).
            unwritten=not use.written and verdict in PROVING,
            session=found,
            memory=receipt.memory,
            retry_after_s=retry_after_s(failure) if isinstance(failure, RetryLater) else None,
            park=isinstance(failure, ParkNow),
            asked=asked,
        )

    async def _ask(self, call: WalletCall, transfer: Transfer, outcome: Outcome) -> Outcome:
        """As `FarSide._ask`. Only a status that is the wanted end counts as a yes, and "not found" as the answer to a
        rollback; any other leaves the outcome as it was, with both texts."""
        if not self.adapter.can_look_up():
            return outcome
        begun = self._clock.monotonic()
        verdict = outcome.verdict
        try:
            session = outcome.session or transfer.session
            status = await self._look_up(call, msgspec.structs.replace(transfer, session=session))
        except OperatorError as error:
            text = _text_of_both(outcome.text, error)
        else:
            text = _text_of_both(outcome.text, status)
            verdict = _settled(outcome, status, call)
        is_settled = verdict is not outcome.verdict
        return msgspec.structs.replace(
            outcome,
            verdict=verdict,
            took_s=outcome.took_s + self._clock.monotonic() - begun,
            text=text,
            kind=None if is_settled else outcome.kind,
            unwritten=outcome.unwritten and not is_settled,
            park=outcome.park and not is_settled,
            asked=True,
        )

    async def look_up(self, transfer: Transfer, use: WireUse | None = None) -> TransferStatus:
        """What has become of a withdraw or deposit at the operator. Raises `OperatorError`, its text fit to be shown. A
        `use` that is given says afterwards what was sent."""
        call = END_CALL[transfer.direction, Decision.CONFIRM]
        async with self.admit(GROUP_OF[call]):
            if self.adapter.needs_player and not transfer.session.player_id:
                found = await self._look_up_player(call, transfer.session)
                transfer = msgspec.structs.replace(transfer, session=found or transfer.session)
            return await self._look_up(call, transfer, use)

    def _settles_by_look_up(self, failure: OperatorError, verdict: Verdict, call: WalletCall) -> bool:
        """Whether the operator is asked what became of an end whose answer was unclear. Not where it has just said that
        it wants to be left alone, or that no try can succeed."""
        if verdict is not Verdict.UNKNOWN or call in HOLDS or isinstance(failure, RetryLater | ParkNow):
            return False
        return self.adapter.can_look_up()

    async def _settle_by_look_up(
        self, call: WalletCall, transfer: Transfer, failure: OperatorError
    ) -> tuple[Verdict, OperatorError]:
        """The verdict on an unclear end after the operator was asked, and the error whose text tells both. Only a
        status that is the wanted end counts as a yes
        (test_only_the_wanted_end_is_a_yes_when_the_operator_is_asked)."""
        try:
            status = await self._look_up(call, transfer)
        except OperatorError as error:
            # What the operator says of later tries counts, whichever of the two requests it answers so.
            last = error if isinstance(error, RetryLater | ParkNow) else failure
            last.text = _text_of_both(failure.text, error)
            return Verdict.UNKNOWN, last
        failure.text = _text_of_both(failure.text, status)
        return verdict_of_status(status, call), failure

    async def _look_up(self, call: WalletCall, transfer: Transfer, use: WireUse | None = None) -> TransferStatus:
        """What the operator says of the transfer that this end is about. Raises `OperatorError`."""
        return await self._call(
            call, self.adapter.look_up, transfer, require_status, transfer.session, use or WireUse(), LOOK_UP
        )

    async def _verify(self, session: Session, use: WireUse) -> Player:
        return await self._call(
            WalletCall.VERIFY_SESSION, self.adapter.verify_session, session, require_player, session, use
        )

    async def _look_up_player(self, call: WalletCall, session: Session) -> Session | None:
        """The session with its player, None if nobody can say. Raises `OperatorError` for a hold: it is not sent
        without a player, but an end must go out (test_an_end_goes_out_even_if_nobody_says_whose_it_is)."""
        try:
            player = await self._verify(session, WireUse())
        except Declined:
            if call in HOLDS:
                raise
            return None
        except OperatorError as error:
            if call in HOLDS:
                raise Unsent(f"the player could not be looked up: {error.text}") from None
            return None
        return msgspec.structs.replace(session, player_id=player.player_id, memory=player.memory)


def _settled(outcome: Outcome, status: TransferStatus, call: WalletCall) -> Verdict:
    """What a failed end counts for after the operator's word on the transfer."""
    verdict = verdict_of_status(status, call)
    # "No try can succeed" and "there is no such hold" contradict each other: a person looks
    # (test_what_the_operator_rules_out_is_no_proof_that_there_is_no_hold).
    if verdict is Verdict.UNKNOWN or (verdict is Verdict.NOT_FOUND and outcome.park):
        return outcome.verdict
    return verdict


def _text_of_both(failure: str, answer: TransferStatus | OperatorError) -> str:
    """What the end came to, and what the operator answered when it was asked."""
    if isinstance(answer, OperatorError):
        said = f"; asked what became of it: {answer.text}"
    else:
        said = f"; asked what became of it, the operator says: {answer}"
    # A long text gives way to the other one: both are why a person has to look
    # (test_neither_of_two_long_texts_hides_the_other).
    limit = max(TEXT_LIMIT - len(said), TEXT_LIMIT // 2)
    if len(failure) > limit:
        failure = f"{failure[: limit - 1]}{ELLIPSIS}"
    return fit_text(f"{failure}{said}")
