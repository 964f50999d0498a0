"""Asks an operator what has become of a transfer: `mm-gateway transfers show ID --ask`.

It is asked with the configuration's operator and without a running gateway; nothing is written to the journal.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from gateway.cli.adapters_try_call import Exchange, RecordingClient, build_with
from gateway.cli.asked import Asked, ShownExchange
from gateway.operators.adapter import implements_look_up
from gateway.operators.errors import OperatorError
from gateway.operators.http_client.wire_use import WireUse
from gateway.operators.operator import Operator
from gateway.operators.safe_text import excerpt_of, fit_text
from gateway.records import WALLET_DIRECTIONS, Transfer
from gateway.settings import OperatorSettings


async def ask(transfer: Transfer, operators: Mapping[str, OperatorSettings]) -> Asked:
    """Asks the transfer's operator what has become of it. Raises nothing but what is wrong with the configuration."""
    at = time.time()
    if transfer.direction not in WALLET_DIRECTIONS:
        return Asked(at=at, problem="a payment was made at the operator already; it is the game that is told of it")
    settings = operators.get(transfer.operator)
    if settings is None:
        configured = ", ".join(operators)
        return Asked(at=at, problem=f"no operator {transfer.operator!r} in the configuration; there are: {configured}")
    try:
        client = RecordingClient(settings)
    except OSError as error:
        return Asked(at=at, problem=f"its TLS files cannot be read: {error}")
    operator = build_with(client, transfer.operator, settings)
    try:
        return await _ask(operator, client, transfer, at)
    finally:
        await operator.close()


async def _ask(operator: Operator, client: RecordingClient, transfer: Transfer, at: float) -> Asked:
    if not operator.adapter.can_look_up():
        return Asked(at=at, problem=_why_not(operator))
    state, problem, use = None, "", WireUse()
    begun = time.monotonic()
    try:
        state = await operator.look_up(transfer, use)
    except OperatorError as error:
        problem = error.text
    took_s = time.monotonic() - begun
    session = transfer.session
    secrets = (*operator.secrets, session.token, *session.memory.values(), *use.secrets)
    evidence = tuple(_evidence(exchange, secrets) for exchange in client.exchanges)
    return Asked(at=at, took_s=took_s, state=state, problem=problem, evidence=evidence)


def _why_not(operator: Operator) -> str:
    adapter = operator.settings.adapter
    if implements_look_up(type(operator.adapter)):
        return f"its settings do not say how it is asked what became of a transfer (docs/operators/{adapter}.md)"
    return f"operators of the adapter {adapter} cannot be asked what became of a transfer"


def _evidence(exchange: Exchange, secrets: Iterable[str]) -> ShownExchange:
    request = f"{exchange.method} {exchange.url} {excerpt_of(exchange.body or b'')}".rstrip()
    answer = exchange.answer
    said = f"no answer: {exchange.failure}" if answer is None else f"HTTP {answer.status}: {excerpt_of(answer.body)}"
    secrets = tuple(secrets)
    return ShownExchange(fit_text(request, secrets), fit_text(said, secrets))
