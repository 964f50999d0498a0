"""An adapter under test: the gateway's real operator and client, and real sockets to the adapter's simulated side."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

from gateway.clock import SystemClock
from gateway.money import Money
from gateway.operators.adapter import Adapter, Player
from gateway.operators.bulkhead import GROUP_OF
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.tls import tls_context
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.records import Direction, Session, State, Transfer
from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.ledger import Hold, Ledger, Seen
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.simulated import Simulated, Unknown
from gateway.sandbox.stores import MemoryStore
from gateway.settings import OperatorSettings
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import WalletCall

NAME: Final = "workbench"
PLAYER: Final = "player-1"
TOKEN: Final = "token-of-player-1"  # noqa: S105 - of a simulated player
IDLE_TIMEOUT_S: Final = 5.0


class Workbench:
    """One operator and its simulated side. `attempt` makes a call as the gateway would; `ledger` is the operator's."""

    def __init__(self, server: SandboxServer, operator: Operator) -> None:
        self.server = server
        self.operator = operator
        self.ledger = server.ledger
        self.session = Session(operator=NAME, token=TOKEN)

    async def verify(self) -> Player:
        """Verifies the player's session. Transfers made afterwards carry the player's id and the adapter's memory.

        Raises `OperatorError`."""
        player = await self.operator.verify_session(Session(operator=NAME, token=TOKEN))
        self.session = Session(operator=NAME, token=TOKEN, player_id=player.player_id, memory=player.memory)
        return player

    def transfer(self, direction: Direction, amount: Money, id: str = "1234abcd") -> Transfer:
        """A new transfer of the player's, which the operator has not seen yet."""
        return Transfer(
            operator=NAME,
            direction=direction,
            id=id,
            state=State.SENDING,
            amount=amount,
            description="A purchase",
            session=self.session,
            opened_at=0.0,
            changed_at=0.0,
        )

    async def attempt(self, call: WalletCall, transfer: Transfer) -> Outcome:
        """One try at the operator, as the gateway makes it. Raises `Refused` if the bulkhead has no slot,
        and never what the adapter raises."""
        async with self.operator.admit(GROUP_OF[call]) as admission:
            return await admission.attempt(call, transfer)

    def go_wrong(self, fault: Fault) -> None:
        """Makes this fault happen to every request from now on."""
        self.server.operator.switch([FaultRule(fault=fault, delay_s=0.0)])

    def wire(self, call: WalletCall) -> list[Seen]:
        """The requests for this call, in the order of arrival."""
        return [entry for entry in self.ledger.wire() if entry.call == call]

    def hold(self, transfer: Transfer) -> Hold | None:
        """The transfer's hold in the operator's books, None if there is none."""
        held = (hold for hold in self.ledger.holds.values() if (hold.direction, hold.id) == transfer.key[1:])
        return next(held, None)

    @property
    def balance(self) -> Money:
        """The player's balance in the operator's books."""
        account = self.ledger.accounts[PLAYER]
        return Money(account.balance, account.currency)


@asynccontextmanager
async def workbench(
    adapter: type[Adapter],
    simulated: type[Simulated],
    balance: Money,
    *,
    timeout_s: float,
    unknown_rollback: Unknown | None = None,
    settings: dict[str, Any] | None = None,
) -> AsyncIterator[Workbench]:
    """A workbench with one player, who has this balance. `settings` replaces some of the adapter's settings."""
    ledger = Ledger(MemoryStore())
    ledger.enrol(PLAYER, TOKEN, balance)
    server = SandboxServer(simulated(ledger, unknown_rollback))
    await server.start()
    operator = build(adapter, {**simulated.adapter_settings(server.base_url), **(settings or {})}, timeout_s)
    try:
        yield Workbench(server, operator)
    finally:
        await operator.close()
        await server.close()
        ledger.close()


@cache
def _tls() -> ssl.SSLContext:
    return tls_context(None, None, None)


def build(adapter: type[Adapter], settings: dict[str, Any], timeout_s: float) -> Operator:
    """An operator as the gateway builds it; the adapter need not be installed. Raises pydantic's `ValidationError`."""
    configured = OperatorSettings(adapter=NAME, settings=settings, timeout=timeout_s)
    client = HttpClient(
        timeout_s=timeout_s,
        connect_timeout_s=timeout_s,
        idle_s=IDLE_TIMEOUT_S,
        max_answer=configured.max_answer,
        tls=_tls(),
    )
    validated = adapter.Settings.model_validate(settings)
    return Operator(NAME, configured, adapter(validated, client), client, Metrics(), SystemClock())
