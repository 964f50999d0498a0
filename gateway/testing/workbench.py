"""An adapter at work: the real operator and client of the gateway, and real sockets to the adapter's simulated side."""

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
IDLE_S: Final = 5.0


class Workbench:
    """One operator and its simulated side. `attempt` makes a call as the gateway would."""

    def __init__(self, server: SandboxServer, operator: Operator) -> None:
        self.server = server
        self.operator = operator
        self.ledger = server.ledger
        self.session = Session(operator=NAME, token=TOKEN)

    async def verify(self) -> Player:
        """Verifies the player's session; transfers made after it carry what was learnt."""
        player = await self.operator.verify_session(Session(operator=NAME, token=TOKEN))
        self.session = Session(operator=NAME, token=TOKEN, player_id=player.player_id, memory=player.memory)
        return player

    def transfer(self, direction: Direction, amount: Money, id: str = "1234abcd") -> Transfer:
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
        async with self.operator.admit(GROUP_OF[call]) as admission:
            return await admission.attempt(call, transfer)

    def go_wrong(self, fault: Fault) -> None:
        """Every request from now on."""
        self.server.operator.switch([FaultRule(fault=fault, delay_s=0.0)])

    def wire(self, call: WalletCall) -> list[Seen]:
        """The requests of this kind that arrived."""
        return [seen for seen in self.ledger.wire() if seen.call == call]

    def hold(self, transfer: Transfer) -> Hold | None:
        """What the operator's books say of the transfer."""
        held = (hold for hold in self.ledger.holds.values() if (hold.direction, hold.id) == transfer.key[1:])
        return next(held, None)

    @property
    def balance(self) -> Money:
        """What the operator's books say that the player has."""
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
    """A workbench with one player. `settings` replaces single ones of those that the simulated side asks for."""
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
    """An operator as the gateway builds it, of an adapter that need not be installed."""
    configured = OperatorSettings(adapter=NAME, settings=settings, timeout=timeout_s)
    client = HttpClient(
        timeout_s=timeout_s,
        connect_timeout_s=timeout_s,
        idle_s=IDLE_S,
        max_answer=configured.max_answer,
        tls=_tls(),
    )
    validated = adapter.Settings.model_validate(settings)
    return Operator(NAME, configured, adapter(validated, client), client, Metrics(), SystemClock())
