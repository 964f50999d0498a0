"""From what is written to a journal to the audit stream's lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gateway.journal.writes import Change, Changed, Insert, Inserted
from gateway.reasons import Source
from gateway.records import Decision, Reason, Session, State, Transfer
from gateway.telemetry.audit import AuditLine, AuditStream, time_text
from gateway.telemetry.call_context import CallContext

_DECIDED: Final = {
    State.CONFIRMING: Decision.CONFIRM,
    State.CONFIRMED: Decision.CONFIRM,
    State.ROLLING_BACK: Decision.ROLLBACK,
    State.ROLLED_BACK: Decision.ROLLBACK,
}
"""How a transfer in that state ends; a parked one keeps it beside its state."""


def audit(stream: AuditStream, write: Any, answer: Any, call: CallContext | None) -> None:
    """Writes the line of one durable write, if it is about a transfer and has changed something that is audited.
    `call` is the game's call on whose behalf it was written."""
    match write, answer:
        case Insert(), Inserted(created=True):
            stream.write(_line(stream, answer.transfer, None, write.reason, None, call))
        case Change(), Changed(moved=True, transfer=Transfer() as row):
            # A try that leaves the transfer where it was is none: the journal keeps tries. What a person did always is.
            if _is_by_person(write.reason) or write.allowed != (write.to,):
                stream.write(_line(stream, row, _found_state(write), write.reason, write, call))
        case _:
            pass


def _is_by_person(reason: Reason | None) -> bool:
    return reason is not None and reason.source is Source.PERSON


def _found_state(change: Change) -> str:
    return change.found.state if change.found is not None else " or ".join(change.allowed)


def _line(
    stream: AuditStream,
    transfer: Transfer,
    found_state: str | None,
    reason: Reason | None,
    change: Change | None,
    call: CallContext | None,
) -> AuditLine:
    attempt = None if change is None else change.attempt
    said = "" if attempt is None else attempt.detail
    return AuditLine(
        timestamp=time_text(transfer.changed_at),
        operator=transfer.operator,
        direction=transfer.direction,
        id=transfer.id,
        player=transfer.session.logged_player,
        amount="" if transfer.amount is None else str(transfer.amount),
        from_state=found_state,
        to_state=transfer.state,
        wants=transfer.wants or _DECIDED.get(transfer.state) or "",
        by=_who_did(reason, call),
        who="" if reason is None else reason.who,
        why=stream.hide(said if reason is None else reason.text, _secrets_of(transfer)),
        call="" if attempt is None else attempt.call,
        verdict="" if attempt is None else attempt.verdict,
        request_id="" if call is None else call.request_id,
        instance=stream.instance,
    )


def _who_did(reason: Reason | None, call: CallContext | None) -> Source:
    if reason is not None:
        return reason.source
    return Source.GAME if call is not None and call.request_id else Source.GATEWAY


def _secrets_of(transfer: Transfer) -> Iterator[str]:
    """What a text about the transfer must not show: its sessions' tokens, and what adapters keep with them."""
    sessions: tuple[Session | None, ...] = (transfer.session, transfer.spare_session)
    for session in sessions:
        if session is not None:
            yield session.token
            yield from session.memory.values()
