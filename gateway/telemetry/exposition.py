"""The page of metrics, written in the format that the scraper asks for, without holding the event loop.

With a thousand operators the page has hundreds of thousands of lines. It is written on the loop, since what it reads is
changed there, but in short steps between which calls go on. A thread would make the loop wait five milliseconds for the
interpreter's lock, again and again (docs/decisions/065-formats-of-metrics.md).
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from time import perf_counter
from typing import Final, NamedTuple, Protocol

from prometheus_client import Metric

from gateway.telemetry.families import readable
from gateway.telemetry.negotiation import Format, accepts_gzip, choose_format

STEP_S: Final = 0.00025
"""How long the page is written before the loop's other work has its turn."""

SHARE: Final = 0.25
"""A step is longer where other work took long: this part of its time. Else a page of a busy loop would need hundreds of
its turns' time, and Prometheus gives up after ten seconds."""

_GZIP_LEVEL: Final = 1  # 6 takes four times as long for a page that is a quarter smaller
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS  # 16: with the header of gzip


class Page(NamedTuple):
    """A page as it goes out."""

    body: bytes
    content_type: str
    is_gzip: bool


class Collecting(Protocol):
    """What a page is made of: a registry of the library's, or what adds up several."""

    def collect(self) -> Iterable[Metric]:
        """All families."""


async def _nothing() -> None:
    """What need not be gathered."""


class Exposition:
    """Writes a registry's page, one at a time; who asks for a page that is being written gets that one.

    `gather` is awaited for each page. Then `read_gauges` is called, and does a little of what must be done before the
    registry is read whenever its next item is taken. `clock` gives seconds, and tells when a step took long enough.
    """

    def __init__(
        self,
        registry: Collecting,
        read_gauges: Callable[[], Iterable[None]] = tuple,
        clock: Callable[[], float] = perf_counter,
        gather: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._registry = registry
        self._read_gauges = read_gauges
        self._clock = clock
        self._gather = gather
        self._one_at_a_time = asyncio.Lock()
        # Bounded by the number of formats, however many scrapers come.
        self._running: dict[tuple[Format, bool], asyncio.Task[Page]] = {}

    async def page(self, accept: str, accept_encoding: str) -> Page:
        """The page for a request with these two headers (empty: it has none)."""
        wanted = choose_format(accept), accepts_gzip(accept_encoding)
        task = self._running.get(wanted)
        if task is None:
            task = asyncio.create_task(self._write(*wanted))
            self._running[wanted] = task
            task.add_done_callback(lambda _: self._running.pop(wanted))
        return await asyncio.shield(task)  # a scraper that leaves must not end the page of another one

    async def _write(self, form: Format, is_gzip: bool) -> Page:  # noqa: FBT001 - never called by hand
        packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW) if is_gzip else None
        body = []
        async with self._one_at_a_time:
            await self._gather()
            for step in self._steps(form):
                body.append(packer.compress(step) if packer else step)
                await asyncio.sleep(0)
        if packer:
            body.append(packer.flush())
        return Page(b"".join(body), form.content_type, is_gzip)

    def _steps(self, form: Format) -> Iterator[bytes]:
        step: list[bytes] = []
        ends_at = self._clock() + STEP_S
        for piece in self._pieces(form):
            step.append(piece)
            if (now := self._clock()) >= ends_at:
                yield b"".join(step)
                step.clear()
                back = self._clock()
                ends_at = back + max(STEP_S, SHARE * (back - now))
        yield b"".join(step)

    def _pieces(self, form: Format) -> Iterator[bytes]:
        for _ in self._read_gauges():
            yield b""
        for metric in self._registry.collect():
            yield from form.pieces(readable(metric))
        yield form.end
