"""The handler of each call that operators make."""

from __future__ import annotations

from typing import Final

from gateway.http.inbound import Handle, InboundHandler, InboundHandlers, InboundReply, InboundRequest, InboundServices
from gateway.operators.operator import Operator
from gateway.records import Direction, Key
from gateway.telemetry.call_context import note_session, note_transfer
from gateway.transfers.context import await_journal
from gateway.transfers.final_state import final_state
from gateway.wire import replies
from gateway.wire.calls import InboundCall
from gateway.wire.requests import QueryRequest, read

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


INBOUND: Final[InboundHandlers] = {
    InboundCall.QUERY_WITHDRAWAL: InboundHandler(handle=_query(Direction.WITHDRAW)),
    InboundCall.QUERY_DEPOSIT: InboundHandler(handle=_query(Direction.DEPOSIT)),
}
