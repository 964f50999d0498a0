"""Why a gateway could not start, or was not changed, although the configuration has no mistakes."""

from __future__ import annotations

from collections.abc import Iterable


class WorkersFailed(Exception):
    """The workers could not start, for a reason that is neither the configuration nor the journal."""


class ConfigurationUnusable(Exception):
    """The configuration was refused, and nothing has changed.

    Each of `problems` says where, what is wrong and what to do; none holds a secret.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
