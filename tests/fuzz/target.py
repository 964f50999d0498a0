"""What is fuzzed: a parser with everything that must hold of it, whatever bytes it is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

CORPUS: Final = Path(__file__).parent / "corpus"


class Target(NamedTuple):
    """`check` raises for a finding and for nothing else. `words` are what inputs are likely to be made of."""

    name: str
    check: Callable[[bytes], None]
    words: tuple[bytes, ...]
    longest: int = 2048

    @property
    def corpus(self) -> Path:
        """Where the inputs are kept from which the search begins."""
        return CORPUS / self.name

    @property
    def seeds(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.corpus.iterdir())]
