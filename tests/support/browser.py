"""A real browser without a screen: Chromium's headless shell, driven over its DevTools protocol.

Each `Tab` has a WebSocket of its own, and is asked one thing at a time: what the browser tells meanwhile is kept.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from tests.support.programs import program
from tests.support.waiting import LONGEST_S, until

PROGRAM: Final = "chromium-headless-shell"
ARGUMENTS: Final = (
    "--headless",
    "--remote-debugging-port=0",
    "--no-sandbox",  # it needs rights that a container seldom gives; the pages are our own
    "--disable-dev-shm-usage",  # a container's /dev/shm may be too small
    "--disable-gpu",
    "--no-proxy-server",
    "--no-first-run",
    "--disable-background-networking",  # its maker's servers are not asked for anything
    "--disable-component-update",
    "--disable-sync",
)


class Refused(Exception):
    """A command that the browser could not carry out, or a script that raised."""


class Browser:
    """One that runs; `folder` holds its profile and what it printed."""

    def __init__(self, folder: Path, http: aiohttp.ClientSession) -> None:
        self._folder = folder
        self._http = http
        self._address = ""

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Tab]:
        """A new one, on an empty page."""
        async with self._http.put(f"{self._address}/json/new") as response:
            target = await response.json(content_type=None)
        async with self._http.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            tab = Tab(socket)
            for domain in ("Page", "Runtime", "Log"):
                await tab.command(f"{domain}.enable")
            yield tab
            await tab.command("Page.close")

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Browser]:
        self._folder.mkdir(exist_ok=True)
        port_file = self._folder / "DevToolsActivePort"
        with (self._folder / "stderr").open("wb") as printed:
            process = await asyncio.create_subprocess_exec(
                program(PROGRAM), *ARGUMENTS, f"--user-data-dir={self._folder}", "about:blank",
                stdout=printed, stderr=printed, start_new_session=True,
            )  # fmt: skip
        try:
            await until(
                lambda: process.returncode is not None or (port_file.exists() and "\n" in port_file.read_text())
            )
            if process.returncode is not None:
                raise Refused(f"it ended at once: {(self._folder / 'stderr').read_text(errors='replace')}")
            self._address = f"http://127.0.0.1:{port_file.read_text().splitlines()[0]}"
            yield self
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGTERM)  # an installed one is started by a script that stays its parent
            await process.wait()


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """A browser for many tabs; it starts in half a second."""
    async with aiohttp.ClientSession() as http, Browser(folder, http).started() as started:
        yield started


class Tab:
    """A page with its frames. A frame is named by the end of its URL: `game.html`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._sent = 0
        self._events: list[dict[str, Any]] = []

    async def command(self, method: str, **parameters: object) -> dict[str, Any]:
        """What the browser returns for a command of the protocol. Raises `Refused`."""
        self._sent += 1
        await self._socket.send_json({"id": self._sent, "method": method, "params": parameters})
        while (answer := await self._receive()).get("id") != self._sent:
            self._events.append(answer)
        if "error" in answer:
            raise Refused(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def prepare(self, script: str) -> None:
        """Runs this in every frame of the pages to come, before their own scripts."""
        await self.command("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def go(self, url: str) -> None:
        """Returns once the page has loaded, with all its frames. Raises `Refused` if it cannot be had."""
        opened = await self.command("Page.navigate", url=url)
        if "errorText" in opened:
            raise Refused(f"{url}: {opened['errorText']}")
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._events.append(await self._receive())

    async def value(self, expression: str, frame: str = "") -> Any:
        """What the expression gives in a frame, or in the page itself; a promise is waited for. Raises `Refused`."""
        where = {"contextId": await self._context(frame)} if frame else {}
        given = await self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, **where
        )
        if "exceptionDetails" in given:
            raise Refused(f"{expression}: {given['exceptionDetails']['exception']['description']}")
        return given["result"].get("value")

    async def becomes_true(self, expression: str, frame: str = "") -> None:
        async with asyncio.timeout(LONGEST_S):
            while not await self.value(expression, frame):
                pass

    async def logged(self, words: str) -> str:
        """The line of the browser's own log that has these words in it, once it is there."""
        async with asyncio.timeout(LONGEST_S):
            while not (found := [line for line in self.log() if words in line]):
                self._events.append(await self._receive())
        return found[0]

    def log(self) -> list[str]:
        """What the browser has complained about so far: a refused message, a broken policy, an error of a script."""
        return [*self._complaints()]

    def _complaints(self) -> Iterator[str]:
        for event in self._events:
            match event["method"]:
                case "Log.entryAdded":
                    yield event["params"]["entry"]["text"]
                case "Runtime.exceptionThrown":
                    yield event["params"]["exceptionDetails"]["exception"]["description"]

    async def _context(self, frame: str) -> int:
        """Where scripts of this frame's page run."""
        tree = (await self.command("Page.getFrameTree"))["frameTree"]
        (wanted,) = (each["id"] for each in _frames(tree) if urlsplit(each["url"]).path.endswith(f"/{frame}"))
        contexts = [event["params"]["context"] for event in self._events if event["method"].endswith("ContextCreated")]
        ids: list[int] = [each["id"] for each in contexts if each["auxData"] == each["auxData"] | _of_page(wanted)]
        return ids[-1]

    async def _receive(self) -> dict[str, Any]:
        received: dict[str, Any] = await self._socket.receive_json(timeout=LONGEST_S)
        return received


def _of_page(frame: str) -> dict[str, object]:
    return {"frameId": frame, "isDefault": True}


def _frames(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield tree["frame"]
    for child in tree.get("childFrames", ()):
        yield from _frames(child)
