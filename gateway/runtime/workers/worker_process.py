"""A worker process as its parent sees it: started, asked, handed connections, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Final

import msgspec

from gateway.journal import interface
from gateway.runtime.errors import ConfigurationUnusable, WorkersFailed
from gateway.runtime.workers.messages import Answer, Ask, NotDone, What, WorkerHealth, frame, read_frame
from gateway.runtime.workers.sharing import give_to, left_over
from gateway.telemetry.adding import Part, Snapshot

# -P: the working folder holds data, and must not be a place from which modules are imported.
COMMAND: Final = ("-P", "-m", "gateway.runtime.workers")

_REFUSALS: Final = {
    kind.__name__: kind
    for kind in (interface.JournalUnavailable, interface.JournalMisconfigured, interface.SchemaMismatch)
}


class WorkerGone(Exception):
    """The worker has ended before it answered."""


class WorkerProcess:
    """One worker. Connections are handed to it while it `is_serving`; `health` is what it last said of itself, and
    `snapshot` what it had counted when it was last asked."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        handing: Mapping[str, tuple[socket.socket, socket.socket]],
    ) -> None:
        self.is_serving = False
        self.health = WorkerHealth()
        self.snapshot = Snapshot()
        self._process = process
        self._reader, self._writer = streams
        self._handing = handing
        self._ids = count()
        self._asked: dict[int, asyncio.Queue[Answer | None]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def launch(cls, ports: Mapping[str, int]) -> WorkerProcess:
        """A new process, which waits to be started. `ports` are those of the listeners by name."""
        ours, theirs = socket.socketpair()
        handing = {name: socket.socketpair() for name in ports}
        words = [f"{name}={pair[1].fileno()}:{ports[name]}" for name, pair in handing.items()]
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *COMMAND,
                str(theirs.fileno()),
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *(pair[1].fileno() for pair in handing.values())),
                # The service manager hears of the service from the parent alone.
                env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
            )
        for pair in handing.values():
            for each in pair:
                each.settimeout(0)
        return cls(process, await asyncio.open_unix_connection(sock=ours), handing)

    @property
    def pid(self) -> int:
        return self._process.pid

    def hand(self, listener: str, accepted: socket.socket) -> bool:
        """Gives it a connection of this listener. Whether it takes one now."""
        return give_to(self._handing[listener][0], accepted)

    async def start(self, content: bytes) -> None:
        """Has it serve with this configuration. Raises what `Runtime.start` does, or `WorkersFailed`."""
        try:
            await self._ask("start", content)
        except WorkerGone:
            status = await self._process.wait()
            raise WorkersFailed(f"a worker process {_how(status)} before it served; its log says more") from None
        self.is_serving = True

    async def take_up(self, content: bytes, within_s: float) -> None:
        """Applies a configuration. Raises `ConfigurationUnusable`, `TimeoutError` or `WorkerGone`."""
        async with asyncio.timeout(within_s):
            await self._ask("take_up", content)

    async def reopen_files(self) -> None:
        """Has it open files again. One that is gone does not need to."""
        with suppress(WorkerGone):
            await self._ask("reopen_files")

    async def look(self, within_s: float) -> None:
        """Asks for its `health`."""
        try:
            async with asyncio.timeout(within_s):
                answers = await self._ask("health")
            self.health = answers[-1].health or WorkerHealth()
        except TimeoutError:
            problem = f"no answer within {within_s:g} s"
            self.health = WorkerHealth([problem], [problem])
        except WorkerGone:
            self.health = WorkerHealth([], ["it has ended"])
        except WorkersFailed as error:
            self.health = WorkerHealth([], [str(error)])

    async def count(self, within_s: float) -> None:
        """Asks what it has counted. If it does not answer, that stays what it was, without gauges."""
        try:
            async with asyncio.timeout(within_s):
                self._note(await self._ask("parts"))
        except (TimeoutError, WorkerGone):
            self.snapshot.forget_gauges()

    async def stop(self, within_s: float) -> int:
        """Has it finish what runs, and returns its exit status. It is killed if that takes longer."""
        self.is_serving = False
        try:
            async with asyncio.timeout(within_s):
                with suppress(WorkerGone):
                    self._note(await self._ask("stop"))
                return await self._process.wait()
        except TimeoutError:
            self.kill()
            return await self._process.wait()

    def kill(self) -> None:
        """Ends it at once."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)

    async def ended(self) -> str:
        """Returns once it has ended, with how it did."""
        status = await self._process.wait()
        self.is_serving = False
        await self._reading  # what it has said before is taken
        return _how(status)

    def close(self) -> Iterator[tuple[str, socket.socket]]:
        """Lets go of a worker that has ended. Yields the connections that it has not taken, by listener."""
        self._writer.close()
        for listener, (ours, theirs) in self._handing.items():
            ours.close()
            for accepted in left_over(theirs):
                yield listener, accepted
            theirs.close()

    def _note(self, answers: list[Answer]) -> None:
        parts: list[Part] = [part for answer in answers for part in answer.parts]
        self.snapshot = Snapshot(parts)

    async def _ask(self, what: What, content: bytes = b"") -> list[Answer]:
        """All parts of its answer. Raises `WorkerGone`, and what it was refused with."""
        id, answered = next(self._ids), asyncio.Queue[Answer | None]()
        self._asked[id] = answered
        try:
            if self._reading.done():
                raise WorkerGone
            self._writer.write(frame(Ask(id, what, content)))
            answers: list[Answer] = []
            while not answers or not answers[-1].is_last:
                answer = await answered.get()
                if answer is None:
                    raise WorkerGone
                answers.append(answer)
        finally:
            del self._asked[id]
        if (refusal := answers[-1].refusal) is not None:
            raise _error(refusal)
        return answers

    async def _read(self) -> None:
        decoder = msgspec.msgpack.Decoder(Answer)
        try:
            while (content := await read_frame(self._reader)) is not None:
                answer = decoder.decode(content)
                if answer.id in self._asked:  # else nobody waits any more
                    self._asked[answer.id].put_nowait(answer)
        except BaseException:
            self.kill()  # one that cannot be understood cannot be stopped in another way
            raise
        finally:
            for waiting in self._asked.values():
                waiting.put_nowait(None)


def _error(refusal: NotDone) -> Exception:
    if refusal.kind == ConfigurationUnusable.__name__:
        return ConfigurationUnusable(refusal.problems)
    return _REFUSALS.get(refusal.kind, WorkersFailed)("\n".join(refusal.problems))


def _how(status: int) -> str:
    return f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"
