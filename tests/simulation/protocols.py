"""What the auditor has to know of each protocol that is played, read from the adapters and their simulated sides."""

from __future__ import annotations

from functools import cache
from typing import Final

from gateway.operators import Adapter
from gateway.operators.registry import adapter
from gateway.records import WALLET_DIRECTIONS
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.simulated import Act, Meaning, Simulated, simulated_operators
from gateway.sandbox.stores import MemoryStore

PROTOCOLS: Final = (*("quantum",) * 12, *("hub88",) * 6, *sorted({*simulated_operators()} - {"quantum", "hub88"}))
"""The game's own format is played most often, then Hub88's, then the others by turns."""

NONE: Final[frozenset[str]] = frozenset()
WHO_ASKS: Final = frozenset({"session", "player"})
ANYTHING: Final = frozenset({*WHO_ASKS, "funds", "limit", "currency", "amount"})

REFUSALS: Final = {
    "quantum": {
        ("hold", "withdraw"): ANYTHING,
        ("hold", "deposit"): ANYTHING,
        ("rollback", "withdraw"): ANYTHING | {"not_found"},
        ("rollback", "deposit"): ANYTHING | {"not_found"},
    },
    "hub88": {
        ("hold", "withdraw"): WHO_ASKS | {"funds", "limit"},
        ("hold", "deposit"): WHO_ASKS,
        ("rollback", "withdraw"): WHO_ASKS | {"not_found"},
        ("rollback", "deposit"): WHO_ASKS | {"not_found"},
    },
}
"""By protocol and request: the causes for a refusal which prove that nothing was booked. Of the other protocols the
auditor demands no more than that nothing is lost; what their codes prove is held by the suite for adapters."""


def refusals(protocol: str, act: str, direction: str) -> frozenset[str]:
    """The causes which prove that nothing was booked, as far as they are demanded."""
    return REFUSALS.get(protocol, {}).get((act, direction), NONE)


WITHOUT_CONFIRM: Final = {"withdraw": {"evenbet", "slotegrator"}, "deposit": {"hub88", "slotegrator"}}
"""The protocols that have no word for the confirm of a hold of this direction."""


def is_final_at_once(protocol: str, direction: str) -> bool:
    """Whether the protocol has no word for the confirm of this direction."""
    return protocol in WITHOUT_CONFIRM[direction] or (direction == "deposit" and not has_deposits(protocol))


def has_one_session(protocol: str) -> bool:
    """Whether a session's token names the player, and so is the same for all of a player's sessions."""
    return "session_token" in adapter(protocol).Settings.model_fields


def opening_balances(protocol: str) -> tuple[str, ...]:
    """What a player may begin with. Most protocols cannot tell a balance with more than two digits after the point."""
    return ("100", "100000", "1234567890123.45678" if protocol in REFUSALS else "1234567890123.45")


def has_deposits(protocol: str) -> bool:
    """Whether the contract has deposits."""
    return adapter(protocol).deposit is not Adapter.deposit


@cache
def rules_ends_out(protocol: str) -> bool:
    """Whether the contract has a code that says that an end can never succeed."""
    kind: type[Simulated] = simulated_operators()[protocol].load()
    simulated = kind(Ledger(MemoryStore()))
    return any(
        simulated.meaning(code, act, direction) is Meaning.PARK
        for code in simulated.codes()
        for act in (Act.CONFIRM, Act.ROLLBACK)
        for direction in WALLET_DIRECTIONS
    )


NAMES_THE_AMOUNT: Final = frozenset({"evenbet", "evolution", "slotegrator"})
"""The protocols whose rollback names the amount. Where the gateway does not know it, only the operator's word that
there is no such hold is believed; whatever else it says, a person must see what was given back."""

NAMES_NO_SESSION: Final = frozenset({"pragmatic"})
"""The protocols whose confirms and rollbacks name the player and no session."""

SAYS_A_BALANCE_ALONE: Final = frozenset({("softswiss", "confirm")})
"""The answers, by protocol and request, that hold nothing but a balance: without it, nothing says yes."""


def outlives_repeats(protocol: str) -> bool:
    """Whether the protocol has a way to ask anew after "never heard of it", at an operator that repeats its answers."""
    simulated: type[Simulated] = simulated_operators()[protocol].load()
    return "a_late_hold_is_undone_by_an_operator_that_repeats_its_answers" not in simulated.exemptions


def asks_once(protocol: str) -> bool:
    """Whether the adapter makes one request for each call of the wallet; others may look up a player first, or have
    calls that send nothing. The question what became of a transfer is a call of its own."""
    return has_deposits(protocol) and not adapter(protocol).needs_player
