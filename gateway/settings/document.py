"""Reads YAML and remembers the line and column of every key and value (docs/decisions/062-configuration-reader.md)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping
from itertools import starmap
from typing import Any, Final

import yaml

from gateway.settings.file_modes import exposed_secret
from gateway.settings.files import MAX_FILE
from gateway.settings.interpolation import InterpolationError, file_of, interpolate
from gateway.settings.journals import KEY_BYTES
from gateway.settings.problems import KeyPath, Mark

MAX_NODES: Final = 100_000
"""Keys and values, those of aliases and merges counted wherever they are put in. The configuration of a thousand
operators has half of them."""

MAX_DEPTH: Final = 40
LONGEST_KEY: Final = 1000
LONGEST_NUMBER: Final = 100
"""In characters. Of a number with colons (`1:30`, of YAML 1.1) the work grows with the square."""

MAX_REFERRED: Final = 8 * MAX_FILE
"""Characters of all values that references put in."""

_NUMBERS: Final = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
_MERGE: Final = "tag:yaml.org,2002:merge"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML without dates: a password that looks like one stays a text. Its nodes are counted as they are read: each
    takes a kilobyte."""

    # YAML 1.1 would turn `2026-01-31` into a date: test_a_date_is_a_text.
    yaml_implicit_resolvers = {  # noqa: RUF012 - overrides the library's own
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._nodes += 1
        self._depth += 1
        if self._nodes > MAX_NODES or self._depth > MAX_DEPTH:
            raise _TooLarge(_mark(self.peek_event().start_mark))  # type: ignore[no-untyped-call] # PyYAML's
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _TooLarge(Exception):
    """More values, or deeper ones, than any configuration needs; `mark` is where in the file that was seen."""

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark


class Document:
    """A YAML file: its `data`, and by key path the `marks` of values, the marks of `keys`, and scalars as written.

    `oddities` are values from elsewhere that look like slips, as key path and text. Where `may_lack(key_path)`, a
    reference that cannot be resolved is replaced by a text that says nothing; `lacking` says why, by key path. Scalars
    as written are `texts`. `references` maps each value from elsewhere to the reference that it came from (`${NAME}`).
    `faults` are mistakes of YAML, as mark, key path and text; their values are missing from `data`.
    """

    def __init__(
        self, text: str, environ: Mapping[str, str], may_lack: Callable[[KeyPath], bool] = lambda _: False
    ) -> None:
        self.data: Any = None
        self.marks: dict[KeyPath, Mark] = {}
        self.keys: dict[KeyPath, Mark] = {}
        self.texts: dict[KeyPath, str] = {}
        self.references: dict[str, str] = {}
        self.faults: list[tuple[Mark, KeyPath, str]] = []
        self.lacking: dict[KeyPath, str] = {}
        self.oddities: list[tuple[KeyPath, str]] = []
        self._environ = environ
        self._may_lack = may_lack
        self._nodes = 0
        self._referred = 0
        self._read(text)

    def mark(self, key_path: KeyPath) -> Mark:
        """The mark of the value; where nothing is written there, that of the nearest section around it."""
        while key_path:
            if key_path in self.keys or key_path in self.marks:
                return self.marks.get(key_path) or self.keys[key_path]
            key_path = key_path[:-1]
        return Mark(1, 1)

    def key_mark(self, key_path: KeyPath) -> Mark:
        """The mark of the key itself; `mark` where there is no such key."""
        return self.keys.get(key_path) or self.mark(key_path)

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
            self._fault(mark, (), f"is not valid YAML: {error.problem}{_brace_hint(text, mark)}")
        except yaml.YAMLError:
            self._fault(Mark(1, 1), (), "is not valid YAML: it contains characters that are not allowed")
        except _TooLarge as error:
            line = Mark(error.mark.line, 1)
            self._fault(line, (), "is too large or too deeply nested, or an alias contains itself")
        if self.data is None and not self.faults:
            self._fault(Mark(1, 1), (), "is empty; write at least one operator")

    def _fault(self, mark: Mark, key_path: KeyPath, text: str) -> None:
        self.faults.append((mark, key_path, text))

    def _value(self, loader: _Loader, node: yaml.Node, key_path: KeyPath) -> Any:
        self._count(key_path)
        self.marks[key_path] = _mark(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, key_path, 0)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, item, (*key_path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(loader, node, key_path)

    def _count(self, key_path: KeyPath, merges: int = 0) -> None:
        """One value more, within so many mappings that are merged into each other. Aliases may multiply a small file to
        billions of values: they are counted where they are followed."""
        self._nodes += 1
        if self._nodes > MAX_NODES or len(key_path) + merges > MAX_DEPTH:
            raise _TooLarge(self.key_mark(key_path[:1]))

    def _mapping(self, loader: _Loader, node: yaml.MappingNode, key_path: KeyPath, merges: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for merged in _merge_sources(node):
            self._count(key_path, merges)
            values.update(self._mapping(loader, merged, key_path, merges + 1))
        first_marks: dict[str, Mark] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            mark = _mark(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                self._fault(mark, key_path, "a key must be a plain text")
                continue
            key = key_node.value
            if len(key) > LONGEST_KEY:
                self._fault(mark, key_path, f"a key has more than {LONGEST_KEY} characters; shorten it")
                continue
            if key in first_marks:
                self._fault(
                    mark, (*key_path, key), f"is given twice, first in line {first_marks[key].line}; remove one"
                )
                continue
            first_marks[key] = self.keys[*key_path, key] = mark
            values[key] = self._value(loader, value_node, (*key_path, key))
        return values

    def _scalar(self, loader: _Loader, node: yaml.ScalarNode, key_path: KeyPath) -> Any:
        self.texts[key_path] = node.value
        if node.tag in _NUMBERS and len(node.value) > LONGEST_NUMBER:
            self._fault(_mark(node.start_mark), key_path, f"is a number of more than {LONGEST_NUMBER} characters")
            return None
        try:
            if "$" in node.value:
                found: dict[str, str] = {}
                value = interpolate(node.value, self._environ, found)
                self.references |= found
                self._referred += len(value)
                if self._referred > MAX_REFERRED:
                    raise _TooLarge(_mark(node.start_mark))
                self.oddities += [(key_path, odd) for odd in starmap(_oddity, found.items()) if odd]
                files = filter(None, (file_of(reference, self._environ) for reference in found.values()))
                self.oddities += [(key_path, text) for text in map(exposed_secret, files) if text]
                return value
            return loader.construct_object(node)
        except InterpolationError as error:
            if self._may_lack(key_path):
                self.lacking[key_path] = str(error)
                return _unknown_secret()
            self._fault(_mark(node.start_mark), key_path, str(error))
        except yaml.MarkedYAMLError as error:
            self._fault(_mark(node.start_mark), key_path, f"is not valid YAML: {error.problem}")
        # PyYAML's constructors raise these for a tag and a text that do not fit, as in `!!int x`:
        # test_a_value_that_is_not_what_its_tag_says_is_told.
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            self._fault(_mark(node.start_mark), key_path, "is not valid YAML; put it in quotes")
        return None


def _oddity(value: str, reference: str) -> str | None:
    """What looks like a slip in a value from elsewhere; None if nothing does. The value is not shown."""
    if value.startswith("\ufeff"):
        return f"the value of {reference} begins with a byte order mark, which counts as part of it; save it without"
    if value != value.strip() and "-----BEGIN " not in value:  # PEM ends with a line break by rights
        end = "a line break" if value.strip(" \t") != value.strip() else "a space"
        return f"the value of {reference} begins or ends with {end}, which counts as part of it; set it without"
    return None


def _unknown_secret() -> str:
    """In place of a secret that is not there: as good as any, also where a key is wanted, and equal to none."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _merge_sources(node: yaml.MappingNode) -> Iterator[yaml.MappingNode]:
    """The mappings that ``<<`` merges into this one, in the order in which later ones override earlier ones.

    https://yaml.org/type/merge.html: of several in a list, the first one wins.
    """
    for key, value in node.value:
        if key.tag == _MERGE:
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            yield from (item for item in reversed(merged) if isinstance(item, yaml.MappingNode))


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)


def _brace_hint(text: str, mark: Mark) -> str:
    """A hint at the most common mistake: YAML takes the brace of a reference within `{ }` for one of its own."""
    lines = text.splitlines()
    has_reference = mark.line <= len(lines) and "${" in lines[mark.line - 1]
    return '; within { } put references in quotes: "${NAME}"' if has_reference else ""
