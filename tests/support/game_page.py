"""The tables of messages in `docs/game-integration.md`, made from the models that read and write them.

``python -m tests.support.game_page`` writes them into the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.wire.openapi import document, operators_document
from tests.support.operator_pages import filled

PAGE: Final = Path(__file__).parents[2] / "docs" / "game-integration.md"

MESSAGES: Final = {
    "wallet": (
        "SessionRequest",
        "PlayerReply",
        "HoldRequest",
        "ConfirmRequest",
        "RollbackRequest",
        "TransferReply",
        "Amount",
        "Balance",
        "ErrorReply",
    ),
    "operators": ("QueryRequest", "FinalStateReply", "LaunchRequest", "LaunchReply"),
}
"""By the listener at which they are sent and answered, in the order in which they are read."""

_SCHEMAS: Final = {"wallet": document, "operators": operators_document}


def messages(listener: str) -> str:
    """One table for each message of this listener."""
    schemas = _SCHEMAS[listener]()["components"]["schemas"]
    return "\n".join(_table(name, schemas[name]) for name in MESSAGES[listener])


def page() -> str:
    """The page as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    for listener in MESSAGES:
        text = filled(text, f"{listener} messages", messages(listener))
    return text


def _table(name: str, schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", ())
    rows = "".join(_row(field, about, needed=field in needed) for field, about in schema["properties"].items())
    return f"### {name}\n\n{schema['description']}\n\n| field | type | needed | what it is |\n|---|---|---|---|\n{rows}"


def _row(field: str, about: Mapping[str, Any], *, needed: bool) -> str:
    what = " ".join((about.get("description", ""), *_examples(about))).strip()
    return f"| `{field}` | {_type(about)} | {'yes' if needed else 'no'} | {what} |\n"


def _type(about: Mapping[str, Any]) -> str:
    if "$ref" in about:
        return str(about["$ref"]).rpartition("/")[2]
    if "anyOf" in about:
        return " or ".join(_type(each) for each in about["anyOf"])
    return str(about.get("type", "any"))


def _examples(about: Mapping[str, Any]) -> Iterator[str]:
    if examples := about.get("examples"):
        yield f"For example `{examples[0]}`."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
