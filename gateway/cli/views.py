"""Transfers, attempts and reasons as rows to print: times in UTC, money exact, and never a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from gateway.cli.all_journals import Kept
from gateway.cli.times import time_text
from gateway.records import Attempt, KeyedReason, Reason, State, Timeline, Transfer
from gateway.settings import Settings

View = dict[str, Any]
T = TypeVar("T")


def kept_view(kept: Kept[T], view: Callable[[T], View]) -> View:
    """The record's view, and the journal that keeps it."""
    return {**view(kept.record), "journal": kept.journal}


def told_columns(columns: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    """These columns; `journal` only where there is more than one."""
    return columns if len(settings.every_journal) > 1 else tuple(name for name in columns if name != "journal")


def state_text(transfer: Transfer) -> str:
    """The state; for a parked transfer also the end that is undelivered."""
    return f"parked ({transfer.wants} undelivered)" if transfer.state is State.PARKED else transfer.state.value


def transfer_view(transfer: Transfer) -> View:
    """Everything about a transfer but its session's secrets. Amounts are texts, because many JSON readers round numbers
    (RFC 8259, section 6)."""
    return {
        "operator": transfer.operator,
        "direction": transfer.direction,
        "id": transfer.id,
        "state": transfer.state,
        "wants": transfer.wants,
        "amount": _text_or_none(transfer.amount),
        "player": transfer.session.player_id,
        "description": transfer.description,
        "fate": transfer.fate,
        "adopted": transfer.adopted,
        "tries": transfer.tries,
        "opened_at": time_text(transfer.opened_at),
        "decided_at": time_text(transfer.decided_at) or None,
        "changed_at": time_text(transfer.changed_at),
        "due_at": time_text(transfer.due_at) or None,
        "balance_after_hold": _text_or_none(transfer.hold_balance),
        "balance_after_end": _text_or_none(transfer.end_balance),
        "memory": dict(transfer.memory),
    }


def attempt_view(attempt: Attempt) -> View:
    """One try at the operator."""
    return {
        "at": time_text(attempt.at),
        "call": attempt.call,
        "verdict": attempt.verdict,
        "kind": attempt.kind or None,
        "took_s": round(attempt.took_s, 6),
        "player": attempt.player or None,
        "session": attempt.session or None,
        "detail": attempt.detail,
        "instance": attempt.instance,
    }


def reason_view(reason: Reason) -> View:
    """A reason with all its members."""
    return {
        "at": time_text(reason.at),
        "source": reason.source,
        "category": reason.category,
        "who": reason.who or None,
        "times": reason.times,
        "last_at": time_text(reason.last_at) or None,
        "text": reason.text,
    }


def keyed_reason_view(keyed: KeyedReason) -> View:
    """A reason with all its members, and the key of its transfer."""
    operator, direction, id_ = keyed.key
    return {"operator": operator, "direction": direction, "id": id_, **reason_view(keyed.reason)}


def timeline_view(timeline: Timeline) -> View:
    """A transfer with its attempts and reasons."""
    return {
        "transfer": transfer_view(timeline.transfer),
        "attempts": [attempt_view(attempt) for attempt in timeline.attempts],
        "reasons": [reason_view(reason) for reason in timeline.reasons],
    }


def events(timeline: Timeline) -> list[View]:
    """What happened to a transfer, in the order in which it happened."""
    transfer = timeline.transfer
    entries = [(transfer.opened_at, "taken over" if transfer.adopted else "opened", transfer.description)]
    entries += [
        (attempt.at, f"{attempt.call}: {attempt.verdict}", _attempt_detail(attempt)) for attempt in timeline.attempts
    ]
    entries += [
        (reason.at, f"reason of {reason.who or f'the {reason.source}'}", _reason_text(reason))
        for reason in timeline.reasons
    ]
    entries.sort(key=lambda event: event[0])
    return [{"at": time_text(at), "what": what, "detail": detail} for at, what, detail in entries]


def repeats(reason: Reason) -> str:
    """How often a reason was given, and when last; empty for one that was given once."""
    return f"×{reason.times}, last {time_text(reason.last_at)}" if reason.times > 1 else ""


def _attempt_detail(attempt: Attempt) -> str:
    parts = (f"{attempt.took_s * 1000:.1f} ms", _session_text(attempt), attempt.detail)
    return ", ".join(part for part in parts if part)


def _session_text(attempt: Attempt) -> str:
    """The session that a try named; empty if that was not recorded."""
    if not attempt.player and not attempt.session:
        return ""
    session = f"session of {attempt.player or 'a player not known here'}"
    return f"{session} ({attempt.session})" if attempt.session else session


def _reason_text(reason: Reason) -> str:
    repeated = repeats(reason)
    text = f"[{reason.category}] {reason.text}"
    return f"{text} ({repeated})" if repeated else text


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)
