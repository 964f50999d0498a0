"""The statements of the SQLite journal by name. apsw prepares each text once and keeps it in the connection's cache."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.journal.rows import ATTEMPT_COLUMNS, REASON_COLUMNS, TRANSFER_COLUMNS
from gateway.journal.statements import load_statements, parameters
from gateway.reasons import FIRST_KEPT, LAST_KEPT, LEFT_OUT, OTHER
from gateway.records import CLAIMABLE, FINAL, Direction, Recipient, State

UNFINISHED: Final = tuple(state for state in State if state not in FINAL)


def _quote(states: Iterable[State]) -> str:
    return ", ".join(f"'{state}'" for state in states)


# The memory '{}' is a given one that is empty.
_CHANGED: Final = f"""
    state = ?, changed_at = ?, due_at = ?, owner = ?, tries = ?, wants = ?, revision = ?, decided_at = ?, fate = ?,
    missing_at = ?, hold_balance = ?, hold_currency = ?, end_balance = ?, end_currency = ?, rollback_reason = ?,
    memory = nullif(coalesce(?, memory), '{{}}'),
    first_ended_at = coalesce(first_ended_at, CASE WHEN state IN ({_quote(FINAL)}) THEN changed_at END)"""

# SQLite uses a partial index only where the statement repeats the index's condition (sqlite.org/partialindex.html,
# section 3): so "unfinished" is written exactly as in the migration, as NOT IN the final states
# (tests/integration/journal/sqlite/test_plans.py).
SQL: Final = load_statements(
    "gateway.journal.sqlite",
    "statements.sql",
    {
        "transfer_parameters": parameters(TRANSFER_COLUMNS),
        "attempt_parameters": parameters(ATTEMPT_COLUMNS),
        "reason_parameters": parameters(REASON_COLUMNS),
        "by_key": "id = ? AND operator = ? AND direction = ?",
        "changed": _CHANGED.strip(),
        "first_kept": str(FIRST_KEPT),
        "last_kept": str(LAST_KEPT),
        "left_out": LEFT_OUT,
        "other": OTHER,
        "is_here": "operator NOT IN (SELECT operator FROM moved_operators)",
        "is_claimable": f"state IN ({_quote(CLAIMABLE)})",
        "is_final": f"state IN ({_quote(FINAL)})",
        "is_unfinished": f"state NOT IN ({_quote(FINAL)})",
        "is_for": f"iif(direction = '{Direction.PAYMENT}', '{Recipient.GAME}', '{Recipient.OPERATOR}') =",
    },
)
