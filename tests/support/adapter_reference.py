"""`docs/adapters/reference.md`, made from the code: every name that the author of an adapter may use.

``python -m tests.support.adapter_reference`` writes the page.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable
from enum import StrEnum
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import fields

from gateway.operators.outcome import Outcome
from gateway.records import Fate, Session, State, Transfer, Verdict
from gateway.sandbox import faults
from gateway.settings import DeliverySettings
from gateway.transfers import rules
from tests.support.transfers import a_reason, a_transfer, an_attempt

PAGE: Final = Path(__file__).parents[2] / "docs" / "adapters" / "reference.md"
PUBLIC: Final = (
    "gateway.operators",
    "gateway.toolbox",
    "gateway.money",
    "gateway.sandbox.simulated",
    "gateway.sandbox.ledger",
    "gateway.testing.conformance",
)

INTRODUCTION: Final = """\
# Reference for authors of adapters

Made from the code by `python -m tests.support.adapter_reference`. Begin with [adapters.md](../adapters.md).

"""

SAME: Final = "yes"
"""The same on every try of the transfer, whichever process makes it: a request may depend on it."""

TRANSFER: Final = {
    "operator": (
        SAME,
        "The operator's name in the configuration. Derived ids change when it is renamed.",
    ),
    "direction": (SAME, "`withdraw` or `deposit`. Both may have the same `id`."),
    "id": (SAME, "The game's `mmTransactionId`: any text of up to 255 characters."),
    "state": (SAME, "How far it is: `sending` at a hold, `confirming` or `rolling_back` at an end."),
    "amount": (SAME, "What is held, exact. None at the rollback of a hold that this gateway never saw."),
    "description": (SAME, "The game's text for the player. Empty where the hold was never seen here."),
    "session": (
        "no",
        "The session of this try. Tries may alternate between two of the player's.",
    ),
    "fingerprint": (SAME, "Not for adapters: tells copies of a hold from other holds of the same id."),
    "adopted": (SAME, "Whether the gateway never saw the hold, and was first told of its end."),
    "fate": ("no", "What is known of the hold at the operator: `unknown`, `taken`, `refused`."),
    "wants": ("no", "How a parked transfer is to end."),
    "tries": ("no", "How many tries of the end were made."),
    "missing_at": ("no", "When the operator first said that it never heard of the hold (`rollback_step`)."),
    "revision": ("no", "Not for adapters: grows with every change of the row."),
    "owner": ("no", "Not for adapters: the instance that acts at present."),
    "due_at": ("no", "Not for adapters: when somebody must act next (Unix seconds)."),
    "opened_at": (SAME, "When the gateway first heard of it (Unix seconds)."),
    "decided_at": ("no", "When its end was decided (Unix seconds); later after a `retry` by a person."),
    "changed_at": ("no", "When its row was last written (Unix seconds)."),
    "hold_balance": (SAME, "The balance that the operator gave with the hold; None if it gave none."),
    "end_balance": (SAME, "The same with its end: None while it has not ended."),
    "rollback_reason": (SAME, "The first reason to roll it back, None for a confirm."),
    "spare_session": ("no", "Not for adapters: the other session that may still work."),
    "memory": (SAME, "What the hold's receipt gave (`Receipt.memory`). Empty where the answer to the hold was lost."),
    "first_ended_at": ("no", "Not for adapters: when it had first ended, if it was opened again since (Unix seconds)."),
    "window_over": ("no", "Whether the window for late arrivals is over since `missing_at` (`rollback_step`)."),
}

SESSION: Final = {
    "operator": (SAME, "As above."),
    "token": ("no", "The session's token, as the game gave it. A secret."),
    "player_id": ("no", "The player, empty where the session was never verified here (see `needs_player`)."),
    "memory": (
        "no",
        "What `Player.memory` gave; empty where the session was never verified. May hold secrets.",
    ),
    "verified_at": ("no", "Not for adapters: when the operator last verified it (Unix seconds)."),
}

NOW: Final = 1000.0
PLAN: Final = DeliverySettings(jitter=0)

OUTCOMES: Final[dict[str, dict[str, Any]]] = {
    "returns `Receipt`": {"verdict": Verdict.SUCCESS},
    "raises `Declined(kind, …)`": {"verdict": Verdict.DECLINED},
    "raises `Declined(NOT_FOUND, …)`": {"verdict": Verdict.NOT_FOUND},
    "raises `Unclear`, `Unmapped`, or anything else": {"verdict": Verdict.UNKNOWN},
    "raises `RetryLater(…, after_s=90)`": {"verdict": Verdict.UNKNOWN, "retry_after_s": 90.0},
    "raises `ParkNow`": {"verdict": Verdict.UNKNOWN, "park": True},
    "raises before anything was written (`Unsent`, `Declined`)": {"verdict": Verdict.UNSENT, "unwritten": True},
}


def reference() -> str:
    """The whole page."""
    parts = [INTRODUCTION, _outcomes(), _record("Transfer", Transfer, TRANSFER), _record("Session", Session, SESSION)]
    return "".join([*parts, _faults(), *(_module(name) for name in PUBLIC)])


def undocumented() -> list[str]:
    """The public names that nothing is said about."""
    return [f"{name}.{public}" for name in PUBLIC for public, said in _names(name).items() if not said]


def _outcomes() -> str:
    rows = "".join(
        f"| {said} | {_after_hold(Outcome(at=NOW, took_s=0.0, **given))} "
        f"| {_after_end(State.CONFIRMING, given)} | {_after_end(State.ROLLING_BACK, given)} |\n"
        for said, given in OUTCOMES.items()
    )
    return (
        "## What each outcome leads to\n\n"
        "What the method does, and what becomes of the transfer. An end that is sent again is sent on the schedule of\n"
        "`delivery.schedule` until `delivery.until` is over, then parked.\n\n"
        f"| the method | a hold | a confirm | a rollback |\n|---|---|---|---|\n{rows}\n"
    )


def _after_hold(outcome: Outcome) -> str:
    attempt, transfer = an_attempt(outcome.verdict), a_transfer(State.SENDING)
    if outcome.verdict is Verdict.SUCCESS:
        return f"`{rules.mark_held(transfer, outcome, attempt, NOW).to}`"
    change = rules.roll_back_failed(transfer, outcome, attempt, a_reason(), NOW)
    if change.due_at is None:
        return f"`{change.to}`: nothing was sent, so that nothing is undone"
    wait_s = change.due_at - NOW
    return f"`{change.to}`: its rollback is sent {f'after {wait_s:.0f} s' if wait_s else 'at once'}"


def _after_end(state: State, given: dict[str, Any]) -> str:
    transfer = a_transfer(state, fate=Fate.UNKNOWN, decided_at=NOW)
    outcome = Outcome(at=NOW, took_s=0.0, **given)
    change = rules.after_try(transfer, an_attempt(outcome.verdict, NOW), outcome, PLAN, NOW, 0.5)
    if change.due_at is None:
        return f"`{change.to}`"
    if change.missing_at is not None:
        return "sent again after `delivery.late_arrival_window`; the same answer then ends it as `rolled_back`"
    return f"sent again after {change.due_at - NOW:.0f} s"


def _record(name: str, record: type[Transfer | Session], said: dict[str, tuple[str, str]]) -> str:
    assert [field.name for field in fields(record)] == list(said)
    rows = "".join(f"| `{field}` | {same} | {text} |\n" for field, (same, text) in said.items())
    return f"## `{name}`\n\n| field | same on every try | what it is |\n|---|---|---|\n{rows}\n"


def _faults() -> str:
    source = inspect.getsource(faults.Fault)
    rows = "".join(
        f"| `{value}` | {text} |\n" for value, text in re.findall(r'= "(\w+)"  # (.*)$', source, re.MULTILINE)
    )
    return (
        "## Faults of a simulated operator\n\n"
        "Switched on while `mm-gateway sandbox` runs, with `PUT /_sandbox/faults` and a body such as\n"
        '`[{"fault": "hang_after", "calls": ["withdraw"], "times": 1}]`.\n'
        "In a test: `bench.go_wrong(Fault.HANG_AFTER)`.\n\n"
        f"| fault | what happens |\n|---|---|\n{rows}\n"
    )


def _module(name: str) -> str:
    module = import_module(name)
    return f"## `{name}`\n\n" + "".join(_entry(module, public) for public in _public(module))


def _entry(module: ModuleType, public: str) -> str:
    """What is said of one name: how it is written, its docstring, its members."""
    value = getattr(module, public)
    if inspect.isclass(value):
        return f"### `{public}`\n\n{_said(module, public)}\n\n{_members(value)}"
    if inspect.isfunction(value):
        return f"### `{public}{_signature(value)}`\n\n{_said(module, public)}\n\n"
    shown = f" = {value}`" if isinstance(value, int | str) else "`"
    return f"### `{public}{shown}\n\n{_said(module, public)}\n\n"


def _members(kind: type) -> str:
    if issubclass(kind, StrEnum):
        return _enum_members(kind)
    rows = [f"- `{field.name}: {_type(field.type)}`\n" for field in _fields(kind)]
    rows += [f"- `{name}{_default(kind, name)}` {text}\n" for name, text in _attributes(kind).items() if text]
    rows += [
        f"- `{name}{_signature(method)}` {_one_line(inspect.getdoc(method))}".rstrip() + "\n"
        for name, method in _methods(kind).items()
    ]
    return "".join(rows) + "\n" if rows else ""


def _enum_members(kind: type[StrEnum]) -> str:
    """The members in a list with what is said of each, behind it or below; in one line where nothing is said."""
    behind = dict(re.findall(r'^ +(\w+) = "\w*"  # (.*)$', inspect.getsource(kind), re.MULTILINE))
    said = {**behind, **{name: text for name, text in _attributes(kind).items() if text}}
    if not said:
        return ", ".join(f"`{member.name}`" for member in kind) + "\n\n"
    return "".join(f"- `{member.name}` {said.get(member.name, '')}".rstrip() + "\n" for member in kind) + "\n"


def _methods(kind: type) -> dict[str, Any]:
    """The class's own public methods, class methods too."""
    own = {name: getattr(kind, name) for name in vars(kind) if not name.startswith("_")}
    return {name: method for name, method in own.items() if inspect.isfunction(method) or inspect.ismethod(method)}


def _default(kind: type, name: str) -> str:
    """The value that a class attribute has unless it is set, where that can be shown."""
    value = vars(kind).get(name)
    if isinstance(value, StrEnum):
        return f" = {type(value).__name__}.{value.name}"
    return f" = {value!r}" if isinstance(value, str | bool | int | tuple | dict) else ""


def _attributes(kind: type) -> dict[str, str]:
    """The class's own attributes that have a text below them."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    return _documented(node for node in definition.body if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _fields(kind: type) -> tuple[Any, ...]:
    return fields(kind) if issubclass(kind, Struct) else ()


def _type(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", text)


def _signature(function: Any) -> str:
    """How it is called, types by their plain names."""
    return (
        re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])|'", "", str(inspect.signature(function)))
        .replace("(self, ", "(")
        .replace("(self)", "()")
    )


def _names(name: str) -> dict[str, str]:
    module = import_module(name)
    return {public: _said(module, public) for public in _public(module)}


def _public(module: ModuleType) -> list[str]:
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return list(listed)
    return [node for node in _documented_in(module) if not node.startswith("_")]


def _said(module: ModuleType, public: str) -> str:
    value = getattr(module, public)
    defined = inspect.isclass(value) or inspect.isfunction(value)
    return (inspect.getdoc(value) if defined else _said_of_constant(module, public)) or ""


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _said_of_constant(module: ModuleType, public: str) -> str:
    """What stands below the constant, in the module that defines it."""
    for home in (module, *(value for value in _imported(module, public))):
        said = _documented_in(home).get(public)
        if said:
            return said
    return ""


def _imported(module: ModuleType, public: str) -> list[ModuleType]:
    tree = ast.parse(inspect.getsource(module))
    return [
        import_module(node.module)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and any(alias.name == public for alias in node.names)
    ]


def _documented_in(module: ModuleType) -> dict[str, str]:
    """What a module defines, in its order, with the text that stands in or below each."""
    return _documented(ast.parse(inspect.getsource(module)).body)


def _documented(nodes: Iterable[ast.stmt]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node, following in pairwise([*nodes, None]):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = ast.get_docstring(node) or ""
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                found[target.id] = _text_of(following)
    return found


def _text_of(node: ast.stmt | None) -> str:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return " ".join(str(node.value.value).split()) if is_text else ""  # type: ignore[union-attr]  # checked just now


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(reference(), encoding="utf-8")
