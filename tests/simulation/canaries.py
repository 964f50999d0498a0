"""Small mutations of the gateway, each of which the simulator must catch: what it cannot see, it does not prove.

A canary replaces some lines of some functions while it is alive (`tests.support.mutation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from tests.support.mutation import Edit, mutated


class Canary(msgspec.Struct, frozen=True):
    """A mutation, named for what it breaks."""

    name: str
    edits: tuple[Edit, ...]


CANARIES: Final = (
    Canary(
        "a withdraw is sent before it is durable",
        (
            Edit(
                "gateway.transfers.holds:Holds._insert",
                "await self._context.journal(operator).insert(transfer)",
                '(__import__("asyncio").ensure_future(self._context.journal(operator).insert(transfer)),'
                " Inserted(transfer, created=True))[1]",
            ),
        ),
    ),
    Canary(
        "a withdraw without an answer is sent again",
        (
            Edit(
                "gateway.transfers.holds:Holds._send",
                "    return await admission.attempt(HOLD_CALL[transfer.direction], transfer)",
                "    first = await admission.attempt(HOLD_CALL[transfer.direction], transfer)\n"
                "    if first.verdict is not Verdict.UNKNOWN:\n"
                "        return first\n"
                "    return await admission.attempt(HOLD_CALL[transfer.direction], transfer)",
            ),
        ),
    ),
    Canary(
        "leases of the living are forgotten",
        (
            Edit(
                "gateway.transfers.housekeeping:Housekeeping.round",
                "self._release_orphans(self._clock.now())",
                "self._release_orphans(math.inf)",
            ),
        ),
    ),
    Canary(
        "what is leased is claimed all the same",
        (
            Edit(
                "gateway.journal.sqlite.store:SqliteStore._claim",
                "(write.operator, write.now, write.limit, write.recipient)",
                "(write.operator, write.now + 1e6, write.limit, write.recipient)",
            ),
        ),
    ),
    Canary(
        "players that become known later are not filled in",
        (
            Edit(
                "gateway.transfers.unknown_players:UnknownPlayers._name",
                "session is None or not session.player_id",
                "True",
            ),
        ),
    ),
    Canary(
        "players are filled in from any session",
        (
            Edit(
                "gateway.transfers.unknown_players:_by_session",
                "(transfer.operator, transfer.session.token), []",
                "next(iter(grouped), (transfer.operator, transfer.session.token)), []",
            ),
        ),
    ),
    Canary(
        "the compare-and-set compares nothing",
        (Edit("gateway.journal.writes:apply_change", "transfer.state not in change.allowed or ", ""),),
    ),
    Canary(
        "the fence is ignored",
        (
            Edit("gateway.journal.writes:apply_change", "change.fence not in {None, transfer.revision}", "False"),
            Edit(
                "gateway.journal.sqlite.store:SqliteStore._change",
                "None if row_id is None or found is None else self._update(row_id, found, write)",
                "None",
            ),
        ),
    ),
    Canary(
        "an unknown outcome counts as a refusal",
        (Edit("gateway.transfers.rules:roll_back_failed", "fate=_FATE_OF[outcome.verdict]", "fate=Fate.REFUSED"),),
    ),
    Canary(
        "synchronous is NORMAL",
        (
            Edit(
                "gateway.journal.sqlite.connection:_make_durable",
                "connection.execute(pragma)",
                'connection.execute(pragma.replace("FULL", "NORMAL"))',
            ),
        ),
    ),
    Canary(
        "the amount of a confirm is not checked",
        (
            Edit("gateway.transfers.rules:decide", "amount=amount,", "amount=None,"),
            Edit(
                "gateway.transfers.ends:_require_same_amount",
                "command.amount is not None and transfer.amount not in (None, command.amount)",
                "False",
            ),
        ),
    ),
    Canary(
        "the late arrival window is ignored",
        (
            Edit(
                "gateway.transfers.rules:_after_not_found",
                "late_until = missing_at + plan.late_arrival_window",
                "late_until = missing_at",
            ),
        ),
    ),
    Canary(
        "a rollback keeps its id after the window for late arrivals",
        (
            Edit(
                "gateway.toolbox.ids:rollback_step",
                'return "rollback_after_window" if transfer.window_over else "rollback_again"',
                'return "rollback_again"',
            ),
        ),
    ),
    Canary(
        "any status of a transfer is the wanted end",
        (Edit("gateway.operators.outcome:verdict_of_status", "if status is wanted else", "if status else"),),
    ),
    Canary(
        "further reasons are dropped",
        (Edit("gateway.transfers.ends:Ends._note_once", "if progress.is_noted:", "if True:"),),
    ),
    Canary(
        "the first reason is dropped",
        (Edit("gateway.transfers.rules:decide", "reason=reason,", "reason=None,"),),
    ),
    Canary(
        "a delivery is parked after its first failure",
        (Edit("gateway.transfers.rules:_retry_or_park", "due_at is None", "True"),),
    ),
    Canary(
        "a delivery that failed is not tried again",
        (Edit("gateway.transfers.rules:_retry_or_park", "max(due_at, not_before)", "due_at + 1e6"),),
    ),
    Canary(
        "a reused id is not noticed",
        (
            Edit(
                "gateway.transfers.holds:_require_same_content",
                "transfer.fingerprint != command.fingerprint",
                "False",
            ),
        ),
    ),
    Canary(
        "what a dead gateway was sending is left as it is",
        (
            Edit(
                "gateway.transfers.delivery_loop:DeliveryLoop._deliver",
                "decided = await self._delivery_try.recover(far_side, transfer)",
                "decided = None",
            ),
        ),
    ),
    Canary(
        "what is taken over is not durable before it is sent",
        (
            Edit(
                "gateway.transfers.ends:Ends._insert",
                "inserted = await await_journal(",
                'inserted = (lambda writing, _: (__import__("asyncio").ensure_future(writing),'
                ' __import__("gateway.journal.writes", fromlist=["Inserted"]).Inserted(transfer, created=True))[1])(',
            ),
        ),
    ),
    Canary(
        "a success is told although it was not recorded",
        (
            Edit(
                "gateway.transfers.holds:Holds._settle_unrecorded",
                "outcome.verdict is not Verdict.SUCCESS or durable is None or not rules.is_held(durable)",
                "outcome.verdict is not Verdict.SUCCESS",
            ),
        ),
    ),
    Canary(
        "an outcome that was not recorded is not followed up",
        (
            Edit(
                "gateway.transfers.holds:Holds._settle_unrecorded",
                "await self._unrecorded.roll_back_unrecorded(operator, transfer, outcome)",
                "transfer",
            ),
        ),
    ),
    Canary(
        "a withdraw that went out late is not undone",
        (
            Edit("gateway.transfers.holds:Holds._overtaken", "rules.may_have_moved(outcome)", "False"),
            Edit(
                "gateway.transfers.unrecorded:UnrecordedOutcomes._roll_back_unrecorded",
                "rules.is_undone(found) and rules.may_have_moved(outcome)",
                "False",
            ),
        ),
    ),
    Canary(
        "a withdraw that was rolled back is answered as if it had not been",
        (
            Edit(
                "gateway.transfers.states:hold_action",
                "HOLD_ACTIONS[state]",
                "(HoldAction.REPLAY if transfer.hold_balance is not None else HOLD_ACTIONS[state])",
            ),
        ),
    ),
    Canary(
        "no answer to a confirm or rollback counts as a yes",
        (
            Edit(
                "gateway.transfers.rules:after_try",
                "attempt.verdict is Verdict.SUCCESS",
                "attempt.verdict in (Verdict.SUCCESS, Verdict.UNKNOWN)",
            ),
        ),
    ),
    Canary(
        "a payment is acknowledged before it is durable",
        (
            Edit(
                "gateway.transfers.payments:Payments._receive",
                "inserted = await self._context.journal(operator).insert(transfer)",
                '__import__("asyncio").ensure_future(self._context.journal(operator).insert(transfer));'
                " return PaymentOutcome.RECEIVED",
            ),
        ),
    ),
    Canary(
        "a CONFIRMED that an operator was told is taken back",
        (
            Edit(
                "gateway.transfers.final_state:_ended_at",
                "transfer.state in FINAL",
                "transfer.state in (*FINAL, State.HELD)",
            ),
            Edit(
                "gateway.transfers.final_state:_state",
                "transfer.state is State.CONFIRMED",
                "transfer.state in (State.CONFIRMED, State.HELD)",
            ),
        ),
    ),
    Canary(
        "a hold is sent although its gateway was taken for dead",
        (Edit("gateway.transfers.holds:Holds._send", " or not is_ours", ""),),
    ),
    Canary(
        "a success that could not be recorded is told while another has claimed it",
        (
            Edit(
                "gateway.transfers.holds:Holds._settle_unrecorded",
                "not rules.is_held(durable)",
                "rules.is_undone(durable)",
            ),
        ),
    ),
    Canary(
        "a success is told before the operator has acknowledged",
        (
            Edit(
                "gateway.transfers.ends:Ends._deliver",
                "after.state is states.DELIVERED[command.decision]",
                "True",
            ),
        ),
    ),
    Canary(
        "money goes through a float",
        (Edit("gateway.wire.replies:_balance", "{money.amount:f}", "{float(money.amount)}"),),
    ),
    Canary(
        "what is parked is not counted",
        (
            Edit(
                "gateway.transfers.delivery_try:DeliveryTry._count",
                "self._context.metrics.parked(operator, rules.delivery_label(change.key, change.wants))",
                "pass",
            ),
        ),
    ),
    Canary(
        "the player of another session is billed",
        (
            Edit(
                "gateway.transfers.sessions:Sessions.find",
                "kept = self._latest.get((operator.name, token))",
                "kept = next((one for (name, _), one in self._latest.items() if name == operator.name), None)",
            ),
        ),
    ),
    Canary(
        "another player's session is taken for the transfer's own player's",
        (
            Edit(
                "gateway.transfers.rules:session_owner",
                "SessionOwner.SAME if named.player_id == own.player_id else SessionOwner.OTHER",
                "SessionOwner.SAME",
            ),
        ),
    ),
    Canary(
        "an end that nobody can say whose it is goes out as it came",
        (
            Edit(
                "gateway.transfers.ends:Ends.identify_caller",
                "return named if owner is SessionOwner.SAME else None",
                "return named",
            ),
        ),
    ),
    Canary(
        "a stranger's reason is kept before the stranger is refused",
        (
            Edit(
                "gateway.transfers.ends:Ends.identify_caller",
                "if owner is SessionOwner.OTHER:\n",
                "if owner is SessionOwner.OTHER:\n"
                "        if command.reason is not None:\n"
                "            await self._note_once(operator, command, _Progress())\n",
            ),
        ),
    ),
    Canary(
        "a hold is answered with a yes because its confirm came first",
        (
            Edit(
                "gateway.transfers.states:hold_action",
                "transfer.adopted and ADOPTED_HOLD_ACTIONS.get(state)",
                "False",
            ),
        ),
    ),
    Canary(
        "an end is not acknowledged while its balance cannot be read",
        (
            Edit(
                "gateway.transfers.balances:Balances.after_step",
                "known = self.last_known(session)",
                'raise __import__("gateway.transfers.refusals", fromlist=["answers"]).pending(transfer)',
            ),
        ),
    ),
    Canary(
        "the last known balance is forgotten",
        (
            Edit(
                "gateway.transfers.balances:Balances.after_step",
                "last = (None if known is None else _in_transfers_currency(transfer, known)) or transfer.hold_balance",
                "last = None",
            ),
        ),
    ),
    Canary(
        "a balance is told in whatever currency it came",
        (
            Edit(
                "gateway.transfers.balances:Balances.after_step",
                "asked = _in_transfers_currency(transfer, asked)",
                "return asked",
            ),
        ),
    ),
    Canary(
        "a yes whose balance cannot be told is unclear",
        (Edit("gateway.operators.outcome:_usable", "return UsableAnswer(None, f", "raise Unclear(f"),),
    ),
    Canary(
        "a balance in another currency blocks an end",
        (Edit("gateway.operators.outcome:_usable_for", "if call in HOLDS:", "if True:"),),
    ),
    Canary(
        "an error of the protocol counts as silence",
        (
            Edit(
                "gateway.operators.far_side:_is_alive",
                "isinstance(failure, Declined | Unmapped)",
                "isinstance(failure, Declined)",
            ),
        ),
    ),
    Canary(
        "reads, holds and ends share one breaker",
        (
            Edit(
                "gateway.operators.bulkhead:Bulkhead.__init__",
                "{group: CircuitBreaker(breaker.failures, breaker.open_for, clock) for group in groups}",
                "dict.fromkeys(CallGroup, CircuitBreaker(breaker.failures, breaker.open_for, clock))",
            ),
        ),
    ),
    Canary(
        "what was done before counts as not done",
        (
            Edit(
                "adapters.quantum.adapter:Quantum._is_already_done",
                "self.settings.already.get(error.code) is already",
                "False",
            ),
        ),
    ),
    Canary(
        "a transfer that the operator still holds counts as ended",
        (
            Edit(
                "gateway.operators.outcome:verdict_of_status",
                "status is wanted",
                "status in {wanted, TransferStatus.HELD}",
            ),
        ),
    ),
    Canary(
        "a rollback is sent for what was never sent",
        (
            Edit(
                "gateway.transfers.rules:roll_back_failed",
                "to=State.ROLLED_BACK if outcome.unwritten else State.ROLLING_BACK",
                "to=State.ROLLING_BACK",
            ),
            Edit("gateway.transfers.rules:roll_back_failed", "due_at=None if outcome.unwritten else now", "due_at=now"),
        ),
    ),
    Canary(
        "what was written counts as never written",
        (Edit("gateway.operators.operator:Operator._attempt", "not use.written and verdict in PROVING", "True"),),
    ),
    Canary(
        "the refused rollback of a refused hold is no end",
        (
            Edit(
                "gateway.transfers.rules:_refused_twice",
                "attempt.verdict in {Verdict.DECLINED, Verdict.NOT_FOUND}",
                "False",
            ),
        ),
    ),
    Canary(
        "a refused rollback is the end of what was taken, too",
        (Edit("gateway.transfers.rules:_refused_twice", "transfer.fate is Fate.REFUSED", "True"),),
    ),
    Canary(
        "every try is made in the session that was named last",
        (
            Edit(
                "gateway.transfers.rules:_try_again",
                "session=transfer.session if spare is None else spare",
                "session=transfer.session",
            ),
            Edit(
                "gateway.transfers.rules:_try_again",
                "spare_session=None if spare is None else transfer.session",
                "spare_session=spare",
            ),
            Edit(
                "gateway.transfers.rules:add_session",
                "sorted(candidates, key=worked_at, reverse=True)",
                "candidates",
            ),
        ),
    ),
    Canary(
        "whose a session is, once looked up for a hold, is forgotten",
        (
            Edit("gateway.transfers.rules:mark_held", "session=outcome.session", "session=None"),
            Edit(
                "gateway.operators.operator:Operator._look_up_player",
                "player = await self._verify(session, WireUse())",
                "if call not in HOLDS:\n            return None\n"
                "        player = await self._verify(session, WireUse())",
            ),
        ),
    ),
    Canary(
        "whose a transfer is, is forgotten over a token that nobody knows",
        (
            Edit(
                "gateway.transfers.rules:_try_again",
                "session=transfer.session if spare is None else spare",
                "session=Session(operator=transfer.operator, token=transfer.session.token)",
            ),
        ),
    ),
    Canary(
        "a game that asks for what is parked begins its schedule anew",
        (
            Edit(
                "gateway.transfers.rules:take_up",
                "tries=transfer.tries",
                "tries=0, decided_at=now if transfer.wants else None",
            ),
        ),
    ),
    Canary(
        "a text that only informs is a cause to refuse the call",
        (
            Edit(
                "gateway.wire.requests:read",
                "content = _parse_by_member(body, _needed_fields(model), error)",
                "raise invalid_json(error) from None",
            ),
        ),
    ),
    Canary(
        "the same reason is kept each time it is given",
        (
            Edit(
                "gateway.journal.sqlite.store:SqliteStore._add_reason", "if not self._connection.changes():", "if True:"
            ),
        ),
    ),
    Canary(
        "the wall clock is believed at once",
        (Edit("gateway.clock:SteadyClock.now", "self._offset_s + self.monotonic()", "self.source.now()"),),
    ),
    Canary(
        "what is finished is forgotten by the wall clock",
        (
            Edit(
                "gateway.transfers.housekeeping:Housekeeping._prune",
                "self._earliest_now() - self._doubt_s()",
                "self._clock.source.now()",
            ),
        ),
    ),
)


@contextmanager
def alive(canary: Canary) -> Iterator[None]:
    """The gateway with this mutation in it."""
    with mutated(canary.edits):
        yield
