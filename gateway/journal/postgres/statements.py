"""The statements that read the PostgreSQL journal, by name; what writes is the function in the migrations."""

from __future__ import annotations

from typing import Final

from gateway.journal.statements import load_statements

SQL: Final = load_statements(
    "gateway.journal.postgres", "reads.sql", {"is_here": "operator NOT IN (SELECT operator FROM moved_operators)"}
)
