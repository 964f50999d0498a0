"""What an audit looks at: what crossed the wires, what stands in the journal and the ledgers, what the games were told.

Nothing here knows how a gateway works; `Evidence` is what anybody could see from outside of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gateway import records
from gateway.records import Direction
from gateway.sandbox.ledger import Account, Hold
from tests.simulation.database import Version
from tests.simulation.games import Asked, Told
from tests.simulation.operators import Handled, Sent
from tests.simulation.protocols import NAMES_THE_AMOUNT, is_final_at_once
from tests.simulation.world import World
from tests.support.virtual_time import EPOCH

OK: Final = 200
PAYMENT: Final = "payment"
NAMING_S: Final = 180.0
"""Within this time one of the gateways fills in a player who has become known, whatever else goes wrong."""

Key = tuple[str, str, str]
"""Operator, direction, id."""


class Violation(msgspec.Struct, frozen=True):
    """A promise that was broken, by the name of the invariant, and for which transfer if for one."""

    invariant: str
    text: str
    key: Key | None = None


class Evidence:
    """All of one seed, by transfer."""

    def __init__(self, world: World) -> None:
        self.plan = world.plan
        self.world = world
        self.keys: list[Key] = []
        self.sent: dict[Key, list[Sent]] = defaultdict(list)
        self.handled: dict[Key, list[Handled]] = defaultdict(list)
        self.versions: dict[Key, list[Version]] = defaultdict(list)
        self.payment_versions: dict[Key, list[Version]] = defaultdict(list)
        self.asked: dict[Key, list[Asked]] = defaultdict(list)
        self.told: dict[Key, list[Told]] = defaultdict(list)
        everything: dict[Key, dict[str, Any]] = {_key_of(row): row for row in world.database.rows()}
        self.rows = {key: row for key, row in everything.items() if key[1] != PAYMENT}
        self.payments: dict[Key, str] = {key: row["state"] for key, row in everything.items() if key[1] == PAYMENT}
        """The states of payments; `rows` has the wallet's transfers."""
        self.reasons: dict[Key, list[dict[str, Any]]] = defaultdict(list)
        self.attempts: dict[Key, list[dict[str, Any]]] = defaultdict(list)
        self.holds: dict[Key, Hold] = {}
        self.outside = world.held_outside
        self.verified: dict[tuple[str, str], float] = {}
        """When a gateway first told the game whose session it is, by operator and token."""
        self._gather()
        for one in self.world.told:
            if one.asked.call == "verifySession" and one.status == OK:
                self.verified.setdefault((one.asked.operator, one.asked.token), one.at)

    @property
    def journal_was_well(self) -> bool:
        """Whether every gateway got its journal's answer to every write, and lived to see it."""
        struck = self.world.mishaps
        died = struck.get("process killed", 0) + struck.get("power cut", 0)
        return not died and not self.world.database.failures and not self.world.journal_losses

    def player_of(self, operator: str, token: str) -> str:
        """Whose session this is or was, empty for nobody's."""
        return self.world.operators[operator].player_of(token)

    def payer(self, key: Key) -> str:
        """Whose transfer it is: for whom the first request about it went out; as long as none has, by the journal."""
        if self.sent[key]:
            return self.player_of(key[0], self.sent[key][0].token)
        row = self.rows.get(key)
        return "" if row is None else str(row["player_id"])

    def player_in_journal(self, key: Key) -> str:
        """Whose the session of a transfer's row is by what the journal has known for `NAMING_S`; empty for nobody's."""
        operator, direction, id = key
        reads = self.world.database.store.reads
        row = reads.find(records.Key(operator, Direction(direction), id))
        session = None if row is None else reads.find_session(operator, row.session.token)
        if row is None or session is None or self.plan.jump_every_s:
            return ""
        known_at = max(session.verified_at, row.opened_at) - EPOCH
        return session.player_id if known_at + NAMING_S < self.world.loop.time() else ""

    def askers(self, key: Key) -> set[str]:
        """Whoever asked for anything about a transfer, by the sessions that they named."""
        return {self.player_of(key[0], asked.token) for asked in self.asked[key]} - {""}

    def breaker_limit(self, operator: str) -> int:
        """How often in a row an operator may be silent before it is left alone."""
        settings = next(one.settings for one in self.plan.operators if one.name == operator)
        return int(settings["breaker"]["failures"])

    def fared_well(self, process: str, until: float) -> bool:
        """Whether this gateway ran until then without a stop, and had its journal's answer to every write; and nobody's
        clock was wrong, so that none took it for dead."""
        gateway = self.world.gateway(process)
        if gateway is None or gateway.well_until <= until or self.world.database.failures:
            return False
        lost = any(journal.losses for journal in self.world.journals if journal.name == process)
        return not lost and not self.world.mishaps.get("clock jumps")

    def accounts(self) -> Iterator[tuple[str, Account]]:
        """Every player's account, with the operator's name."""
        for operator in self.world.operators.values():
            for account in operator.ledger.accounts.values():
                yield operator.name, account

    def state(self, key: Key) -> str | None:
        row = self.rows.get(key)
        return None if row is None else str(row["state"])

    def wants(self, key: Key) -> str | None:
        row = self.rows.get(key)
        return None if row is None else row["wants"]

    def counts(self, key: Key) -> bool:
        """Whether the operator's books have the money moved."""
        hold = self.holds.get(key)
        return hold is not None and hold.counts

    def unanswerable(self, key: Key) -> bool:
        """Whether the operator's protocol has no word for the end of this transfer, so that nobody can know whether
        there is anything to end: a deposit of which the gateway never saw the beginning."""
        row = self.rows.get(key)
        final_at_once = is_final_at_once(self.world.operators[key[0]].protocol, key[1])
        return final_at_once and row is not None and bool(row["adopted"])

    def is_rolled_back_blindly(self, key: Key) -> bool:
        """Whether the rollback has to name an amount that the gateway does not know."""
        row = self.rows.get(key)
        names_it = self.world.operators[key[0]].protocol in NAMES_THE_AMOUNT
        return names_it and row is not None and bool(row["adopted"]) and row["amount"] is None

    def state_at(self, key: Key, at: float) -> str | None:
        """The state that was committed last before this time."""
        return next((version.state for version in reversed(self.versions[key]) if version.at <= at), None)

    def story_of(self, key: Key) -> list[str]:
        """All that happened to one transfer, in order."""
        lines = [(one.at, _question(one)) for one in self.asked[key]]
        lines += [(one.at, _answer(one)) for one in self.told[key]]
        lines += [
            (one.at, f"{one.process} sends {one.act} as {one.token} (durable: {one.durable})") for one in self.sent[key]
        ]
        lines += [
            (
                one.at,
                f"{one.operator} handles {one.act} {one.fault}: {one.said}, hold {one.hold}, balance {one.balance}",
            )
            for one in self.handled[key]
        ]
        lines += [
            (one.at, f"journal: {one.state} r{one.revision} fate={one.fate} owner={one.owner} wants={one.wants}")
            for one in self.versions[key]
        ]
        return [f"  {at:12.6f}  {text}" for at, text in sorted(lines, key=lambda line: line[0])]

    def log(self) -> str:
        """Everything that happened, in order: the same for the same seed, byte for byte."""
        lines = [line for key in self.keys for line in (f"{key}", *self.story_of(key))]
        return "\n".join([*self.world.story, *lines, ""])

    def _gather(self) -> None:
        for operator in self.world.operators.values():
            for sent in operator.sent:
                self.sent[operator.name, sent.direction, sent.id].append(sent)
            for handled in operator.handled:
                self.handled[operator.name, handled.direction, handled.id].append(handled)
            for hold in operator.ledger.holds.values():
                self.holds[operator.name, hold.direction, hold.id] = hold
        for version in self.world.database.versions:
            versions = self.payment_versions if version.direction == PAYMENT else self.versions
            versions[version.key].append(version)
        for asked in self.world.asked:
            self.asked[asked.operator, asked.direction, asked.id].append(asked)
        for told in self.world.told:
            self.told[told.asked.operator, told.asked.direction, told.asked.id].append(told)
        for reason in self.world.database.reasons():
            self.reasons[_key_of(reason)].append(reason)
        for attempt in self.world.database.attempts():
            self.attempts[_key_of(attempt)].append(attempt)
        everywhere = (self.sent, self.handled, self.versions, self.asked, self.told, self.holds, self.rows)
        self.keys = sorted({key for place in everywhere for key in place if key[2]})


def _key_of(row: dict[str, Any]) -> Key:
    return row["operator"], row["direction"], row["id"]


def _question(asked: Asked) -> str:
    reason = f" {str(asked.reason)[:40]!r}" if "rollback" in asked.call else ""
    return f"game asks {asked.call} {asked.amount}{reason} (call {asked.number}) as {asked.token}"


def _answer(told: Told) -> str:
    said = f"{told.code} {told.text}" if told.code else told.balance or "no balance"
    unheard = "" if told.heard else " (unheard)"
    call = f"{told.asked.call} (call {told.asked.number}, copy {told.asked.copy})"
    return f"{told.gateway} answers {call}: {told.status} {said}{unheard}"
