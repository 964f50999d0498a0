"""Tracing of a whole gateway: what is sampled, what goes to operators, and what happens where nobody takes spans."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.money import money
from gateway.records import Decision, Direction, Key, Recipient
from gateway.runtime import Runtime
from gateway.runtime.errors import ConfigurationUnusable
from gateway.sandbox.faults import Fault
from gateway.sandbox.simulated import simulated_operators
from gateway.secrets import secrets_of
from gateway.settings import Settings
from gateway.telemetry.tracing import FLUSH_S
from gateway.transfers import rules
from gateway.transfers.rules import Lease
from gateway.wire.calls import WalletCall
from tests.acceptance.wire.sandbox import sandbox
from tests.support.collector import Collector
from tests.support.doors import Answered, request
from tests.support.runtimes import FarOperator, Running, message, operator_to, running, settings_for
from tests.support.waiting import until

GAME_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED = f"00-{GAME_TRACE}-00f067aa0ba902b7-01"
UNTRACED = f"00-{GAME_TRACE}-00f067aa0ba902b7-00"
WITHDRAW = "POST /wallet/withdraw"
LONGEST_STOP_S = FLUSH_S + 8.0
"""Left to itself the library would wait for half a minute; the rest is for a busy machine."""

NOWHERE = "http://127.0.0.1:9/v1/traces"
MARK = "POST /wallet/getBalance"
"""A call whose span comes after those of earlier calls: what has not come by then was not sent."""


def traced(folder: Path, far: FarOperator, tracing: dict[str, Any], **operator: Any) -> Settings:
    return settings_for(folder, {"acme": operator_to(far, **operator)}, tracing=tracing)


async def ask(
    gateway: Running, call: WalletCall, id: str = "1", user: str = "JohnDoe:MyPass", **headers: str
) -> Answered:
    client = await gateway.connect()
    try:
        return await client.asked(request(f"/wallet/{call}", message(call, id), user, **headers))
    finally:
        await client.close()


def parents_seen(far: FarOperator) -> list[str]:
    return [seen.headers.get("traceparent", "") for seen in far.ledger.wire() if seen.call == WalletCall.WITHDRAW]


async def test_the_game_s_sampling_wins_over_the_share(tmp_path: Path, far: FarOperator, traces: Collector) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url, "share": 0.0})) as gateway:
        await ask(gateway, WalletCall.WITHDRAW, "1")
        await ask(gateway, WalletCall.WITHDRAW, "2", traceparent=UNTRACED)
        await ask(gateway, WalletCall.WITHDRAW, "3", traceparent=TRACED)
        await ask(gateway, WalletCall.GET_BALANCE, traceparent=TRACED)
        await traces.named(MARK)
        assert [span.attributes["mm_gateway.transfer.id"] for span in traces.spans if span.name == WITHDRAW] == ["3"]
        # The ids go on all the same, so that whoever samples for itself sees the same trace.
        assert [each[-2:] in ("01", "03") for each in parents_seen(far)] == [False, False, True]
        assert [each[3:35] == GAME_TRACE for each in parents_seen(far)] == [False, True, True]


async def test_the_tries_of_a_sampled_call_are_sampled_however_few_calls_are(
    tmp_path: Path, far: FarOperator, traces: Collector
) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url, "share": 0.0})) as gateway:
        far.go_wrong(Fault.ERROR_BEFORE, WalletCall.WITHDRAW)
        await ask(gateway, WalletCall.WITHDRAW, "1", traceparent=UNTRACED)
        await far.until_seen(WalletCall.ROLLBACK_WITHDRAWAL)
        await ask(gateway, WalletCall.WITHDRAW, "2", traceparent=TRACED)
        (found,) = await traces.named("delivery try")
        assert (found.attributes["mm_gateway.transfer.id"], found.links[0][0]) == ("2", GAME_TRACE)


@pytest.mark.parametrize(
    "given", ["00-00000000000000000000000000000000-00f067aa0ba902b7-01", "ff-" + TRACED[3:], TRACED + "-x", "nonsense"]
)
async def test_a_traceparent_that_is_none_begins_a_new_trace(
    tmp_path: Path, far: FarOperator, traces: Collector, given: str
) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url})) as gateway:
        assert (await ask(gateway, WalletCall.WITHDRAW, traceparent=given)).status == 200
        (call,) = await traces.named(WITHDRAW)
        assert (call.parent, call.trace == GAME_TRACE) == ("", False)


async def test_an_operator_may_be_spared_the_header(tmp_path: Path, far: FarOperator, traces: Collector) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url}, trace_context=False)) as gateway:
        assert (await ask(gateway, WalletCall.WITHDRAW, traceparent=TRACED)).status == 200
        assert parents_seen(far) == [""]
        await traces.trace(GAME_TRACE, WITHDRAW, "operator withdraw", "POST")


@pytest.mark.parametrize("protocol", sorted(simulated_operators()))
async def test_the_header_disturbs_no_operator_s_signature_and_no_span_holds_the_session(
    tmp_path: Path, traces: Collector, protocol: str
) -> None:
    token = "token-of-player-1"  # of the form that every simulated operator has agreed with its adapter
    async with sandbox(protocol, "1000000 XAG") as operator:
        operator.ledger.enrol("player-1", token, money("1000", "XAG"))
        settings = settings_for(tmp_path, {"acme": operator.settings()}, tracing={"endpoint": traces.url})
        async with running(settings) as gateway:
            calls = (WalletCall.VERIFY_SESSION, WalletCall.GET_BALANCE, WalletCall.WITHDRAW)
            for call in calls:
                content = message(call, token=token, amount={"amount": 10, "currencyCode": "XAG"})
                client = await gateway.connect()
                answer = await client.asked(request(f"/wallet/{call}", content, operator.credentials))
                await client.close()
                assert answer.status == 200, answer.body
            await traces.named(WITHDRAW)
            secrets = {token, *secrets_of(gateway.runtime._operators.operators["acme"].adapter.settings)}
        seen = list(operator.ledger.wire())
        assert all(each.headers["traceparent"].startswith("00-") for each in seen)
        sent = b"".join(traces.bodies)
        held = [*(secret.encode() for secret in secrets), *(each.body for each in seen if each.body)]
        assert [secret for secret in held if secret in sent] == []


async def test_who_has_no_credentials_leaves_no_trace(tmp_path: Path, far: FarOperator, traces: Collector) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url})) as gateway:
        answer = await ask(gateway, WalletCall.WITHDRAW, user="JohnDoe:wrong", traceparent=TRACED)
        assert (answer.status, b"trace" in answer.body) == (401, False)
        await ask(gateway, WalletCall.GET_BALANCE)
        await traces.named(MARK)
        assert [span for span in traces.spans if span.trace == GAME_TRACE] == []


async def test_a_call_that_outlives_its_answer_is_one_span_with_the_answer_that_went_out(
    tmp_path: Path, far: FarOperator, traces: Collector
) -> None:
    settings = traced(tmp_path, far, {"endpoint": traces.url})
    impatient = settings.model_copy(update={"server": settings.server.model_copy(update={"request_timeout": 0.2})})
    async with running(impatient) as gateway:
        far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=0.6)
        answer = await ask(gateway, WalletCall.WITHDRAW, traceparent=TRACED)
        assert (answer.error_code, GAME_TRACE.encode() in answer.body) == (120, True)
        (call,) = await traces.named(WITHDRAW)
        assert call.attributes["mm_gateway.outcome"] == "pending"
        assert call.events == ["ended after its answer"]


async def test_a_body_that_is_wrong_is_told_with_the_trace(tmp_path: Path, far: FarOperator, traces: Collector) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url})) as gateway:
        client = await gateway.connect()
        answer = await client.asked(request("/wallet/withdraw", b"{", traceparent=TRACED))
        await client.close()
        assert json.loads(answer.body)["errorDescription"].endswith(f"(trace {GAME_TRACE})")
        (call,) = await traces.named(WITHDRAW)
        assert (call.failed, call.attributes["http.response.status_code"]) == (False, 400)


async def test_the_wait_for_a_slot_is_shown(tmp_path: Path, far: FarOperator, traces: Collector) -> None:
    settings = traced(tmp_path, far, {"endpoint": traces.url}, limits={"concurrency": 1})
    async with running(settings) as gateway:
        far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=0.3)
        first, second = await gateway.connect(), await gateway.connect()
        await first.send(request("/wallet/withdraw", message(WalletCall.WITHDRAW, "1")))
        await far.until_seen(WalletCall.WITHDRAW)
        await second.asked(request("/wallet/withdraw", message(WalletCall.WITHDRAW, "2"), traceparent=TRACED))
        spans = await traces.trace(GAME_TRACE, "slot wait", WITHDRAW)
        (wait,) = (span for span in spans if span.name == "slot wait")
        assert wait.parent == next(span.id for span in spans if span.name == WITHDRAW)
        await first.close()
        await second.close()


async def test_sampled_traces_are_examples_of_the_metrics(tmp_path: Path, far: FarOperator, traces: Collector) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url})) as gateway:
        await ask(gateway, WalletCall.WITHDRAW, traceparent=TRACED)
        await ask(gateway, WalletCall.GET_BALANCE, traceparent=UNTRACED)
        page = (await gateway.page("/metrics", Accept="application/openmetrics-text; version=1.0.0")).body.decode()
        examples = [line for line in page.splitlines() if f'# {{trace_id="{GAME_TRACE}"}}' in line]
        assert [line.partition("_bucket{")[0] for line in examples] == [
            "mm_gateway_call_seconds",
            "mm_gateway_operator_call_seconds",
        ]
        assert all('call="withdraw"' in line for line in examples)


async def test_what_is_left_out_is_taken_from_the_standard_variables(
    tmp_path: Path, far: FarOperator, traces: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", traces.url.removesuffix("/v1/traces"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-access-key=s3cret")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "wallet-eu")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    async with running(traced(tmp_path, far, {})) as gateway:
        await ask(gateway, WalletCall.WITHDRAW)
        (call,) = await traces.named(WITHDRAW)
        assert (call.resource["service.name"], call.resource["deployment.environment.name"]) == ("wallet-eu", "test")
        assert call.resource["service.instance.id"] == gateway.runtime.instance
        assert traces.headers["x-access-key"] == "s3cret"


async def test_the_standard_variable_that_switches_it_off_does_so(
    tmp_path: Path, far: FarOperator, traces: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    async with running(traced(tmp_path, far, {"endpoint": traces.url})) as gateway:
        await ask(gateway, WalletCall.WITHDRAW)
        assert parents_seen(far) == [""]


async def test_a_variable_that_cannot_be_used_is_told_without_its_value(
    tmp_path: Path, far: FarOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-7")
    with pytest.raises(ConfigurationUnusable, match=r"^tracing: an environment variable OTEL_… ") as caught:
        Runtime(traced(tmp_path, far, {}))
    assert "-7" not in str(caught.value)


async def test_a_collector_that_is_away_disturbs_no_call(
    tmp_path: Path, far: FarOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    async with running(traced(tmp_path, far, {"endpoint": NOWHERE})) as gateway:
        answers = [await ask(gateway, WalletCall.WITHDRAW, str(number)) for number in range(50)]
        assert {answer.status for answer in answers} == {200}
        begun = time.monotonic()
        await gateway.stop()
        assert time.monotonic() - begun < LONGEST_STOP_S


async def test_a_collector_that_hangs_disturbs_neither_a_call_nor_the_stop(
    tmp_path: Path, far: FarOperator, traces: Collector
) -> None:
    traces.may_answer.clear()
    async with running(traced(tmp_path, far, {"endpoint": traces.url})) as gateway:
        assert (await ask(gateway, WalletCall.WITHDRAW)).status == 200
        await until(lambda: traces.headers)
        begun = time.monotonic()
        await gateway.stop()
        assert time.monotonic() - begun < LONGEST_STOP_S


async def test_a_stop_sends_the_last_spans(
    tmp_path: Path, far: FarOperator, traces: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    async with running(traced(tmp_path, far, {"endpoint": traces.url})) as gateway:
        await ask(gateway, WalletCall.WITHDRAW)
        await gateway.stop()
        assert WITHDRAW in [span.name for span in traces.spans]


async def test_only_a_restart_changes_tracing(tmp_path: Path, far: FarOperator, traces: Collector) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url})) as gateway:
        with pytest.raises(ConfigurationUnusable, match=r"^tracing: cannot be changed by a reload"):
            await gateway.runtime.reload(traced(tmp_path, far, {"endpoint": traces.url, "share": 0.5}))
        # What is an operator's may change: the parts that a reload makes trace themselves too.
        await gateway.runtime.reload(traced(tmp_path, far, {"endpoint": traces.url}, trace_context=False))
        await ask(gateway, WalletCall.WITHDRAW, traceparent=TRACED)
        await traces.trace(GAME_TRACE, "operator withdraw")
        assert parents_seen(far) == [""]


def waits(traces: Collector) -> set[str]:
    return {span.name for span in traces.spans if span.name.startswith("journal ")}


async def test_every_wait_of_a_call_for_the_journal_is_shown(
    tmp_path: Path, far: FarOperator, traces: Collector
) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url}, timeout=0.4)) as gateway:
        await ask(gateway, WalletCall.VERIFY_SESSION)
        await gateway.call(WalletCall.ROLLBACK_WITHDRAWAL, "never-seen", rollbackReason="one")
        await gateway.call(WalletCall.ROLLBACK_WITHDRAWAL, "never-seen", rollbackReason="another")
        far.go_wrong(Fault.HANG_BEFORE, WalletCall.WITHDRAW)
        # The one that comes second waits, and is told from the first one's tries what became of it.
        answers = await asyncio.gather(*(ask(gateway, WalletCall.WITHDRAW, "twice") for _ in range(2)))
        assert [answer.error_code for answer in answers] == [121, 121]
        await traces.named(WITHDRAW, 2)
        shown = ("insert", "change", "add_reason", "save_session", "find", "find_session", "timeline")
        assert waits(traces) == {f"journal {what}" for what in shown}


async def test_a_journal_that_fails_is_shown_where_the_call_waited_for_it(
    tmp_path: Path, far: FarOperator, traces: Collector
) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url})) as gateway:
        await ask(gateway, WalletCall.VERIFY_SESSION)
        await gateway.runtime._journals.open["default"].close()
        answer = await ask(gateway, WalletCall.WITHDRAW, traceparent=TRACED)
        assert answer.error_code == 123
        spans = {span.name: span for span in await traces.trace(GAME_TRACE, WITHDRAW)}
        assert {name for name, span in spans.items() if span.failed} == {WITHDRAW, "journal insert"}
        assert spans["journal insert"].attributes["error.type"] == "journal_unavailable"


async def test_what_no_call_has_decided_here_has_nothing_to_link_to(
    tmp_path: Path, far: FarOperator, traces: Collector
) -> None:
    async with running(traced(tmp_path, far, {"endpoint": traces.url})) as gateway:
        await ask(gateway, WalletCall.WITHDRAW)
        now = time.time()
        key, lease = Key("acme", Direction.WITHDRAW, "1"), Lease("somebody else", now)
        decided = rules.decide(key, Decision.ROLLBACK, lease, now, amount=None, reason=None)
        assert (await gateway.runtime._journals.open["default"].change(decided)).moved
        far.go_wrong(Fault.ERROR_BEFORE, WalletCall.ROLLBACK_WITHDRAWAL, times=1)
        gateway.runtime._operators._delivery_loops["acme", Recipient.OPERATOR].wake(now)
        tries = await traces.named("delivery try", 2)
        assert [(each.parent, each.links, each.failed) for each in tries] == [("", [], True), ("", [], False)]
