"""What is fuzzed: a parser with everything that must hold of it, whatever bytes it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

PIECE: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[0-9.]+|[A-Za-z_-]+|.', re.DOTALL)
"""A text with its quotes, a number, a word, or a sign."""

CORPUS: Final = Path(__file__).parent / "corpus"


class Target(NamedTuple):
    """`check` raises for a finding and for nothing else. `words` are what inputs are likely to be made of."""

    name: str
    check: Callable[[bytes], None]
    words: tuple[bytes, ...]
    longest: int = 2048
    is_slow: bool = False

    @property
    def corpus(self) -> Path:
        """Where the inputs are kept from which the search begins."""
        return CORPUS / self.name

    @property
    def seeds(self) -> tuple[bytes, ...]:
        return _seeds(self.corpus)

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """What the inputs of the corpus are made of, and the words."""
        return _pieces(self)


def edited(seed: bytes, edits: Iterable[tuple[int, bytes, int]]) -> bytes:
    """The input with some of its pieces changed: at a place, counted round and round, a piece instead of so many."""
    pieces = PIECE.findall(seed)
    for place, piece, width in edits:
        at = place % (len(pieces) + 1)
        pieces[at : at + width] = [piece]
    return b"".join(pieces)


@cache
def _seeds(corpus: Path) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(corpus.iterdir()))


@cache
def _pieces(target: Target) -> tuple[bytes, ...]:
    found = {piece for text in (*target.words, *target.seeds) for piece in PIECE.findall(text)}
    return tuple(sorted({*target.words, *found}))
