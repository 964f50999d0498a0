"""The example of docs/payment in a real browser: the game asks for a payment, and the page that frames it listens.

Three origins are three ports of 127.0.0.1: the operator's, the game's, and a stranger's. "Nothing happened" is looked
at after the message has arrived, or after the browser has said that it refused to deliver it.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.browser import PROGRAM, Browser, Tab, browser

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.needs_programs(PROGRAM)]

EXAMPLE: Final = Path(__file__).parents[3] / "docs" / "payment"
OPERATOR, GAME = "http://127.0.0.1:8001", "http://127.0.0.1:8002"  # as the example has them
ROW: Final = re.compile(r"^\| `(?P<name>\w+)` \| (?P<type>number|string) \| (?P<needed>yes|no)", re.MULTILINE)
FIELDS: Final = {row["name"]: row for row in ROW.finditer((EXAMPLE / "README.md").read_text(encoding="utf-8"))}

ORDER: Final = {
    "serverId": 10001,
    "cpOrderId": "c9c35cf409344312146fa7546a94d1a6",
    "productId": "wm.spin.1",
    "productPrice": 4.99,
    "extParams": "a=1",
    "productName": "<b>Spin</b>",
    "productDesc": "One & only",
    "productNumber": 2,
}
WRONG_TYPES: Final = ("null", "true", "[]", "({})", "[1]", "new Date(0)", "10n", "new Map()")
WRONG: Final = {
    "number": ("'4.99'", "'1'", "''", "NaN", "Infinity", "-1", "new Number(1)"),
    "string": ("1", "new String('x')", "'x'.repeat(2001)"),
}
WRONG_OF_ONE: Final = {
    "serverId": ("1.5", "2 ** 53"),
    "cpOrderId": ("''", "'x'.repeat(256)"),
    "productId": ("''", "'x'.repeat(256)"),
    "productPrice": ("0",),
    "productName": ("'x'.repeat(256)",),
    "productNumber": ("0", "1.5"),
}
FRAMES: Final = "<!doctype html><iframe id=inner src='{address}'></iframe>"
ARRIVALS: Final = """
window.arrivals = [];
window.payments = [];
addEventListener("message", ({ origin, data }) => arrivals.push({ origin, data }));
addEventListener("DOMContentLoaded", () =>
  document.querySelector("#payment")?.addEventListener("pay", ({ detail }) => payments.push(detail)));
"""
"""Put before the scripts of every page: its listener is the first to hear of a message."""


class Web:
    """The three origins, and what they serve. Each test has a tab and may change pages for itself with `variant`."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.operator = self.game = self.stranger = ""

    async def serve(self, stack: AsyncExitStack) -> None:
        app = web.Application()
        app.router.add_get("/{name}", self._answer)
        servers = [TestServer(app) for _ in range(3)]
        for server in servers:
            await stack.enter_async_context(server)
        self.operator, self.game, self.stranger = (f"http://127.0.0.1:{server.port}" for server in servers)
        for path in EXAMPLE.iterdir():
            text = path.read_text(encoding="utf-8")
            self.pages[path.name] = text.replace(OPERATOR, self.operator).replace(GAME, self.game)
        self.pages["framing.html"] = FRAMES.format(address=f"{self.game}/game.html")

    def variant(self, name: str, frame: str) -> str:
        """The address of the operator's page, as it is but for what is in its frame, and that its policy allows it."""
        origin = frame.rpartition("/")[0]
        page = self.pages["operator.html"].replace(f'src="{self.game}/game.html"', f'src="{frame}"')
        self.pages[name] = page.replace("frame-src ", f"frame-src {origin} ")
        return f"{self.operator}/{name}"

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.pages:
            raise web.HTTPNotFound
        kind = {"html": "text/html", "js": "text/javascript", "css": "text/css"}[name.rpartition(".")[2]]
        return web.Response(text=self.pages[name], content_type=kind, charset="utf-8")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origins() -> AsyncIterator[Web]:
    async with AsyncExitStack() as stack:
        found = Web()
        await found.serve(stack)
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def tab(chromium: Browser) -> AsyncIterator[Tab]:
    async with chromium.tab() as opened:
        await opened.prepare(ARRIVALS)
        yield opened


async def click(tab: Tab, selector: str, frame: str = "") -> None:
    await tab.value(f"document.querySelector({json.dumps(selector)}).click()", frame)


async def post(tab: Tab, message: str, *, frame: str = "game.html", to: str = "parent") -> None:
    """Has a frame post what the JavaScript gives, and returns once the operator's page has heard it."""
    heard = await tab.value("arrivals.length")
    await tab.value(f"{to}.postMessage({message}, '*')", frame)
    await tab.becomes_true(f"arrivals.length > {heard}")


def order(**changes: str) -> str:
    """An order as JavaScript, with other expressions for some fields."""
    members = {name: json.dumps(value) for name, value in ORDER.items()} | changes
    return "({" + ", ".join(f"{name}: {value}" for name, value in members.items()) + "})"


async def is_open(tab: Tab) -> bool:
    found: bool = await tab.value("document.querySelector('#payment').open")
    return found


async def shown(tab: Tab) -> dict[str, str]:
    """What the payment window shows, field by field."""
    places = "[...document.querySelectorAll('[data-field]')]"
    found: dict[str, str] = await tab.value(
        f"Object.fromEntries({places}.map(place => [place.dataset.field, place.textContent]))"
    )
    return found


async def paid(tab: Tab) -> Any:
    """Presses "Pay"; returns the orders that the operator's own payment was given."""
    await click(tab, "#pay")
    return await tab.value("payments")


async def test_a_purchase_in_the_game_opens_the_payment_window_with_its_order(origins: Web, tab: Tab) -> None:
    await tab.go(f"{origins.operator}/operator.html")
    await click(tab, "button", "game.html")
    await tab.becomes_true("arrivals.length > 0")
    assert await is_open(tab)
    (arrival,) = await tab.value("arrivals")
    assert arrival["origin"] == origins.game
    sent = arrival["data"]
    assert re.fullmatch(r"[0-9a-f]{32}", sent["cpOrderId"])
    bought = {"serverId": 10001, "productId": "wm.spin.49", "productPrice": 4.99, "extParams": "", "productNumber": 1}
    assert sent.items() >= bought.items()
    assert sorted(sent) == sorted(FIELDS)
    assert await shown(tab) == {name: str(value) for name, value in sent.items() if name != "extParams"}
    assert await paid(tab) == [sent]
    assert not await is_open(tab)
    assert sent["cpOrderId"] in await tab.value("document.querySelector('#status').textContent")
    assert tab.log() == [], "neither page breaks its own policy"


async def test_a_cancelled_payment_goes_nowhere_and_the_next_can_begin(origins: Web, tab: Tab) -> None:
    await tab.go(f"{origins.operator}/operator.html")
    await post(tab, order())
    await click(tab, "#cancel")
    assert not await is_open(tab)
    await post(tab, order(cpOrderId="'another'"))
    assert await paid(tab) == [ORDER | {"cpOrderId": "another"}]


async def test_what_came_in_a_message_is_shown_as_text(origins: Web, tab: Tab) -> None:
    await tab.go(f"{origins.operator}/operator.html")
    await post(tab, order())
    assert (await shown(tab))["productName"] == "<b>Spin</b>"
    assert await tab.value("document.querySelectorAll('#payment b').length") == 0


async def test_what_an_order_leaves_out_has_its_default_and_what_it_adds_is_dropped(origins: Web, tab: Tab) -> None:
    await tab.go(f"{origins.operator}/operator.html")
    await post(tab, order(productName="undefined", productDesc="undefined", productNumber="undefined", uid="'other'"))
    assert await paid(tab) == [ORDER | {"productName": "", "productDesc": "", "productNumber": 1}]


async def test_an_order_that_comes_while_another_is_being_decided_is_ignored(origins: Web, tab: Tab) -> None:
    await tab.go(f"{origins.operator}/operator.html")
    await post(tab, order())
    await post(tab, order(productPrice="0.01"))
    assert (await shown(tab))["productPrice"] == "4.99"
    assert await paid(tab) == [ORDER]


@pytest.mark.parametrize("field", FIELDS)
async def test_a_field_of_another_type_is_ignored(origins: Web, tab: Tab, field: str) -> None:
    """The next message, which is right, is accepted: the page has not stopped listening."""
    await tab.go(f"{origins.operator}/operator.html")
    row = FIELDS[field]
    missing = ("undefined",) if row["needed"] == "yes" else ()
    for value in (*missing, *WRONG_TYPES, *WRONG[row["type"]], *WRONG_OF_ONE.get(field, ())):
        await post(tab, order(**{field: value}))
        assert not await is_open(tab), value
    await post(tab, order())
    assert await is_open(tab)


async def test_a_price_in_a_string_is_ignored(origins: Web, tab: Tab) -> None:
    await tab.go(f"{origins.operator}/operator.html")
    for forged in ("'4.99'", "'0.01'", "' 4.99'", "'4.99; 0.01'", "['4.99']", "{ valueOf: 4.99 }"):
        await post(tab, order(productPrice=forged))
        assert not await is_open(tab), forged


async def test_a_message_that_is_not_an_order_is_ignored(origins: Web, tab: Tab) -> None:
    await tab.go(f"{origins.operator}/operator.html")
    for message in ("null", "undefined", "1", "'order'", json.dumps(json.dumps(ORDER)), "[]", "({})", f"[{order()}]"):
        await post(tab, message)
        assert not await is_open(tab), message
    assert tab.log() == []


async def test_a_message_from_another_origin_in_the_frame_is_ignored(origins: Web, tab: Tab) -> None:
    """As after a redirect in the game: the source is the operator's own frame, and only the origin tells."""
    await tab.go(origins.variant("with-stranger.html", f"{origins.stranger}/game.html"))
    await post(tab, order())
    assert [arrival["origin"] for arrival in await tab.value("arrivals")] == [origins.stranger]
    assert not await is_open(tab)


async def test_a_message_from_a_frame_without_an_origin_is_ignored(origins: Web, tab: Tab) -> None:
    """The page in the frame answers any message with an order: some browsers run such a frame in another process."""
    answer = f"onmessage = () => parent.postMessage({order()}, '*')"
    origins.pages["answering.html"] = f"<!doctype html><script>{answer}</script>"
    address = origins.variant("sandboxed.html", f"{origins.game}/answering.html")
    page = origins.pages["sandboxed.html"]
    origins.pages["sandboxed.html"] = page.replace("allow-scripts allow-same-origin", "allow-scripts")
    await tab.go(address)
    await tab.value("document.querySelector('#game').contentWindow.postMessage('now', '*')")
    await tab.becomes_true("arrivals.length > 0")
    assert [arrival["origin"] for arrival in await tab.value("arrivals")] == ["null"]
    assert not await is_open(tab)


async def test_a_message_from_another_frame_of_the_games_origin_is_ignored(origins: Web, tab: Tab) -> None:
    """Only the source tells."""
    origins.pages["second.html"] = "<!doctype html>"
    await tab.go(f"{origins.operator}/operator.html")
    await tab.value(
        "new Promise(loaded => document.body.append(Object.assign(document.createElement('iframe'),"
        f" {{ src: '{origins.game}/second.html', onload: () => loaded(true) }})))"
    )
    await post(tab, order(), frame="second.html")
    assert [arrival["origin"] for arrival in await tab.value("arrivals")] == [origins.game]
    assert not await is_open(tab)


async def test_a_message_from_a_frame_inside_the_games_frame_is_ignored(origins: Web, tab: Tab) -> None:
    """It speaks past the frame that it is in, to the top: the game's origin, but not the operator's frame."""
    await tab.go(origins.variant("nested.html", f"{origins.game}/framing.html"))
    await post(tab, order(), to="top")
    assert [arrival["origin"] for arrival in await tab.value("arrivals")] == [origins.game]
    assert not await is_open(tab)


async def test_a_message_from_the_operators_page_to_itself_is_ignored(origins: Web, tab: Tab) -> None:
    await tab.go(f"{origins.operator}/operator.html")
    await post(tab, order(), frame="operator.html", to="window")
    assert not await is_open(tab)


@pytest.mark.parametrize("whose", ["game", "stranger"])
async def test_the_game_tells_nobody_if_there_is_a_frame_in_between(origins: Web, tab: Tab, whose: str) -> None:
    between = getattr(origins, whose)
    await tab.go(origins.variant(f"between-{whose}.html", f"{between}/framing.html"))
    await click(tab, "button", "game.html")
    refusal = await tab.logged("postMessage")
    assert f"('{origins.operator}') does not match" in refusal
    assert await tab.value("arrivals", "framing.html") == []
    assert await tab.value("arrivals") == []
    assert not await is_open(tab)


async def test_the_game_tells_nobody_if_another_origin_frames_it(origins: Web, tab: Tab) -> None:
    await tab.go(f"{origins.stranger}/framing.html")
    await click(tab, "button", "game.html")
    refusal = await tab.logged("postMessage")
    assert f"('{origins.operator}') does not match the recipient window's origin ('{origins.stranger}')" in refusal
    assert await tab.value("arrivals") == []


@pytest.mark.parametrize("configured", ["*", "", "/"])
async def test_the_game_tells_nobody_if_its_configuration_names_everybody(
    origins: Web, tab: Tab, configured: str
) -> None:
    """Its script ends before it listens for a click."""
    page = origins.pages["game.html"].replace(f'content="{origins.operator}"', f'content="{configured}"')
    origins.pages["unconfigured.html"] = page
    await tab.go(origins.variant("with-unconfigured.html", f"{origins.game}/unconfigured.html"))
    await tab.logged("Invalid URL")
    await click(tab, "button", "unconfigured.html")
    await post(tab, "'the last'", frame="unconfigured.html")
    assert [arrival["data"] for arrival in await tab.value("arrivals")] == ["the last"]


async def test_the_operators_policy_keeps_others_out_of_its_frame(origins: Web, tab: Tab) -> None:
    await tab.go(f"{origins.operator}/operator.html")
    violated = await tab.value(
        "new Promise(told => { addEventListener('securitypolicyviolation', event => told(event.effectiveDirective));"
        f" document.querySelector('#game').src = '{origins.stranger}/framing.html'; }})"
    )
    assert violated == "frame-src"


@pytest.mark.parametrize("name", ["game.html", "operator.html"])
async def test_the_pages_policies_refuse_scripts_that_stand_in_the_page_itself(
    origins: Web, tab: Tab, name: str
) -> None:
    change = "document.title = 'changed'"
    inline = f'<body onload="{change}"><script>{change}</script>'
    origins.pages["inline.html"] = origins.pages[name].replace("<body>", inline)
    await tab.go(f"{origins.operator}/inline.html")
    await tab.logged("inline script")
    await tab.logged("inline event handler")
    assert await tab.value("document.title") in {"Game", "Operator"}
