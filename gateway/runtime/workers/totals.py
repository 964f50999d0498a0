"""What all workers, and those that are gone, have counted together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Metric

from gateway.telemetry.adding import Snapshot, add_up
from gateway.telemetry.families import readable
from gateway.telemetry.metrics import Metrics


class Totals:
    """The families of `own`, to which what the workers counted is added.

    What a worker counted stays when it ends, as of when it was last asked: no counter goes backwards. What it counted
    after that is lost with it.
    """

    def __init__(self, own: Metrics, living: Callable[[], Iterable[Snapshot]]) -> None:
        self._own = own
        self._living = living
        self._gone = Snapshot()

    def keep(self, snapshot: Snapshot) -> None:
        """The worker that counted this is gone."""
        # A new one: a page that is being written goes on with the former.
        self._gone = self._gone.plus(snapshot)

    def collect(self) -> Iterator[Metric]:
        """All families, each added up when its turn comes."""
        for metric in self._own.registry.collect():
            yield add_up(readable(metric), [self._gone, *self._living()])
