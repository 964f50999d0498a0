"""What an operator's answers mean to whoever knows its protocol: a clear yes, a clear no, or at least a word."""

from __future__ import annotations

from typing import Final

from gateway.sandbox.faults import BALANCE_FAULTS, Fault
from tests.simulation.evidence import Evidence
from tests.simulation.operators import YES, Handled
from tests.simulation.protocols import SAYS_A_BALANCE_ALONE, refusals

UNSPOILT: Final = frozenset({"", Fault.DELAY, Fault.DUPLICATE})
"""Faults that leave the operator's answer as it is."""

ALREADY: Final = {"confirm": "duplicate", "rollback": "rolled_back"}
"""What an operator that refuses repeats says of an end that it has booked before."""


def is_yes(evidence: Evidence, one: Handled) -> bool:
    """Whether a gateway has heard that the operator did it, now or before. An answer to a hold in another currency may
    be about another one, and one without a balance may be an echo; of an end they say all that matters."""
    if one.heard_at is None or evidence.is_rolled_back_blindly((one.operator, one.direction, one.id)):
        return False
    protocol = evidence.world.operators[one.operator].protocol
    if one.said == YES:
        if one.fault == Fault.NO_BALANCE and (protocol, one.act) in SAYS_A_BALANCE_ALONE:
            return False
        return one.fault in UNSPOILT or (one.fault in BALANCE_FAULTS and not _in_doubt(one))
    refuses_repeats = evidence.world.operators[one.operator].manner.refuses_repeats
    return refuses_repeats and one.said == ALREADY.get(one.act) and one.fault in UNSPOILT


def is_no(evidence: Evidence, one: Handled) -> bool:
    """Whether a gateway has heard an error that proves that nothing was booked, from an operator that tells one cause
    from another."""
    operator = evidence.world.operators[one.operator]
    if one.heard_at is None or not operator.manner.says_why:
        return False
    proofs = refusals(operator.protocol, one.act, one.direction)
    return one.said in proofs and one.fault in {*UNSPOILT, Fault.DECLINE}


def is_word(one: Handled) -> bool:
    """Whether a gateway has heard an answer in the operator's own protocol, be it yes, no, or an error of any kind.
    What need not be an answer to this hold is none."""
    spoken = one.fault in {*UNSPOILT, *BALANCE_FAULTS, Fault.DECLINE, Fault.OTHER_ERROR}
    return one.heard_at is not None and spoken and not _in_doubt(one)


def _in_doubt(one: Handled) -> bool:
    return one.act == "hold" and one.fault in {Fault.OTHER_CURRENCY, Fault.NO_BALANCE}
