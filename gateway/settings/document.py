"""Reading YAML so that the place of every key and value is still known afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from gateway.settings.interpolation import InterpolationError, interpolate
from gateway.settings.problems import KeyPath, Mark

MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 40
_MERGE: Final = "tag:yaml.org,2002:merge"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML without dates: a password that looks like one stays a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - overrides the library's own
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class _TooMuch(Exception):
    """More values, or deeper ones, than any configuration has."""


class Document:
    """A YAML file: its `data`, and by place the `marks` of values, the `keys`' marks, and scalars' `texts` as written.

    `followed` are the values that came from elsewhere, with their references. `faults` are what could not be
    understood; their values are missing from `data`.
    """

    def __init__(self, text: str, environ: Mapping[str, str]) -> None:
        self.data: Any = None
        self.marks: dict[KeyPath, Mark] = {}
        self.keys: dict[KeyPath, Mark] = {}
        self.texts: dict[KeyPath, str] = {}
        self.followed: dict[str, str] = {}
        self.faults: list[tuple[Mark, KeyPath, str]] = []
        self._environ = environ
        self._nodes = 0
        self._read(text)

    def mark(self, place: KeyPath) -> Mark:
        """Where the place stands; of one that is not written, the nearest that contains it."""
        while place:
            if place in self.keys or place in self.marks:
                return self.marks.get(place) or self.keys[place]
            place = place[:-1]
        return Mark(1, 1)

    def key_mark(self, place: KeyPath) -> Mark:
        """Where the key stands under which the place is written."""
        return self.keys.get(place) or self.mark(place)

    def _read(self, text: str) -> None:
        try:
            loader = _Loader(text)
            try:
                node = loader.get_single_node()
                if node is not None:
                    self.data = self._value(loader, node, ())
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark = _mark(error.problem_mark or error.context_mark)
            self._fault(mark, (), f"is no valid YAML: {error.problem}{_brace_hint(text, mark)}")
        except yaml.YAMLError:
            self._fault(Mark(1, 1), (), "is no valid YAML: it holds characters that are not allowed")
        except (_TooMuch, RecursionError):
            self._fault(Mark(1, 1), (), "is too large or too deeply nested, or an alias contains itself")
        if self.data is None and not self.faults:
            self._fault(Mark(1, 1), (), "is empty; write at least an operator into it")

    def _fault(self, mark: Mark, place: KeyPath, text: str) -> None:
        self.faults.append((mark, place, text))

    def _value(self, loader: _Loader, node: yaml.Node, place: KeyPath) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(place) > MAX_DEPTH:
            raise _TooMuch
        self.marks[place] = _mark(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, item, (*place, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(loader, node, place)

    def _mapping(self, loader: _Loader, node: yaml.MappingNode, place: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for merged in _merged(node):
            values.update(self._mapping(loader, merged, place))
        written: dict[str, Mark] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            mark = _mark(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                self._fault(mark, place, "a key must be a plain text")
                continue
            key = key_node.value
            if key in written:
                self._fault(mark, (*place, key), f"is given twice, first in line {written[key].line}; remove one")
                continue
            written[key] = self.keys[*place, key] = mark
            values[key] = self._value(loader, value_node, (*place, key))
        return values

    def _scalar(self, loader: _Loader, node: yaml.ScalarNode, place: KeyPath) -> Any:
        self.texts[place] = node.value
        try:
            if "$" in node.value:
                return interpolate(node.value, self._environ, self.followed)
            return loader.construct_object(node)
        except InterpolationError as error:
            self._fault(_mark(node.start_mark), place, str(error))
        except yaml.MarkedYAMLError as error:
            self._fault(_mark(node.start_mark), place, f"is no valid YAML: {error.problem}")
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            self._fault(_mark(node.start_mark), place, "is no valid YAML value; put it in quotes")
        return None


def _merged(node: yaml.MappingNode) -> Iterator[yaml.MappingNode]:
    """The mappings that ``<<`` puts beneath this one, the strongest last."""
    for key, value in node.value:
        if key.tag == _MERGE:
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            yield from (item for item in reversed(merged) if isinstance(item, yaml.MappingNode))


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)


def _brace_hint(text: str, mark: Mark) -> str:
    """The commonest slip: YAML takes the brace of a reference within braces for one of its own."""
    lines = text.splitlines()
    slipped = mark.line <= len(lines) and "${" in lines[mark.line - 1]
    return '; within { } put references in quotes: "${NAME}"' if slipped else ""
