"""Whose money it is: a transfer is its own player's from its first request to its last, whoever else names it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from tests.simulation.database import Version
from tests.simulation.evidence import Evidence, Key, Violation
from tests.simulation.games import HOLDS, ROLLBACKS, Told
from tests.simulation.operators import Sent
from tests.simulation.protocols import NAMES_NO_SESSION

OK: Final = 200
PENDING: Final = 120
OTHER_PLAYER: Final = 115
ENDS: Final = frozenset({"confirm", "rollback"})
WRITING_S: Final = 6.0
"""How long a gateway may take to hear what came of a try, and to write it down."""
LAST_TRIES: Final = 4
"""Among so many tries in a row, each session that may still work is used."""


def own_player(evidence: Evidence) -> Iterator[Violation]:
    """Every confirm and rollback that names a session names one of the transfer's own player. Some protocols name the
    one that they gave when the ticket was shown; where nobody knows it, the end goes out without."""
    for key in evidence.keys:
        payer = evidence.payer(key)
        for sent in evidence.sent[key]:
            player = evidence.player_of(key[0], sent.token)
            if sent.act in ENDS and payer and sent.token and player != payer:
                yield Violation("own_player", f"{sent.act} of what is {payer}'s was sent as {player or 'nobody'}", key)


def strangers_refused(evidence: Evidence) -> Iterator[Violation]:
    """Who is known to be another player than the transfer's ends nothing, and leaves no reason; who is told so is
    another player."""
    for key in evidence.keys:
        for told in evidence.told[key]:
            player = evidence.player_of(key[0], told.asked.token)
            if told.code == OTHER_PLAYER and not (player and _others(evidence, key, player, told.at)):
                yield Violation("strangers_refused", f"{player or 'nobody'} was taken for another player", key)
            if not _is_known_stranger(evidence, key, told):
                continue
            if told.status == OK:
                yield Violation("strangers_refused", f"{player} was told that {told.asked.call} is done", key)
            if told.asked.call in ROLLBACKS and _is_kept(evidence, key, told.asked.reason):
                yield Violation("strangers_refused", f"the reason of {player} is kept", key)


def players_kept(evidence: Evidence) -> Iterator[Violation]:
    """Whose a transfer is, once known, is never forgotten and never becomes another one."""
    for key in evidence.keys:
        for before, after in pairwise(evidence.versions[key]):
            if before.player_id and after.player_id != before.player_id:
                yield Violation("players_kept", f"{before.player_id} became {after.player_id or 'nobody'}", key)


def players_named(evidence: Evidence) -> Iterator[Violation]:
    """An operator that was told at the hold whose it is, is told so at its end too, if the hold's sender could write
    down what came of it."""
    for key in evidence.keys:
        named = next((sent.player for sent in evidence.sent[key] if sent.act == "hold"), "")
        for sent in evidence.sent[key]:
            if sent.act in ENDS and named and sent.player != named and _outcome_was_written(evidence, key):
                yield Violation("players_named", f"{sent.act} names {sent.player or 'nobody'}, the hold {named}", key)


def live_sessions_tried(evidence: Evidence) -> Iterator[Violation]:
    """Nothing is given up while the player has a session, known to the gateway, that was not tried lately."""
    for key in evidence.keys:
        operator = evidence.world.operators[key[0]]
        if not operator.manner.checks_ends or operator.protocol in NAMES_NO_SESSION:
            continue
        for version in evidence.versions[key]:
            tries = [sent for sent in evidence.sent[key] if sent.act in ENDS and sent.at < version.at][-LAST_TRIES:]
            noted = all(evidence.fared_well(sent.process, sent.at + WRITING_S) for sent in tries)
            if version.state == "parked" and len(tries) == LAST_TRIES and noted:
                yield from _untried(evidence, key, version, tries)


def players_filled_in(evidence: Evidence) -> Iterator[Violation]:
    """The row of a transfer says at the end whose it is, if the journal knows whose its session is; and never anybody
    else."""
    for key, row in evidence.rows.items():
        payer = evidence.payer(key)
        if payer and row["player_id"] not in {"", payer}:
            yield Violation("players_filled_in", f"what is {payer}'s says {row['player_id']}", key)
        if not row["player_id"] and (known := evidence.player_in_journal(key)):
            yield Violation("players_filled_in", f"it is nobody's, and the journal knows {known}", key)


INVARIANTS: Final = (own_player, strangers_refused, players_kept, players_filled_in, players_named, live_sessions_tried)


def _untried(evidence: Evidence, key: Key, version: Version, tries: list[Sent]) -> Iterator[Violation]:
    over_at = evidence.world.operators[key[0]].over_at
    alive = {
        token for token in _known_sessions(evidence, key, tries[0].at) if over_at.get(token, version.at) >= version.at
    }
    if alive and not alive & {sent.token for sent in tries}:
        yield Violation("live_sessions_tried", f"parked without a try in {sorted(alive)}", key)


def _known_sessions(evidence: Evidence, key: Key, before: float) -> Iterator[str]:
    """That of the hold; and each in which the game asked for the end when the gateway had learnt whose it is. Whether
    that is the same player nobody can say who never learnt whose the hold's session was."""
    yield from (
        sent.token for sent in evidence.sent[key] if sent.act == "hold" and _is_payers(evidence, key, sent.token)
    )
    for told in evidence.told[key]:
        verified_at = evidence.verified.get((key[0], told.asked.token))
        learnt = verified_at is not None and verified_at < told.reached_at
        if (
            learnt
            and _player_of_row(evidence, key, told.reached_at)
            and told.code == PENDING
            and told.at < before
            and _is_payers(evidence, key, told.asked.token)
        ):
            yield told.asked.token


def _others(evidence: Evidence, key: Key, player: str, at: float) -> bool:
    """Whether the transfer could be taken for another one's at this time. While it has no row, or where nothing was
    ever sent for it, that is whoever else named it."""
    payer = evidence.payer(key)
    if payer and any(version.at < at for version in evidence.versions[key]):
        return payer != player
    return bool(evidence.askers(key) - {player})


def _is_known_stranger(evidence: Evidence, key: Key, told: Told) -> bool:
    """Whether the gateway knew both players when the call came: the transfer's by its row, and the caller's because it
    had told the game itself. Where it has to ask first, the operator need not answer."""
    player = evidence.player_of(key[0], told.asked.token)
    verified_at = evidence.verified.get((key[0], told.asked.token))
    if told.asked.call in HOLDS or verified_at is None or verified_at >= told.reached_at:
        return False
    return bool(_player_of_row(evidence, key, told.reached_at)) and evidence.payer(key) != player


def _outcome_was_written(evidence: Evidence, key: Key) -> bool:
    """Whether the row's second version is what the hold's sender made of its outcome."""
    first, second = [*evidence.versions[key], None, None][:2]
    written = any(attempt["call"] in HOLDS for attempt in evidence.attempts[key])
    return written and first is not None and second is not None and second.by == first.by and not second.owner


def _player_of_row(evidence: Evidence, key: Key, at: float) -> str:
    """Whose transfer it was by the journal at this time."""
    row = next((version for version in reversed(evidence.versions[key]) if version.at < at), None)
    return "" if row is None else row.player_id


def _is_payers(evidence: Evidence, key: Key, token: str) -> bool:
    return bool(evidence.payer(key)) and evidence.player_of(key[0], token) == evidence.payer(key)


def _is_kept(evidence: Evidence, key: Key, reason: object) -> bool:
    """Only what the rival alone says can be told from what the player itself has said."""
    told = isinstance(reason, str) and reason.startswith("the rival of ")
    return told and any(kept["text"] == reason for kept in evidence.reasons[key])
