"""What a collector gets from the real program: spans with the right parents and links, and no secret."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.sandbox.faults import Fault, FaultRule
from gateway.wire.calls import WalletCall
from tests.acceptance.wire.sandbox import Sandbox
from tests.support.collector import Collector, ReceivedSpan
from tests.support.doors import Answered, request
from tests.support.gateway_process import GatewayProcess
from tests.support.wallet_client import TOKEN, body, connect

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "20"}
KEY = "collector-access-key"
GAME_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GAME_SPAN = "00f067aa0ba902b7"
SAMPLED = f"00-{GAME_TRACE}-{GAME_SPAN}-01"
SERVER = "POST /wallet/{}"


def configured(operator: Sandbox, traces: Collector, **changes: Any) -> dict[str, Any]:
    return {
        "tracing": {"endpoint": traces.url, "headers": {"x-access-key": KEY}},
        "operators": {"acme": operator.settings(**changes)},
    }


async def ask(gateway: GatewayProcess, operator: Sandbox, call: WalletCall, id: str, **headers: str) -> Answered:
    client = await connect(gateway.wallet_url)
    try:
        return await client.asked(request(f"/wallet/{call}", body(call, id), operator.credentials, **headers))
    finally:
        await client.close()


def only(spans: list[ReceivedSpan], name: str) -> ReceivedSpan:
    (found,) = (span for span in spans if span.name == name)
    return found


def within(spans: list[ReceivedSpan], parent: ReceivedSpan) -> list[str]:
    return [span.name for span in spans if span.parent == parent.id]


async def test_a_withdraw_is_one_trace_from_the_game_to_the_operator(
    tmp_path: Path, operator: Sandbox, traces: Collector
) -> None:
    async with GatewayProcess(configured(operator, traces), tmp_path, SOON) as gateway:
        answer = await ask(
            gateway,
            operator,
            WalletCall.WITHDRAW,
            "id-1",
            traceparent=SAMPLED,
            tracestate="g=1",
            X_Request_ID="order-7",
        )
        assert answer.status == 200
        spans = await traces.trace(GAME_TRACE, SERVER.format("withdraw"))
        call = only(spans, SERVER.format("withdraw"))
        assert (call.kind, call.parent, call.failed) == ("server", GAME_SPAN, False)
        assert within(spans, call) == [
            "journal find_session",
            "journal insert",
            "operator verifySession",
            "operator withdraw",
            "journal change",
        ]
        sent = only(spans, "operator withdraw")
        (post,) = (span for span in spans if span.parent == sent.id)
        assert (post.name, post.kind) == ("POST", "client")
        (seen,) = (seen for seen in operator.ledger.wire() if seen.call == WalletCall.WITHDRAW)
        assert re.fullmatch(f"00-{GAME_TRACE}-{post.id}-0[13]", seen.headers["traceparent"])
        assert "tracestate" not in seen.headers
        assert {**call.attributes, **sent.attributes, **post.attributes} == {
            "http.request.method": "POST",
            "http.route": "/wallet/withdraw",
            "url.scheme": "http",
            "client.address": "127.0.0.1",
            "mm_gateway.request_id": "order-7",
            "server.address": "127.0.0.1",
            "server.port": urlsplit(operator.server.base_url).port,
            "http.response.status_code": 200,
            "mm_gateway.operator": "acme",
            "mm_gateway.call": "withdraw",
            "mm_gateway.direction": "withdraw",
            "mm_gateway.transfer.id": "id-1",
            "mm_gateway.outcome": "ok",
            "mm_gateway.verdict": "success",
        }
        assert call.resource["service.name"] == "mm-wallet-gateway"
        assert await gateway.stop() == 0


async def test_what_is_delivered_later_links_to_the_call_that_decided_it(
    tmp_path: Path, operator: Sandbox, traces: Collector
) -> None:
    operator.go_wrong(
        FaultRule(fault=Fault.ERROR_AFTER, calls=(WalletCall.WITHDRAW,), ids=("failed",)),
        FaultRule(fault=Fault.ERROR_BEFORE, calls=(WalletCall.ROLLBACK_WITHDRAWAL,), times=2),
    )
    async with GatewayProcess(configured(operator, traces), tmp_path, SOON) as gateway:
        answer = await ask(gateway, operator, WalletCall.WITHDRAW, "failed", traceparent=SAMPLED)
        assert (answer.status, answer.error_code) == (500, 121)
        tries = await traces.named("delivery try", 3)
        call = only(traces.spans, SERVER.format("withdraw"))
        assert call.failed
        assert {link for each in tries for link in each.links} == {(GAME_TRACE, call.id)}
        assert {(each.parent, each.trace == GAME_TRACE) for each in tries} == {("", False)}
        assert len({each.trace for each in tries}) == 3
        assert [each.attributes["mm_gateway.tries"] for each in tries] == [0, 1, 2]
        assert [each.failed for each in tries] == [True, True, False]
        assert tries[-1].attributes["mm_gateway.state"] == "rolled_back"
        assert {each.attributes["mm_gateway.transfer.id"] for each in tries} == {"failed"}


async def test_the_first_try_of_a_confirm_is_within_its_call_and_the_next_ones_link_to_it(
    tmp_path: Path, operator: Sandbox, traces: Collector
) -> None:
    operator.go_wrong(FaultRule(fault=Fault.ERROR_BEFORE, calls=(WalletCall.CONFIRM_WITHDRAWAL,), times=1))
    async with GatewayProcess(configured(operator, traces), tmp_path, SOON) as gateway:
        await ask(gateway, operator, WalletCall.WITHDRAW, "id-1")
        await ask(gateway, operator, WalletCall.CONFIRM_WITHDRAWAL, "id-1", traceparent=SAMPLED)
        call = (await traces.named(SERVER.format("confirmWithdrawal")))[0]
        first, later = await traces.named("delivery try", 2)
        assert (first.trace, first.parent, first.links) == (GAME_TRACE, call.id, [])
        assert (later.parent, later.links) == ("", [(GAME_TRACE, call.id)])


async def test_people_find_the_trace_in_the_answer_the_log_and_the_tries(
    tmp_path: Path, operator: Sandbox, traces: Collector
) -> None:
    operator.go_wrong(FaultRule(fault=Fault.GARBAGE, calls=(WalletCall.WITHDRAW,)))
    async with GatewayProcess(configured(operator, traces), tmp_path, SOON) as gateway:
        answer = await ask(gateway, operator, WalletCall.WITHDRAW, "id-1", traceparent=SAMPLED)
        assert json.loads(answer.body)["errorDescription"].endswith(f" (trace {GAME_TRACE})")
        _, shown = await gateway.command("transfers", "show", "id-1")
        assert shown.count(f"(trace {GAME_TRACE})") == 1  # at the try; the reason stays the same from call to call
        await gateway.stop()
        (line,) = gateway.logged("call")
        assert (line["trace_id"], line["id"]) == (GAME_TRACE, "id-1")


async def test_lines_about_a_later_try_name_the_trace_of_the_try(
    tmp_path: Path, operator: Sandbox, traces: Collector
) -> None:
    operator.go_wrong(
        FaultRule(fault=Fault.GARBAGE, calls=(WalletCall.WITHDRAW,)),
        FaultRule(fault=Fault.ERROR_BEFORE, calls=(WalletCall.ROLLBACK_WITHDRAWAL,)),
    )
    giving_up = {"schedule": ["0s"], "then_every": "10ms", "until": "20ms", "late_arrival_window": "10ms"}
    async with GatewayProcess(configured(operator, traces, delivery=giving_up), tmp_path, SOON) as gateway:
        await ask(gateway, operator, WalletCall.WITHDRAW, "id-1", traceparent=SAMPLED)
        await traces.until(lambda spans: any(span.attributes.get("mm_gateway.state") == "parked" for span in spans))
        await gateway.stop()
        (line,) = gateway.logged("parked")
        (parked,) = (span for span in traces.spans if span.attributes.get("mm_gateway.state") == "parked")
        assert line["trace_id"] == parked.trace != GAME_TRACE


async def test_no_span_holds_a_secret(tmp_path: Path, operator: Sandbox, traces: Collector) -> None:
    operator.go_wrong(FaultRule(fault=Fault.ERROR_BEFORE, calls=(WalletCall.ROLLBACK_WITHDRAWAL,), times=1))
    async with GatewayProcess(configured(operator, traces), tmp_path, SOON) as gateway:
        for call in (*WalletCall, WalletCall.WITHDRAW, WalletCall.ROLLBACK_WITHDRAWAL):
            await ask(gateway, operator, call, "id-1" if call.startswith(("confirm", "deposit")) else "id-2")
        await traces.named("delivery try", 4)
        await gateway.stop()
        assert traces.headers["x-access-key"] == KEY
        sent = b"".join(traces.bodies)
        bodies = [seen.body for seen in operator.ledger.wire()]
        signatures = [seen.headers["x-hub88-signature"].encode() for seen in operator.ledger.wire()]
        password = base64.b64encode(operator.credentials.encode())
        for secret in (TOKEN.encode(), b":near-password", password, KEY.encode(), *bodies, *signatures):
            assert secret not in sent
        assert KEY not in gateway.log
