"""Everything that is fuzzed, by name."""

from __future__ import annotations

from typing import Final

from tests.fuzz import addresses, answers, credentials, money, operators, payments, sealing, settings, simulated, wire
from tests.fuzz.target import Target

TARGETS: Final = {
    target.name: target
    for target in (
        Target("calls", wire.check_calls, wire.WORDS),
        Target("rollback", wire.check_rollback, wire.WORDS),
        Target("members", wire.check_members, wire.WORDS),
        Target("credentials", credentials.check, credentials.WORDS, longest=256),
        Target("addresses", addresses.check, addresses.WORDS, longest=512),
        Target("settings", settings.check, settings.WORDS, longest=512, is_slow=True),
        Target("money", money.check, money.WORDS, longest=128),
        Target("sealing", sealing.check, sealing.WORDS, longest=256),
        Target("answers", answers.check, answers.WORDS, longest=1024),
        Target("quantum", operators.checking("quantum"), operators.QUANTUM_WORDS, longest=1024),
        Target("hub88", operators.checking("hub88"), operators.HUB88_WORDS, longest=1024),
        Target("payment-quantum", payments.check_quantum, payments.QUANTUM_WORDS, longest=1024),
        Target("payment-odnoklassniki", payments.check_odnoklassniki, payments.ODNOKLASSNIKI_WORDS, longest=1024),
        Target("simulated-quantum", simulated.checking("quantum"), simulated.WORDS["quantum"], longest=1024),
        Target("simulated-hub88", simulated.checking("hub88"), simulated.WORDS["hub88"], longest=1024),
    )
}
