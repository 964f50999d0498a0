"""Changes some lines of the code that is tested, in this process only, to see whether the tests see it.

A line that is no longer there means that the code has changed: then its mutation has to be thought through again.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, reduce
from importlib import import_module
from itertools import groupby
from types import CodeType, FunctionType
from typing import Any

import msgspec


class Edit(msgspec.Struct, frozen=True):
    """`where` is ``module:function``, ``module:Class.method``, or the name of a constant of a module or a class, of
    which the assigned value is edited. `old` stands there once and becomes `new`."""

    where: str
    old: str
    new: str


@contextmanager
def mutated(edits: Iterable[Edit]) -> Iterator[None]:
    """The code with these edits in it until the block ends.

    A constant that is not a dictionary is changed under its own name alone, not where it has been imported.
    """
    with ExitStack() as stack:
        for where, of_one in groupby(sorted(edits, key=_where), key=_where):
            stack.callback(_mutate(where, list(of_one)))
        yield


def _where(edit: Edit) -> str:
    return edit.where


def _mutate(where: str, edits: list[Edit]) -> Callable[[], None]:
    """Makes these edits; what is returned undoes them."""
    module, _, path = where.partition(":")
    *owners, name = path.split(".")
    owner: Any = reduce(getattr, owners, import_module(module))
    found = getattr(owner, name)
    if isinstance(found, FunctionType):
        healthy = found.__code__
        found.__code__ = _code_of(found, edits)
        return partial(setattr, found, "__code__", healthy)
    value = _value_of(module, path, edits)
    if isinstance(found, dict):
        members = dict(found)
        _replace_members(found, value)
        return partial(_replace_members, found, members)
    setattr(owner, name, value)
    return partial(setattr, owner, name, found)


def _replace_members(of: dict[Any, Any], members: dict[Any, Any]) -> None:
    """In place: other modules have imported the same dictionary."""
    of.clear()
    of.update(members)


def _edited(source: str, edits: list[Edit]) -> str:
    for edit in edits:
        if source.count(edit.old) != 1:
            raise AssertionError(f"{edit.where} no longer has, once: {edit.old}")
        source = source.replace(edit.old, edit.new)
    return source


def _code_of(function: FunctionType, edits: list[Edit]) -> CodeType:
    """The code of the function's own source with these edits made."""
    source = _edited(textwrap.dedent(inspect.getsource(function)), edits)
    if "__class__" in function.__code__.co_freevars:  # it calls super(), which only a method can
        source = f"class _Owner:\n{textwrap.indent(source, '    ')}"
    compiled: dict[str, Any] = {}
    exec(_compile(source, edits, "exec"), function.__globals__, compiled)
    mutant = vars(compiled["_Owner"])[function.__name__] if "_Owner" in compiled else compiled[function.__name__]
    code: CodeType = mutant.__code__
    return code


def _value_of(module: str, path: str, edits: list[Edit]) -> Any:
    """The value that is assigned to this name, with these edits made."""
    of = import_module(module)
    source = inspect.getsource(of)
    *owners, name = path.split(".")
    body = ast.parse(source).body
    for owner in owners:
        body = next(each.body for each in body if isinstance(each, ast.ClassDef) and each.name == owner)
    value = next(filter(None, (_assigned(statement, name) for statement in body)))
    text = ast.get_source_segment(source, value)
    assert text is not None
    return eval(_compile(_edited(text, edits), edits, "eval"), vars(of))


def _assigned(statement: ast.stmt, name: str) -> ast.expr | None:
    """What this statement assigns to the name."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
            return value
        case ast.AnnAssign(target=ast.Name(id=found), value=value) if found == name:
            return value
    return None


def _compile(source: str, edits: list[Edit], mode: str) -> CodeType:
    text = f"from __future__ import annotations\n{source}" if mode == "exec" else f"({source})"
    code: CodeType = compile(text, edits[0].where, mode)
    return code
