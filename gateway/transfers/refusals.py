"""Every no to the game, worded: an error code (docs/errors.md), and a text that is true and says what happens next."""

from __future__ import annotations

from typing import Final

from gateway.money import Money
from gateway.operators.errors import Declined, Kind, OperatorError, Refused, Unsent
from gateway.records import Attempt, Direction, State, Transfer, Verdict
from gateway.wire.errors import ErrorCode, WalletError

CODE_OF_KIND: Final = {
    Kind.SESSION: ErrorCode.SESSION,
    Kind.FUNDS: ErrorCode.FUNDS,
    Kind.LIMIT: ErrorCode.LIMIT,
    Kind.PLAYER: ErrorCode.PLAYER,
    Kind.CURRENCY: ErrorCode.CURRENCY,
    Kind.AMOUNT: ErrorCode.AMOUNT,
}


def failed_hold(transfer: Transfer, attempt: Attempt, *, unwritten: bool) -> WalletError:
    """The hold did not clearly succeed; `attempt` is its one try, `unwritten` whether nothing of it went out."""
    undone = f"the gateway rolls the {transfer.direction} back"
    if unwritten:
        undone = f"nothing was sent, and the {transfer.direction} is rolled back"
    if attempt.verdict is Verdict.UNKNOWN:
        return WalletError(ErrorCode.UNCLEAR, f"The operator's answer is unclear ({attempt.detail}); {undone}.")
    if attempt.verdict is Verdict.UNSENT:
        return WalletError(ErrorCode.NOT_SENT, f"The operator was not reached ({attempt.detail}); {undone}.")
    code = _code_of(Kind(attempt.kind) if attempt.kind else Kind.OTHER)
    return WalletError(code, f"The operator declined ({attempt.detail}); {undone}.")


def operator_error(error: OperatorError) -> WalletError:
    """A call that moves no money failed."""
    if isinstance(error, Declined):
        return WalletError(_code_of(error.kind), f"The operator declined: {error.text}.")
    if isinstance(error, Refused):
        return not_sent(error.text)
    if isinstance(error, Unsent):
        return WalletError(ErrorCode.NOT_SENT, f"The operator was not reached: {error.text}.")
    return WalletError(ErrorCode.UNCLEAR, f"The operator gave no clear answer: {error.text}.")


def not_sent(why: str) -> WalletError:
    """The gateway decided not to send."""
    return WalletError(ErrorCode.NOT_SENT, f"Nothing was sent to the operator: {why}.")


def retiring(direction: Direction) -> WalletError:
    """The operator takes no new holds: its unfinished transfers end, and then it is removed."""
    return WalletError(
        ErrorCode.RETIRING,
        f"The operator is being retired and takes no new {direction}; nothing was sent. Begin none for its players; "
        "what was begun before is confirmed or rolled back as ever.",
    )


def journal_unavailable(consequence: str) -> WalletError:
    """Nothing can be written down just now; `consequence` says what that means for the call."""
    return WalletError(ErrorCode.JOURNAL_UNAVAILABLE, f"The journal is not available: {consequence}.")


def not_recorded(transfer: Transfer) -> WalletError:
    """The hold was sent, but what came of it could not be written down."""
    return WalletError(
        ErrorCode.JOURNAL_UNAVAILABLE,
        f"The outcome of {transfer.id} could not be recorded; the gateway rolls the {transfer.direction} back.",
    )


def pending(transfer: Transfer) -> WalletError:
    """The decision is durable, its delivery is not finished, or was given up."""
    if transfer.state is State.PARKED:
        return WalletError(
            ErrorCode.PENDING,
            f"The operator has not acknowledged; {transfer.id} is recorded and parked, and a person is alerted. "
            "Each repeat of this call is one more try.",
        )
    return WalletError(
        ErrorCode.PENDING,
        f"The operator has not acknowledged yet; {transfer.id} is recorded as {transfer.state} and will be sent again.",
    )


def still_waiting(id: str) -> WalletError:
    """Another call about the same transfer has not ended within the time that this one may wait."""
    return WalletError(ErrorCode.PENDING, f"{id} is still being worked on; ask again.")


def id_reused(transfer: Transfer, amount: Money, description: str) -> WalletError:
    """A repeated hold has other content than the first; where amount and description are the same, another token."""
    differs = []
    if transfer.amount != amount:
        differs.append(f"it was for {transfer.amount}, now {amount} was sent")
    if transfer.description != description:
        differs.append("it had another txDescription")
    what = " and ".join(differs) or "it had another session token"
    return WalletError(
        ErrorCode.ID_REUSED,
        f"The id {transfer.id} was used before for a {transfer.direction} that differs: {what}. "
        f"The first one stands and is {_state_words(transfer)}; nothing was sent for this call. Use a new id.",
    )


def hold_after_confirm(transfer: Transfer) -> WalletError:
    """A hold comes after its confirm, and was never sent from here."""
    return WalletError(
        ErrorCode.CONFIRMED,
        f"A confirm of {transfer.id} came before this {transfer.direction} and is {_state_words(transfer)}; "
        f"no {transfer.direction} of this id was sent from here, and none is sent now. Use a new id.",
    )


def other_player(transfer: Transfer) -> WalletError:
    """An end is asked for with the session of another player than the transfer's."""
    return WalletError(
        ErrorCode.OTHER_PLAYER,
        f"The {transfer.direction} {transfer.id} belongs to another player than this session; nothing was changed or "
        "sent. Send it with a session of the player who began it.",
    )


def rolled_back(transfer: Transfer) -> WalletError:
    """Refused: the transfer is rolled back, or going to be."""
    return WalletError(ErrorCode.ROLLED_BACK, f"The {transfer.direction} {transfer.id} is {_state_words(transfer)}.")


def confirmed(transfer: Transfer) -> WalletError:
    """Refused: the transfer is confirmed, or going to be."""
    return WalletError(ErrorCode.CONFIRMED, f"The {transfer.direction} {transfer.id} is {_state_words(transfer)}.")


def amount_differs(transfer: Transfer, amount: Money) -> WalletError:
    """A confirm names another amount than the one held."""
    return WalletError(
        ErrorCode.AMOUNT_DIFFERS, f"{transfer.id} holds {transfer.amount}, not {amount}; nothing was sent."
    )


def unknown_transfer(id: str) -> WalletError:
    """The configuration refuses to end what never went through here."""
    return WalletError(ErrorCode.UNKNOWN_TRANSFER, f"No transfer {id} went through this gateway; nothing was sent.")


def _code_of(kind: Kind) -> ErrorCode:
    return CODE_OF_KIND.get(kind, ErrorCode.OTHER)


def _state_words(transfer: Transfer) -> str:
    return transfer.state.replace("_", " ")
