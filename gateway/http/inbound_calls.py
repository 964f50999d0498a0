"""The handler of each call that operators make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from gateway.http.inbound import (
    Handle,
    InboundHandler,
    InboundHandlers,
    InboundReply,
    InboundRequest,
    InboundServices,
    NotAuthenticated,
)
from gateway.launch.service import LaunchService, launch
from gateway.operators.operator import Operator
from gateway.payments import PaymentCallback, PaymentOutcome, PaymentRefused, RefusedAfterSignature
from gateway.payments.answers import ERROR_OF_OUTCOME
from gateway.payments.game import GameFarSide
from gateway.records import Direction, Key
from gateway.telemetry.call_context import note_session, note_transfer
from gateway.transfers.context import await_journal
from gateway.transfers.final_state import final_state
from gateway.wire import replies
from gateway.wire.calls import InboundCall
from gateway.wire.requests import QueryRequest, read

log = structlog.get_logger(__name__)

_UNREADABLE: Final = "what became of the transfer cannot be read now; ask again"


def _query(direction: Direction) -> Handle:
    """Reads the journal alone: the operator asks since it wants to know what is recorded here."""

    async def handle(services: InboundServices, operator: Operator, request: InboundRequest) -> InboundReply:
        query = read(QueryRequest, request.body)
        note_transfer(query.id)
        # The key holds the operator's name: nobody can ask for another one's transfers.
        key = Key(operator.name, direction, query.id)
        transfer = await await_journal(services.journals[operator.journal].find(key), _UNREADABLE)
        if transfer is not None:
            note_session(transfer.session)
        return InboundReply(200, replies.final_state(key, final_state(transfer)))

    return handle


async def _launch(services: InboundServices, operator: Operator, request: InboundRequest) -> InboundReply:
    service = LaunchService(services.coordinator.verify_session, services.clock)
    return InboundReply(200, await launch(service, operator, request.body))


async def _take_payment(services: InboundServices, operator: Operator, request: InboundRequest) -> InboundReply:
    """Answers in the payment system's own format; who cannot sign gets the answer of an operator that does not
    exist."""
    game = operator.game
    if not isinstance(game, GameFarSide) or request.method not in game.format.methods:
        raise NotAuthenticated
    outcome, answer = await services.payments.call_back(operator, _callback(request))
    if outcome is PaymentOutcome.FORGED:
        raise NotAuthenticated
    error = None if outcome.taken else ERROR_OF_OUTCOME[outcome]
    return InboundReply(answer.status, answer.body, answer.content_type, error, answer.headers)


def _find_signer(request: InboundRequest, operators: Sequence[Operator]) -> Operator | None:
    """All are tried, so that the time does not tell whose secret it was."""
    callback = _callback(request)
    signers = [one for one in operators if _has_signed(one, request, callback)]
    return signers[0] if len(signers) == 1 else None


def _has_signed(operator: Operator, request: InboundRequest, callback: PaymentCallback) -> bool:
    game = operator.game
    if not isinstance(game, GameFarSide) or request.method not in game.format.methods:
        return False
    try:
        game.format.read(callback, 0.0)
    except RefusedAfterSignature:
        return True
    except PaymentRefused:
        return False
    except Exception:  # a format that fails must not keep other operators' payments away
        log.exception("a payment format failed", operator=operator.name)
        return False
    return True


def _callback(request: InboundRequest) -> PaymentCallback:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return PaymentCallback(method=request.method, query=request.query, headers=headers, body=request.body)


INBOUND: Final[InboundHandlers] = {
    InboundCall.QUERY_WITHDRAWAL: InboundHandler(handle=_query(Direction.WITHDRAW), is_cut=True),
    InboundCall.QUERY_DEPOSIT: InboundHandler(handle=_query(Direction.DEPOSIT), is_cut=True),
    InboundCall.LAUNCH: InboundHandler(handle=_launch),
    InboundCall.PAYMENT: InboundHandler(
        handle=_take_payment,
        methods=frozenset({"GET", "POST"}),
        signed=True,
        find_operator=_find_signer,
        json_only=False,
    ),
}
