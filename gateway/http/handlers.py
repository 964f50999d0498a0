"""The handler of each call: reads its body, calls the coordinator, and encodes the reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from gateway.operators.operator import Operator
from gateway.records import Decision, Direction
from gateway.telemetry.call_context import note_transfer
from gateway.transfers.coordinator import Coordinator
from gateway.wire import replies
from gateway.wire.calls import WalletCall
from gateway.wire.requests import ConfirmRequest, HoldRequest, RollbackRequest, SessionRequest, read

Handler = Callable[[Coordinator, Operator, bytes], Awaitable[bytes]]
"""Takes the body of a call and returns the body of its 200. Raises `WalletError`."""


async def _verify_session(coordinator: Coordinator, operator: Operator, body: bytes) -> bytes:
    request = read(SessionRequest, body)
    player = await coordinator.verify_session(operator, request.token)
    return replies.player(
        token=request.token,
        player_id=player.player_id,
        money=player.balance,
        nickname=player.nickname,
        language=player.language,
        country=player.country,
    )


async def _get_balance(coordinator: Coordinator, operator: Operator, body: bytes) -> bytes:
    request = read(SessionRequest, body)
    return replies.balance(await coordinator.get_balance(operator, request.token))


def _hold(direction: Direction) -> Handler:
    async def handle(coordinator: Coordinator, operator: Operator, body: bytes) -> bytes:
        request = read(HoldRequest, body)
        note_transfer(request.id)
        balance = await coordinator.hold(
            operator,
            direction,
            token=request.token,
            id=request.id,
            amount=request.amount,
            description=request.description,
        )
        return replies.transfer(request.id, balance)

    return handle


def _confirm(direction: Direction) -> Handler:
    async def handle(coordinator: Coordinator, operator: Operator, body: bytes) -> bytes:
        request = read(ConfirmRequest, body)
        note_transfer(request.id)
        balance = await coordinator.end(
            operator, direction, Decision.CONFIRM, token=request.token, id=request.id, amount=request.amount
        )
        return replies.transfer(request.id, balance)

    return handle


def _roll_back(direction: Direction) -> Handler:
    async def handle(coordinator: Coordinator, operator: Operator, body: bytes) -> bytes:
        request = read(RollbackRequest, body)
        note_transfer(request.id)
        balance = await coordinator.end(
            operator, direction, Decision.ROLLBACK, token=request.token, id=request.id, reason=request.reason
        )
        return replies.transfer(request.id, balance)

    return handle


HANDLERS: Final[Mapping[str, Handler]] = {
    WalletCall.VERIFY_SESSION: _verify_session,
    WalletCall.GET_BALANCE: _get_balance,
    WalletCall.WITHDRAW: _hold(Direction.WITHDRAW),
    WalletCall.CONFIRM_WITHDRAWAL: _confirm(Direction.WITHDRAW),
    WalletCall.ROLLBACK_WITHDRAWAL: _roll_back(Direction.WITHDRAW),
    WalletCall.DEPOSIT: _hold(Direction.DEPOSIT),
    WalletCall.CONFIRM_DEPOSIT: _confirm(Direction.DEPOSIT),
    WalletCall.ROLLBACK_DEPOSIT: _roll_back(Direction.DEPOSIT),
}
"""By call (`WalletCall`)."""
