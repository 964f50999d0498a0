"""What `mm-gateway adapters try` prints: the requests and answers without their secrets, what the adapter made of them,
and what the gateway's own rules say comes next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.cli.adapters_try_call import Exchange, Trial
from gateway.cli.printing import print_line
from gateway.cli.views import View
from gateway.journal.writes import Change
from gateway.money import Money
from gateway.operators.adapter import Headers, HttpResponse, Player, TransferStatus
from gateway.operators.errors import Declined, OperatorError
from gateway.operators.outcome import Outcome, verdict_of
from gateway.reasons import Source
from gateway.records import FINAL, Decision, Reason, State, Transfer, Verdict
from gateway.secret_spellings import KnownSecrets
from gateway.settings import DeliverySettings
from gateway.transfers import rules
from gateway.wire.calls import END_CALL, HOLDS, LOOK_UP, WalletCall

HIDDEN: Final = "[hidden]"
NO_JITTER: Final = 0.5
"""The random share with which a try is due exactly when the schedule says."""

_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_ISSUED_TOKEN: Final = re.compile(r"""((?:access|refresh|id)_token["']?\s*[:=]\s*["']?)[^"'&\s,}]+""")
"""A token that the operator has issued: it stands in no setting."""

_FAILURES: Final = {
    Verdict.DECLINED: "declined",
    Verdict.NOT_FOUND: "not found",
    Verdict.UNSENT: "unsent",
    Verdict.UNKNOWN: "unclear",
}


def print_trial(trial: Trial) -> None:
    """Prints all of it."""
    for line in trial.before:
        print_line(f"before it, {line}")
    print_line(trial.title)
    for exchange in trial.exchanges:
        print_line("")
        for line in _request_lines(exchange):
            print_line(_without_secrets(line, trial.secrets))
        print_line("")
        for line in _answer_lines(exchange):
            print_line(_without_secrets(line, trial.secrets))
    print_line("")
    if not trial.exchanges:
        print_line("nothing was sent")
    for line in result_lines(trial):
        print_line(line)
    print_line(f"next: {next_step(trial, trial.command.settings.delivery)}")


def trial_view(trial: Trial) -> View:
    """The same as JSON shows it: each request and each answer in its lines."""
    return {
        "title": trial.title,
        "before": trial.before,
        "exchanges": [
            {
                "request": [_without_secrets(line, trial.secrets) for line in _request_lines(exchange)],
                "answer": [_without_secrets(line, trial.secrets) for line in _answer_lines(exchange)],
            }
            for exchange in trial.exchanges
        ],
        "result": result_lines(trial),
        "next": next_step(trial, trial.command.settings.delivery),
    }


def result_lines(trial: Trial) -> list[str]:
    """What the adapter made of the answer."""
    result, call = trial.result, trial.command.call
    match result:
        case Player():
            return [f"player {result.player_id}, {_balance_text(result.balance)}", *_memory_lines(result.memory)]
        case Money():
            return [f"balance {result}"]
        case TransferStatus():
            return [f"status: {result}"]
        case Outcome(verdict=Verdict.SUCCESS):
            note = [result.text] if result.text else []
            return [f"receipt, {_balance_text(result.balance)}", *note, *_memory_lines(result.memory)]
        case Outcome():
            return [_unsuccessful_text(result)]
        case OperatorError():
            verdict = verdict_of(result, WalletCall.GET_BALANCE if call == LOOK_UP else WalletCall(call))
            return [_failure_text(verdict, result.kind if isinstance(result, Declined) else None, result.text)]


def next_step(trial: Trial, plan: DeliverySettings) -> str:
    """What the gateway would do now."""
    result = trial.result
    if isinstance(result, Outcome):
        call = WalletCall(trial.command.call)
        return _after_hold(trial.transfer, call, result) if call in HOLDS else _after_end(trial, call, result, plan)
    match result:
        case Player():
            return "the session is remembered, and the game gets the player and the balance"
        case Money():
            return "the game gets the balance"
        case TransferStatus():
            return _after_look_up(result)
        case OperatorError():
            if trial.command.call == LOOK_UP:
                return "the end is sent again by its schedule"
            return "the game gets an error; nothing else happens"


def _after_hold(transfer: Transfer, call: WalletCall, outcome: Outcome) -> str:
    now = transfer.opened_at
    attempt = rules.build_attempt(call, outcome, transfer, "")
    if outcome.verdict is Verdict.SUCCESS:
        change = rules.mark_held(transfer, outcome, attempt, now)
    else:
        reason = Reason(text=outcome.text, source=Source.GATEWAY, category="", at=now)
        change = rules.roll_back_failed(transfer, outcome, attempt, reason, now)
    match change.to:
        case State.HELD:
            return "held: the game gets the balance, and the gateway waits for its confirm or rollback"
        case State.ROLLED_BACK:
            return "rolled back: nothing was written to the operator, so there is nothing to undo"
        case _:
            rollback = END_CALL[transfer.direction, Decision.ROLLBACK]
            return f"rolling back: the game gets an error, and {rollback} is sent {_due_text(change, now)}"


def _after_end(trial: Trial, call: WalletCall, outcome: Outcome, plan: DeliverySettings) -> str:
    transfer, now = trial.transfer, trial.transfer.opened_at
    attempt = rules.build_attempt(call, outcome, transfer, "")
    change = rules.after_try(transfer, attempt, outcome, plan, now, NO_JITTER)
    if change.to in FINAL:
        return f"{change.to.replace('_', ' ')}: the transfer has ended"
    if change.to is State.PARKED:
        return "parked: it is not sent again, and a person must look"
    again = f"{call} is sent again {_due_text(change, now)}"
    if change.missing_at is not None:
        return f"{again}: the hold may still be on its way"
    return f"{again}; tries go on until {plan.until / 3600:g} hours after the decision, then it is parked"


def _after_look_up(status: TransferStatus) -> str:
    ended = status in {TransferStatus.CONFIRMED, TransferStatus.ROLLED_BACK}
    return f"an end that wants {status} counts as done" if ended else "the end is sent again by its schedule"


def _due_text(change: Change, now: float) -> str:
    wait_s = 0.0 if change.due_at is None else change.due_at - now
    return f"in {wait_s:g} s" if wait_s > 0 else "at once"


def _unsuccessful_text(outcome: Outcome) -> str:
    if outcome.park:
        return f"park: {outcome.text}"
    if outcome.retry_after_s is not None:
        return f"retry later, after {outcome.retry_after_s:g} s: {outcome.text}"
    return _failure_text(outcome.verdict, outcome.kind, outcome.text)


def _failure_text(verdict: Verdict, kind: str | None, text: str) -> str:
    return f"{_FAILURES[verdict]}{f' ({kind})' if verdict is Verdict.DECLINED else ''}: {text}"


def _balance_text(balance: Money | None) -> str:
    return "without a balance that can be used" if balance is None else f"balance {balance}"


def _memory_lines(memory: Mapping[str, str]) -> list[str]:
    return [f"to remember: {name}={text}" for name, text in memory.items()]


def _request_lines(exchange: Exchange) -> list[str]:
    return [f"{exchange.method} {exchange.url}", *_header_lines(exchange.headers), *_body_lines(exchange.body or b"")]


def _answer_lines(exchange: Exchange) -> list[str]:
    answer: HttpResponse | None = exchange.answer
    if answer is None:
        return [f"no answer: {exchange.failure}"]
    return [f"HTTP {answer.status}", *_header_lines(answer.headers), *_body_lines(answer.body)]


def _header_lines(headers: Headers) -> list[str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [f"{name}: {HIDDEN if name.lower() in _SECRET_HEADERS else value}" for name, value in pairs]


def _body_lines(body: bytes) -> list[str]:
    return ["", *body.decode("utf-8", "replace").splitlines()] if body else []


def _without_secrets(line: str, secrets: Iterable[str]) -> str:
    return _ISSUED_TOKEN.sub(rf"\1{HIDDEN}", KnownSecrets(secrets).hide(line, (), HIDDEN))
