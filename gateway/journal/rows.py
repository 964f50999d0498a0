"""Records as rows: what both stores write and read, so that a journal can be moved from one to the other as it is.

Amounts are exact decimal text; times are Unix seconds; enums are their text. A session's token and memory are sealed
together in one value (`sealing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import structlog

from gateway.journal.interface import JournalMisconfigured
from gateway.journal.sealing import Sealer, Unsealable
from gateway.journal.text_escaping import escaped, unescaped
from gateway.money import Money
from gateway.reasons import Source
from gateway.records import (
    Attempt,
    Decision,
    Direction,
    Fate,
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
)
ATTEMPT_COLUMNS: Final = ("call", "at", "took_s", "verdict", "kind", "detail", "instance", "player", "session")
REASON_COLUMNS: Final = ("text", "source", "category", "at", "who", "times", "last_at")

_STATES: Final = {str(state): state for state in State}
_DIRECTIONS: Final = {str(direction): direction for direction in Direction}
_FATES: Final = {str(fate): fate for fate in Fate}
_WANTS: Final = {None: None} | {str(decision): decision for decision in Decision}
_NO_MONEY: Final = (None, None)

_secrets_of: Final = msgspec.json.Decoder(tuple[str, dict[str, str]]).decode
_secrets: Final = msgspec.json.Encoder().encode

log = structlog.get_logger(__name__)


class Rows:
    """Turns records into rows and back; `sealer` keeps what is secret in them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def of_transfer(self, transfer: Transfer) -> tuple[Any, ...]:
        """The values of `TRANSFER_COLUMNS`."""
        session = transfer.session
        return (
            escaped(transfer.id),
            transfer.operator,
            transfer.direction,
            transfer.state,
            *of_money(transfer.amount),
            escaped(transfer.description),
            escaped(session.player_id),
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
        ) = row
        return Transfer(
            operator=operator,
            direction=_DIRECTIONS[direction],
            id=unescaped(id_),
            state=_STATES[state],
            amount=_money(amount, currency),
            description=unescaped(description),
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
            rollback_reason=None if rollback_reason is None else unescaped(rollback_reason),
            spare_session=None if spare_session is None else self._spare(operator, player_id, spare_session),
        )

    def of_session(self, session: Session) -> bytes:
        """The session's secrets, sealed for its operator."""
        secrets = _secrets((escaped(session.token), _each(escaped, session.memory)))
        return self._sealer.seal(secrets, session.operator.encode())

    def of_spare(self, session: Session | None) -> bytes | None:
        """The same of a spare session, where there is one: its player is the transfer's."""
        return None if session is None else self.of_session(session)

    def session(self, operator: str, player_id: str, sealed: bytes, verified_at: float = 0.0) -> Session:
        """The inverse of `of_session`. A session whose key is gone has no token: a decision must still be delivered,
        and one transfer that cannot must not keep the others from it."""
        try:
            token, memory = _secrets_of(self._sealer.open(sealed, operator.encode()))
        except (Unsealable, msgspec.DecodeError) as error:
            log.error("session not readable", operator=operator, error=str(error))  # noqa: TRY400 - the text says it all
            return Session(operator=operator, token="", player_id=unescaped(player_id))
        return Session(
            operator=operator,
            token=unescaped(token),
            player_id=unescaped(player_id),
            memory=_each(unescaped, memory),
            verified_at=verified_at,
        )

    def _spare(self, operator: str, player_id: str, sealed: bytes) -> Session | None:
        """None where its key is gone: a spare session without a token is of no use. (It was sealed together with the
        transfer's session, so whoever must not lose one, as a copy must not, has failed at that already.)"""
        spare = self.session(operator, player_id, sealed)
        return spare if spare.token else None

    def require_key(self, operator: str, sealed: bytes) -> None:
        """Raises `JournalMisconfigured` if a sealed session cannot be opened: better at the start than at a call."""
        try:
            self._sealer.open(sealed, operator.encode())
        except Unsealable as error:
            raise JournalMisconfigured(
                f"{error}: give the key as encryption_key, or among former_encryption_keys"
            ) from None

    def digest(self, session: Session) -> bytes:
        """Under which a session is written."""
        return self._sealer.digest(_secret(session.token))

    def digests(self, token: str) -> list[bytes]:
        """Under which a session may have been written, the likeliest first."""
        return self._sealer.digests(_secret(token))


def of_key(key: Key) -> tuple[str, str, str]:
    """A key as the columns `id, operator, direction`."""
    operator, direction, id_ = key
    return escaped(id_), operator, direction


def of_attempt(attempt: Attempt) -> tuple[Any, ...]:
    """The values of `ATTEMPT_COLUMNS`."""
    return (
        attempt.call,
        attempt.at,
        attempt.took_s,
        attempt.verdict,
        attempt.kind,
        escaped(attempt.detail),
        attempt.instance,
        escaped(attempt.player),
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
        detail=unescaped(detail),
        instance=instance,
        player=unescaped(player),
        session=session,
    )


def of_reason(reason: Reason) -> tuple[Any, ...]:
    """The values of `REASON_COLUMNS`."""
    who = escaped(reason.who)
    return escaped(reason.text), reason.source, reason.category, reason.at, who, reason.times, reason.last_at


def reason(row: Sequence[Any]) -> Reason:
    """The inverse of `of_reason`."""
    text, source, category, at, who, times, last_at = row
    return Reason(
        text=unescaped(text),
        source=Source(source),
        category=category,
        at=at,
        who=unescaped(who),
        times=times,
        last_at=last_at,
    )


def of_text(text: str | None) -> str | None:
    """A text that may be missing."""
    return None if text is None else escaped(text)


def of_money(amount: Money | None) -> tuple[str | None, str | None]:
    """An amount as exact decimal text and its currency."""
    return _NO_MONEY if amount is None else (f"{amount.amount:f}", escaped(amount.currency))


def _money(amount: str | None, currency: str) -> Money | None:
    return None if amount is None else Money(Decimal(amount), unescaped(currency))


def _each(change: Callable[[str], str], texts: Mapping[str, str]) -> Mapping[str, str]:
    return {change(name): change(text) for name, text in texts.items()} if texts else texts


def _secret(token: str) -> bytes:
    return token.encode("utf-8", "surrogatepass")
