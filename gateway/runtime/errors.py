"""Why a configuration without mistakes still cannot be used."""

from __future__ import annotations

from collections.abc import Iterable


class ConfigurationUnusable(Exception):
    """The configuration was refused, and nothing has changed.

    Each of `problems` says where, what is wrong and what to do; none holds a secret.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
