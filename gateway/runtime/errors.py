"""Why a configuration that is well written cannot be put in force."""

from __future__ import annotations

from collections.abc import Iterable


class ConfigurationUnusable(Exception):
    """Nothing was changed. `problems` say each what is wrong and what to do; they hold no secrets."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
