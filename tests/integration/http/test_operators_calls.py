"""What operators are told at their door: the query for a final state, and what any other call can rely on."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.http.access_log import AccessLog
from gateway.http.inbound import InboundHandler, InboundReply, InboundRequest, InboundServices, NotAuthenticated
from gateway.http.inbound_calls import INBOUND
from gateway.money import money
from gateway.operators.operator import Operator
from gateway.records import Decision, Direction, State, Timeline
from gateway.settings import LogSettings
from gateway.wire.calls import InboundCall
from gateway.wire.errors import ErrorCode, WalletError
from tests.integration.http.test_operators_access import raw
from tests.support.doors import request
from tests.support.inline_journal import InlineJournal
from tests.support.operators_door import MINE, QUERY, Caller, asking, inbound, operators_door, routing
from tests.support.transfers import a_transfer
from tests.support.waiting import until

DEPOSIT_QUERY = QUERY.replace("queryWithdrawal", "queryDeposit")
PAGE = Path(__file__).parents[3] / "docs" / "calls-from-operators.md"
EXAMPLE = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPENED_AT = 1_764_405_000.125


async def keep(caller: Caller, **fields: Any) -> None:
    """Puts a transfer into the journal, in whatever state it is to be."""
    usual: dict[str, Any] = {
        "state": State.CONFIRMED,
        "opened_at": OPENED_AT,
        "decided_at": OPENED_AT,
        "changed_at": OPENED_AT + 1.5,
    }
    row = a_transfer(**(usual | fields))
    await cast("InlineJournal", caller.journal).import_timeline(Timeline(transfer=row, attempts=[], reasons=[]))


async def test_a_confirmed_withdrawal_is_told_whole(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        await keep(caller)
        answered = await caller.post()
        assert answered.headers["content-type"] == "application/json"
        assert answered.body == (
            b'{"mmTransactionId":"1234abcd","direction":"withdraw","state":"CONFIRMED","amount":230,'
            b'"currencyCode":"XAG","openedAt":"2025-11-29T08:30:00.125Z","endedAt":"2025-11-29T08:30:01.625Z"}'
        )


async def test_the_page_s_examples_are_what_is_told(tmp_path: Path) -> None:
    asked, *shown = (json.loads(text) for text in EXAMPLE.findall(PAGE.read_text(encoding="utf-8")))
    async with operators_door(tmp_path) as caller:
        for expected in shown:
            begun = datetime.fromisoformat(expected["openedAt"]).timestamp()
            pending = {"state": State.ROLLING_BACK, "rollback_reason": expected.get("rollbackReason")}
            await keep(
                caller,
                direction=Direction.DEPOSIT if "wants" in expected else Direction.WITHDRAW,
                amount=money("230.5", "XAG"),
                opened_at=begun,
                decided_at=begun,
                changed_at=begun + 1.5,
                **(pending if "wants" in expected else {}),
            )
            path = DEPOSIT_QUERY if "wants" in expected else QUERY
            told = json.loads((await caller.post(path, json.dumps(asked).encode())).body)
            assert list((told | {"direction": "withdraw"}).items()) == list(expected.items())


async def test_what_was_rolled_back_says_why_also_while_it_is_rolled_back_again(tmp_path: Path) -> None:
    rows: dict[str, dict[str, Any]] = {
        "once": {"state": State.ROLLED_BACK},
        "again": {"state": State.ROLLING_BACK, "first_ended_at": OPENED_AT + 1.5, "changed_at": OPENED_AT + 99},
    }
    async with operators_door(tmp_path) as caller:
        told = []
        for id, fields in rows.items():
            await keep(caller, id=id, rollback_reason="Withdraw request failed.", **fields)
            told.append(await caller.query(id) | {"mmTransactionId": ""})
        assert told[0] == told[1]
        assert (told[0]["state"], told[0]["rollbackReason"]) == ("ROLLED_BACK", "Withdraw request failed.")
        assert told[0]["endedAt"] == "2025-11-29T08:30:01.625Z"


@pytest.mark.parametrize(
    "fields, wants",
    [
        ({"state": State.SENDING, "decided_at": None}, None),
        ({"state": State.HELD, "decided_at": None}, None),
        ({"state": State.CONFIRMING}, "CONFIRM"),
        ({"state": State.ROLLING_BACK}, "ROLLBACK"),
        ({"state": State.PARKED, "wants": Decision.CONFIRM}, "CONFIRM"),
        ({"state": State.PARKED, "wants": Decision.ROLLBACK}, "ROLLBACK"),
    ],
)
async def test_what_has_not_ended_is_pending_and_says_what_it_wants(
    tmp_path: Path, fields: dict[str, Any], wants: str | None
) -> None:
    async with operators_door(tmp_path) as caller:
        await keep(caller, **fields)
        told = await caller.query("1234abcd")
        assert (told["state"], told.get("wants"), told["since"]) == ("PENDING", wants, "2025-11-29T08:30:00.125Z")
        assert "endedAt" not in told


async def test_what_never_came_is_not_found(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        assert await caller.query("never") == {
            "mmTransactionId": "never",
            "direction": "withdraw",
            "state": "NOT_FOUND",
        }


async def test_an_amount_is_told_digit_for_digit_and_left_out_where_it_is_not_known(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        await keep(caller, id="exact", amount=money("12345678901234567890.000000000001", "XAG"))
        assert b'"amount":12345678901234567890.000000000001,' in (await caller.post(body=asking("exact"))).body
        await keep(caller, id="adopted", amount=None, adopted=True)
        assert {"amount", "currencyCode"} & (await caller.query("adopted")).keys() == set()


async def test_a_reason_that_is_no_unicode_is_told_all_the_same(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        await keep(caller, state=State.ROLLED_BACK, rollback_reason="broken \ud83d")
        assert (await caller.query("1234abcd"))["rollbackReason"] == "broken ?"


async def test_withdrawals_and_deposits_of_one_id_are_told_apart(tmp_path: Path) -> None:
    async with operators_door(tmp_path) as caller:
        await keep(caller, direction=Direction.DEPOSIT)
        assert (await caller.query("1234abcd", DEPOSIT_QUERY))["state"] == "CONFIRMED"
        assert (await caller.query("1234abcd"))["state"] == "NOT_FOUND"


async def test_nobody_can_ask_for_another_operator_s_transfers(tmp_path: Path) -> None:
    """Not even with the same credentials: the path says whose they are."""
    async with operators_door(tmp_path, {"acme": inbound(), "other": inbound()}) as caller:
        await keep(caller)
        mine = await caller.post()
        assert json.loads(mine.body)["state"] == "CONFIRMED"
        theirs = await caller.post(QUERY.replace("acme", "other"))
        assert json.loads(theirs.body)["state"] == "NOT_FOUND"


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"{", b'{"mmTransactionId": 5}', b'{"mmTransactionId": ""}', b'{"mmTransactionId": "a b"}']
)
async def test_a_query_that_names_no_transfer_is_refused_with_the_field(tmp_path: Path, body: bytes) -> None:
    async with operators_door(tmp_path) as caller:
        answered = await caller.post(body=body)
        assert (answered.status, answered.error_code) == (400, 130)
        assert caller.counted("bad_request") == 1


async def test_without_a_journal_nothing_is_told_of_a_transfer(tmp_path: Path) -> None:
    journal = InlineJournal.at(tmp_path / "journal.db")
    async with operators_door(tmp_path, journal=journal) as caller:
        await keep(caller)
        journal.away = "the disk is full"
        answered = await caller.post()
        assert (answered.status, answered.error_code) == (500, 123)
        assert "ask again" in answered.error_text
        assert caller.counted("journal_unavailable") == 1


async def test_a_query_leaves_a_line_that_names_its_transfer_and_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with operators_door(tmp_path) as caller:
        caller.door.access = AccessLog(LogSettings())
        await keep(caller)
        await caller.post()
        await caller.post(credentials="acme-user:a-guess")
        caller.door.access.flush()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"call"' in line]
    assert [(line["operator"], line["call"], line["id"], line["outcome"], line["status"]) for line in lines] == [
        ("acme", "queryWithdrawal", "1234abcd", "ok", 200),
        ("", "queryWithdrawal", "", "unauthorized", 401),
    ]


SECRET = b"signed"


async def _signed(_: InboundServices, operator: Operator, asked: InboundRequest) -> InboundReply:
    """A call whose signature is its body: the operator's name, and a secret word."""
    if asked.body != operator.name.encode() + SECRET:
        raise NotAuthenticated
    if asked.query == "wait":
        await asyncio.Event().wait()
    return InboundReply(202, b"took it", "text/plain", ErrorCode.AMOUNT if asked.query == "wrong" else None)


def _signer(asked: InboundRequest, operators: Sequence[Operator]) -> Operator | None:
    return next((one for one in operators if asked.body == one.name.encode() + SECRET), None)


SIGNED = InboundHandler(
    handle=_signed, signed=True, find_operator=_signer, json_only=False, methods=frozenset({"POST", "PUT"})
)
HANDLERS = {**INBOUND, InboundCall.PAYMENT: SIGNED}
PAY = "/operators/acme/pay/quantum"
COMMON = "/pay/quantum"


@pytest.mark.parametrize("path", [PAY, COMMON])
async def test_a_signed_call_needs_no_credentials_and_answers_in_its_own_form(tmp_path: Path, path: str) -> None:
    async with operators_door(tmp_path, {"acme": inbound(), "other": inbound()}, HANDLERS) as caller:
        answered = await caller.post(path, b"acme" + SECRET, None, Content_Type="text/plain")
        assert (answered.status, answered.body) == (202, b"took it")
        assert answered.headers["content-type"] == "text/plain"
        await caller.post(f"{path}?wrong", b"acme" + SECRET, None, Content_Type="text/plain")
        assert (caller.counted("ok", call="payment"), caller.counted("amount", call="payment")) == (1, 1)


async def test_whatever_is_wrong_with_a_signed_call_the_answer_is_that_of_an_operator_that_does_not_exist(
    tmp_path: Path,
) -> None:
    lists = {"acme": inbound(), "elsewhere": inbound(allow_ips=["192.0.2.7"]), "mute": None}
    async with operators_door(tmp_path, lists, HANDLERS) as caller:
        forged = {
            (path, body)
            for path in (PAY, COMMON, *(PAY.replace("acme", name) for name in ("nobody", "elsewhere", "mute")))
            for body in (b"forged", b"nobody" + SECRET, b"elsewhere" + SECRET, b"mute" + SECRET)
        }
        answers = {await raw(caller, request(path, body, None)) for path, body in forged}
        answers.add(await raw(caller, request(PAY, b"acme" + SECRET, MINE).replace(b"POST", b"GET", 1)))
        answers.add(await raw(caller, request("/nothing", b"acme" + SECRET, None)))
        (answer,) = answers
        assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\n")


@pytest.mark.parametrize("name", ["acme", "nobody"])
async def test_a_signed_call_is_read_whole_before_anything_is_told(tmp_path: Path, name: str) -> None:
    async with operators_door(tmp_path, handlers=HANDLERS, read_timeout=0.2) as caller:
        client = await caller.connect()
        await client.send(request(PAY.replace("acme", name), b"forged", None)[:-1])
        answered = await client.answer()
        assert (answered.status, answered.error_code) == (400, 130)


async def test_a_stranger_s_signed_call_gets_no_answer(tmp_path: Path) -> None:
    lists = {"acme": inbound(allow_ips=["192.0.2.0/24"])}
    async with operators_door(tmp_path, lists, HANDLERS, trusted_proxies=["127.0.0.1"]) as caller:
        client = await caller.connect()
        await client.send(request(PAY, b"acme" + SECRET, None, X_Forwarded_For="203.0.113.9"))
        assert await client.rest() == b""
        assert (await caller.post(PAY, b"acme" + SECRET, None, X_Forwarded_For="192.0.2.7")).status == 202


async def test_the_common_path_is_nobody_s_where_it_is_switched_off(tmp_path: Path) -> None:
    async with operators_door(tmp_path, handlers=HANDLERS, paths={"common_payment": None}) as caller:
        assert (await caller.post(COMMON, b"acme" + SECRET, None)).status == 401
        assert (await caller.post(PAY, b"acme" + SECRET, None)).status == 202


@pytest.mark.parametrize("path", [PAY, COMMON])
async def test_a_signed_call_keeps_its_operator_until_it_is_answered(tmp_path: Path, path: str) -> None:
    async with operators_door(tmp_path, handlers=HANDLERS, request_timeout=1.0) as caller:
        sent = request(path + "?wait", b"acme" + SECRET, None)
        access = caller.door._routing.operators["acme"]
        client = await caller.connect()
        await client.send(sent[:-1])
        await until(lambda: caller.door._running)
        idle = asyncio.ensure_future(caller.door.wait_idle(access.operator))
        caller.door.apply_routing(routing({"other": inbound()}, HANDLERS))
        await client.send(sent[-1:])
        await until(lambda: list(caller.door._running.values()) == [access.operator])
        assert not idle.done()
        answered = await client.answer()
        assert (answered.status, answered.error_code) == (500, 120)
        for task in caller.door._running:
            task.cancel()
        await idle


async def test_a_handler_that_fails_is_answered_as_an_error_of_the_gateway(tmp_path: Path) -> None:
    async def fail(*_: object) -> InboundReply:
        raise RuntimeError("secret")

    async def decline(*_: object) -> InboundReply:
        raise WalletError(ErrorCode.SESSION, "The session has ended.")

    handlers: dict[str, InboundHandler] = {
        InboundCall.LAUNCH: InboundHandler(handle=fail),
        InboundCall.QUERY_DEPOSIT: InboundHandler(handle=decline),
    }
    async with operators_door(tmp_path, handlers=handlers) as caller:
        answered = await caller.post("/operators/acme/launch")
        assert (answered.status, answered.error_code) == (500, 100)
        assert b"secret" not in answered.body
        assert (await caller.post(DEPOSIT_QUERY)).error_code == 101
        assert caller.counted("other", call="launch") == 1
        assert (await caller.post(QUERY)).status == 400
