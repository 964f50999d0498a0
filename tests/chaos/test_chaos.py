"""A short chaos: the real thing, with everything that `make chaos` does to it, at least once."""

from __future__ import annotations

from pathlib import Path

from gateway.records import QueriedState
from tests.chaos.audit_around import Around
from tests.chaos.plan import Sizes
from tests.chaos.play import play
from tests.chaos.report import lines, summary

SIZES = Sizes(seed=1, transfers=300, restart_database_every_s=3.0, at_once=20)


async def test_every_promise_is_kept_while_gateways_and_their_database_die(tmp_path: Path) -> None:
    played = await play(SIZES, tmp_path)
    assert played.promises_kept, "\n".join([*lines(played), summary(played)])
    assert len(played.evidence.told) == SIZES.transfers
    assert len({told.purchase.id for told in played.evidence.told}) == SIZES.transfers
    for misfortune in ("killed (SIGKILL)", "slept for longer", "database was restarted", "crashed", "hung"):
        assert any(misfortune in name for name in played.happened), misfortune
    assert played.evidence.parked
    assert_all_is_played_around_the_wallet(played.evidence.around)


def assert_all_is_played_around_the_wallet(around: Around) -> None:
    assert any(callback.acknowledged for callback in around.callbacks)
    assert any(callback.refused and callback.genuine for callback in around.callbacks)
    assert any(callback.refused and not callback.genuine for callback in around.callbacks)
    assert any(callback.acknowledged and len(callback.statuses) > 1 for callback in around.callbacks)
    assert any(len(notices) > 1 for shop in around.shops.values() for notices in shop.bodies.values())
    assert around.parked
    told = {asked.state for asked in around.asked}
    assert told >= {QueriedState.CONFIRMED, QueriedState.ROLLED_BACK, QueriedState.PENDING}
