"""Records as rows: the columns and values that both stores write and read, so that `copy` can move a journal as it is.

Amounts are exact decimal text; times are Unix seconds; enums are their text. A session's token and memory are sealed
together in one value (`sealing`); texts that people or operators chose are escaped (`text_escaping`). A transfer's own
memory is not sealed: it is a JSON object, NULL where it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import structlog

from gateway.journal.interface import JournalMisconfigured
from gateway.journal.sealing import Sealer, Unsealable
from gateway.journal.text_escaping import escape, unescape
from gateway.money import Money
from gateway.reasons import Source
from gateway.records import (
    Attempt,
    Decision,
    Direction,
    Fate,
    Instance,
    Key,
    Reason,
    Session,
    State,
    Transfer,
    Verdict,
)

TRANSFER_COLUMNS: Final = (
    "id",
    "operator",
    "direction",
    "state",
    "amount",
    "currency",
    "description",
    "player_id",
    "session",
    "fingerprint",
    "adopted",
    "fate",
    "wants",
    "tries",
    "missing_at",
    "revision",
    "owner",
    "due_at",
    "opened_at",
    "decided_at",
    "changed_at",
    "hold_balance",
    "hold_currency",
    "end_balance",
    "end_currency",
    "rollback_reason",
    "spare_session",
    "memory",
    "first_ended_at",
)
ATTEMPT_COLUMNS: Final = ("call", "at", "took_s", "verdict", "kind", "detail", "instance", "player", "session")
REASON_COLUMNS: Final = ("text", "source", "category", "at", "who", "times", "last_at")

# Dictionaries, since calling an enum class is slower, and every row has four enums.
_STATES: Final = {str(state): state for state in State}
_DIRECTIONS: Final = {str(direction): direction for direction in Direction}
_FATES: Final = {str(fate): fate for fate in Fate}
_WANTS: Final = {None: None} | {str(decision): decision for decision in Decision}
_NO_MONEY: Final = (None, None)

_decode_secrets: Final = msgspec.json.Decoder(tuple[str, dict[str, str]]).decode
_decode_memory: Final = msgspec.json.Decoder(dict[str, str]).decode
_encode: Final = msgspec.json.Encoder().encode

log = structlog.get_logger(__name__)


class Rows:
    """Turns records into rows and back; `sealer` encrypts the secrets in them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def of_transfer(self, transfer: Transfer) -> tuple[Any, ...]:
        """A transfer as the values of `TRANSFER_COLUMNS`."""
        session = transfer.session
        return (
            escape(transfer.id),
            transfer.operator,
            transfer.direction,
            transfer.state,
            *of_money(transfer.amount),
            escape(transfer.description),
            escape(session.player_id),
            self.of_session(session),
            transfer.fingerprint,
            transfer.adopted,
            transfer.fate,
            transfer.wants,
            transfer.tries,
            transfer.missing_at,
            transfer.revision,
            transfer.owner,
            transfer.due_at,
            transfer.opened_at,
            transfer.decided_at,
            transfer.changed_at,
            *of_money(transfer.hold_balance),
            *of_money(transfer.end_balance),
            of_text(transfer.rollback_reason),
            self.of_spare(transfer.spare_session),
            of_memory(transfer.memory) if transfer.memory else None,
            transfer.first_ended_at,
        )

    def transfer(self, row: Sequence[Any]) -> Transfer:
        """The inverse of `of_transfer`."""
        (
            id_,
            operator,
            direction,
            state,
            amount,
            currency,
            description,
            player_id,
            session,
            fingerprint,
            adopted,
            fate,
            wants,
            tries,
            missing_at,
            revision,
            owner,
            due_at,
            opened_at,
            decided_at,
            changed_at,
            hold_balance,
            hold_currency,
            end_balance,
            end_currency,
            rollback_reason,
            spare_session,
            memory,
            first_ended_at,
        ) = row
        return Transfer(
            operator=operator,
            direction=_DIRECTIONS[direction],
            id=unescape(id_),
            state=_STATES[state],
            amount=_money(amount, currency),
            description=unescape(description),
            session=self.session(operator, player_id, session),
            fingerprint=fingerprint,
            adopted=bool(adopted),
            fate=_FATES[fate],
            wants=_WANTS[wants],
            tries=tries,
            missing_at=missing_at,
            revision=revision,
            owner=owner,
            due_at=due_at,
            opened_at=opened_at,
            decided_at=decided_at,
            changed_at=changed_at,
            hold_balance=_money(hold_balance, hold_currency),
            end_balance=_money(end_balance, end_currency),
            rollback_reason=None if rollback_reason is None else unescape(rollback_reason),
            spare_session=None if spare_session is None else self._spare_session(operator, player_id, spare_session),
            memory={} if memory is None else _memory(operator, id_, memory),
            first_ended_at=first_ended_at,
        )

    def of_session(self, session: Session) -> bytes:
        """The session's token and memory, sealed. They open for the same operator only."""
        secrets = _encode((escape(session.token), _map_texts(escape, session.memory)))
        return self._sealer.seal(secrets, session.operator.encode())

    def of_spare(self, session: Session | None) -> bytes | None:
        """As `of_session`, None where there is no spare session. Its player is the transfer's, and not kept twice."""
        return None if session is None else self.of_session(session)

    def session(self, operator: str, player_id: str, sealed: bytes, verified_at: float = 0.0) -> Session:
        """The inverse of `of_session`. A session whose key is not configured any more has an empty token."""
        try:
            token, memory = _decode_secrets(self._sealer.open(sealed, operator.encode()))
        except (Unsealable, msgspec.DecodeError) as error:
            # Not raised: a decided transfer must still be delivered, and must not fail the others of its batch
            # (docs/decisions/013-sessions-at-rest.md; tests/unit/journal/test_rows.py). A copy does refuse it.
            log.error("session not readable", operator=operator, error=str(error))  # noqa: TRY400 - the text says all
            return Session(operator=operator, token="", player_id=unescape(player_id))
        return Session(
            operator=operator,
            token=unescape(token),
            player_id=unescape(player_id),
            memory=_map_texts(unescape, memory),
            verified_at=verified_at,
        )

    def _spare_session(self, operator: str, player_id: str, sealed: bytes) -> Session | None:
        # Without its token a spare session is of no use. Nothing is lost where loss matters: it was sealed with the
        # same key as the transfer's session, and a copy has already refused that one.
        spare = self.session(operator, player_id, sealed)
        return spare if spare.token else None

    def require_key(self, operator: str, sealed: bytes) -> None:
        """Raises `JournalMisconfigured` if a sealed session cannot be opened: for the start, to find a lost key
        early."""
        try:
            self._sealer.open(sealed, operator.encode())
        except Unsealable as error:
            raise JournalMisconfigured(
                f"{error}: configure its key as encryption_key or one of former_encryption_keys, or set "
                "read_unencrypted for sessions from before the first key"
            ) from None

    def digest(self, session: Session) -> bytes:
        """What a session is written and found under."""
        return self._sealer.digest(_token_bytes(session.token))

    def digests(self, token: str) -> list[bytes]:
        """What a session with this token may have been written under, the likeliest first: there is one for each
        key."""
        return self._sealer.digests(_token_bytes(token))


def of_key(key: Key) -> tuple[str, str, str]:
    """A key as the values of the columns `id, operator, direction`: in the order of the tables' key, id first."""
    operator, direction, id_ = key
    return escape(id_), operator, direction


def of_attempt(attempt: Attempt) -> tuple[Any, ...]:
    """An attempt as the values of `ATTEMPT_COLUMNS`."""
    return (
        attempt.call,
        attempt.at,
        attempt.took_s,
        attempt.verdict,
        attempt.kind,
        escape(attempt.detail),
        attempt.instance,
        escape(attempt.player),
        attempt.session,
    )


def attempt(row: Sequence[Any]) -> Attempt:
    """The inverse of `of_attempt`."""
    call, at, took_s, verdict, kind, detail, instance, player, session = row
    return Attempt(
        call=call,
        at=at,
        took_s=took_s,
        verdict=Verdict(verdict),
        kind=kind,
        detail=unescape(detail),
        instance=instance,
        player=unescape(player),
        session=session,
    )


def of_reason(reason: Reason) -> tuple[Any, ...]:
    """A reason as the values of `REASON_COLUMNS`."""
    who = escape(reason.who)
    return escape(reason.text), reason.source, reason.category, reason.at, who, reason.times, reason.last_at


def reason(row: Sequence[Any]) -> Reason:
    """The inverse of `of_reason`."""
    text, source, category, at, who, times, last_at = row
    return Reason(
        text=unescape(text),
        source=Source(source),
        category=category,
        at=at,
        who=unescape(who),
        times=times,
        last_at=last_at,
    )


def as_instance(row: Sequence[Any]) -> Instance:
    """An instance from a row of all its columns."""
    id_, started_at, lease_until, version, configuration = row
    return Instance(
        id=id_, started_at=started_at, lease_until=lease_until, version=version, configuration=configuration
    )


def of_text(text: str | None) -> str | None:
    """A text, escaped; None stays None."""
    return None if text is None else escape(text)


def of_money(amount: Money | None) -> tuple[str | None, str | None]:
    """An amount as exact decimal text without an exponent, and its currency; None as two NULLs."""
    return _NO_MONEY if amount is None else (f"{amount.amount:f}", escape(amount.currency))


def of_memory(memory: Mapping[str, str]) -> str:
    """A transfer's memory as a JSON object."""
    return _encode(_map_texts(escape, memory)).decode()


def _memory(operator: str, id_: str, text: str) -> Mapping[str, str]:
    try:
        return _map_texts(unescape, _decode_memory(text))
    except msgspec.DecodeError as error:
        # Not raised, for the same reason as with a session. The text stays in the row until a change brings a memory.
        log.error(  # noqa: TRY400 - the text says all
            "memory of a transfer not readable", operator=operator, id=unescape(id_), error=str(error)
        )
        return {}


def _money(amount: str | None, currency: str) -> Money | None:
    return None if amount is None else Money(Decimal(amount), unescape(currency))


def _map_texts(convert: Callable[[str], str], texts: Mapping[str, str]) -> dict[str, str]:
    return {convert(name): convert(text) for name, text in texts.items()} if texts else {}


def _token_bytes(token: str) -> bytes:
    # A game may send half of a surrogate pair in a token; strict UTF-8 would raise for it.
    return token.encode("utf-8", "surrogatepass")
